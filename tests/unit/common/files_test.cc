#include "common/files/files.h"

#include <gtest/gtest.h>

#include <iterator>

namespace isopop {
namespace {

namespace fs = std::filesystem;

TEST(FilesTest, WritesAndReadsBack) {
  const TempFolder folder = TempFolder::create("files-test-").value();
  const fs::path file = folder.path() / "a";
  ASSERT_TRUE(write_file_atomically(file, "one").ok());
  ASSERT_TRUE(write_file_atomically(file, std::string("two\0three", 9)).ok());
  EXPECT_EQ(read_file(file).value(), std::string("two\0three", 9));
  // Nothing but the target is left in the folder.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(FilesTest, SaysWhichFileIsMissing) {
  const Result<std::string> result = read_file("/nowhere/at-all");
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
  EXPECT_NE(result.error().message.find("/nowhere/at-all"), std::string::npos);
}

TEST(FilesTest, RefusesFoldersAndFilesOverTheBound) {
  const TempFolder folder = TempFolder::create("files-test-").value();
  EXPECT_EQ(read_file(folder.path()).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(write_file_atomically(folder.path() / "big", std::string(100'000, 'x')).ok());
  EXPECT_EQ(read_file(folder.path() / "big", 99'999).error().code, ErrorCode::kResourceExhausted);
}

TEST(FilesTest, AFailedWriteLeavesNothing) {
  EXPECT_FALSE(write_file_atomically("/nowhere/at-all", "x").ok());
}

TEST(FilesTest, ATempFolderGoesWithItsObject) {
  fs::path path;
  {
    TempFolder first = TempFolder::create("files-test-").value();
    const TempFolder second = std::move(first);
    path = second.path();
    EXPECT_TRUE(fs::is_directory(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(FilesTest, APathHasOneSpelling) {
  const TempFolder folder = TempFolder::create("files-test-").value();
  const fs::path plain = absolute_path(folder.path() / "state").value();
  EXPECT_EQ(absolute_path(folder.path() / "x" / ".." / "state" / "").value(), plain);
}

}  // namespace
}  // namespace isopop
