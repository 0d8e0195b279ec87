#include "control_plane/relay/bundle_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "common/files/files.h"
#include "common/hash/hash.h"

namespace isopop::control {
namespace {

class BundleFolderTest : public testing::Test {
 protected:
  BundleFolder open(std::uint64_t bytes_max = 1'000) {
    return std::move(BundleFolder::open(folder_.path(), bytes_max)).value();
  }
  static std::string put(BundleFolder& folder, const std::string& bytes) {
    const std::string sha256 = sha256_hex(bytes);
    EXPECT_TRUE(folder.put(sha256, bytes).ok());
    return sha256;
  }
  TempFolder folder_ = std::move(TempFolder::create("bundle-folder-")).value();
};

TEST_F(BundleFolderTest, GivesBackWhatItWasGivenAlsoWhenOpenedAnew) {
  std::string sha256;
  {
    BundleFolder folder = open();
    sha256 = put(folder, "code");
    EXPECT_EQ(folder.find(sha256), "code");
  }
  EXPECT_EQ(open().find(sha256), "code");
  EXPECT_FALSE(open().find(sha256_hex("other")));
}

TEST_F(BundleFolderTest, DamagedFilesAreNotThere) {
  BundleFolder folder = open();
  const std::string sha256 = put(folder, "code");
  ASSERT_TRUE(write_file_atomically(folder_.path() / sha256, "c0de").ok());
  EXPECT_FALSE(folder.find(sha256));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / sha256));
  put(folder, "code");
  EXPECT_EQ(folder.find(sha256), "code");
}

TEST_F(BundleFolderTest, TheOldestGoWhenThereAreTooManyBytes) {
  BundleFolder folder = open(1'000);
  const std::string first = put(folder, std::string(400, 'a'));
  const std::string second = put(folder, std::string(400, 'b'));
  const std::string third = put(folder, std::string(400, 'c'));
  EXPECT_FALSE(folder.find(first));
  EXPECT_TRUE(folder.find(second));
  EXPECT_TRUE(folder.find(third));
  const std::string huge = put(folder, std::string(2'000, 'd'));
  EXPECT_FALSE(folder.find(huge)) << "larger than all there may be";
  EXPECT_TRUE(folder.find(third));
}

TEST_F(BundleFolderTest, NamesThatAreNoHashesComeNearNoFile) {
  BundleFolder folder = open();
  EXPECT_FALSE(folder.find("../secret"));
  EXPECT_TRUE(folder.put("../secret", "x").ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.path().parent_path() / "secret"));
}

}  // namespace
}  // namespace isopop::control
