// A control plane whose state folder is on a disk that takes nothing. The disk is a small one in
// memory, mounted where only this test's processes see it; where that is not allowed, the test says
// so and is skipped.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "common/files/files.h"
#include "tests/support/command.h"
#include "tests/support/small_disk.h"

namespace isopop::control::test {
namespace {

using isopop::test::CommandOutcome;
using isopop::test::mount_small_disk;
using ::testing::HasSubstr;

CommandOutcome start_on(const std::filesystem::path& state) {
  return isopop::test::run_command(isopop::test::program_path("isopop-control"),
                                   {"--state", state.string(), "--pki", (state / "pki").string(),
                                    "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"});
}

// In one test: there is one disk, and it cannot be had twice.
TEST(ControlFullDiskTest, ItSaysWhatToDoAndEnds) {
  const TempFolder folder = TempFolder::create("control_full_disk").value();
  const std::string why_not = mount_small_disk(folder.path(), "128k");
  if (!why_not.empty()) GTEST_SKIP() << "no disk of our own: " << why_not;

  const CommandOutcome full = start_on(folder.path() / "state");
  EXPECT_FALSE(full.timed_out);
  EXPECT_EQ(full.status.code, 1) << full.describe();
  EXPECT_THAT(full.errors, HasSubstr("in the state folder: make more, or choose another one with"));

  ASSERT_EQ(mount("small", folder.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), 0)
      << strerror(errno);
  for (const char* name : {"state", "new"}) {
    const CommandOutcome readable = start_on(folder.path() / name);
    EXPECT_FALSE(readable.timed_out);
    EXPECT_EQ(readable.status.code, 1) << readable.describe();
    EXPECT_THAT(readable.errors, HasSubstr("read-only file system: choose another one with"));
  }
  EXPECT_EQ(umount2(folder.path().c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace isopop::control::test
