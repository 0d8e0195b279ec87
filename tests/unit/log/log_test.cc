#include "common/log/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "common/files/files.h"

namespace isopop {
namespace {

using testing::HasSubstr;

// What `write` puts on standard error, when that is a file opened with these flags.
template <typename Write>
std::string captured(int flags, Write write) {
  const TempFolder folder = TempFolder::create("isopop-log-test").value();
  const std::filesystem::path file = folder.path() / "log";
  const UniqueFd output(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
  const UniqueFd before(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10));
  EXPECT_GE(dup2(output.get(), STDERR_FILENO), 0);
  write();
  EXPECT_GE(dup2(before.get(), STDERR_FILENO), 0);
  return read_file(file).value();
}

void write_lines(int count) {
  for (int i = 0; i < count; ++i) log_info("line {} of many that fill a file", i);
}

TEST(Log, BeginsAFileAnewWhenItIsTooLarge) {
  const std::string text = captured(O_APPEND, [] {
    configure_log({.program = "test", .file_bytes_max = 4096});
    write_lines(1000);
  });
  EXPECT_LT(text.size(), 2U * 4096U);
  EXPECT_THAT(text, HasSubstr("begun anew"));
  EXPECT_THAT(text, HasSubstr("line 999 of many"));
}

TEST(Log, LeavesOtherFilesAlone) {
  const std::string unlimited = captured(O_APPEND, [] {
    configure_log({.program = "test"});
    write_lines(1000);
  });
  EXPECT_THAT(unlimited, HasSubstr("line 0 of many"));
  const std::string not_appending = captured(0, [] {
    configure_log({.program = "test", .file_bytes_max = 4096});
    write_lines(1000);
  });
  EXPECT_THAT(not_appending, HasSubstr("line 0 of many"));
}

TEST(Log, WritesOneJsonObjectALine) {
  const std::string text = captured(O_APPEND, [] {
    configure_log({.program = "test", .format = LogOptions::Format::kJson});
    log_warning("a \"quoted\"\nmessage");
    log_debug("not shown");
  });
  EXPECT_THAT(
      text, HasSubstr(R"("level":"warning","program":"test","message":"a \"quoted\"\nmessage"})"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

}  // namespace
}  // namespace isopop
