// A PoP whose store is on a disk that is full. The disk is a small one in memory, mounted where
// only this test's processes see it; where that is not allowed, the test says so and is skipped.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/wait.h"

namespace isopop::pop {
namespace {

using test::wait_until;

// "" when it is done, else why it cannot be. Only before there are threads.
std::string mount_small_disk(const std::filesystem::path& folder) {
  const auto failed = [](const char* what) { return std::string(what) + ": " + strerror(errno); };
  const uid_t uid = getuid();
  const gid_t gid = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return failed("unshare");
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << uid << " " << uid << " 1";
  std::ofstream("/proc/self/gid_map") << gid << " " << gid << " 1";
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("mount");
  if (mount("small", folder.c_str(), "tmpfs", 0, "size=2m") != 0) return failed("mount tmpfs");
  return "";
}

// Until there is no room for another byte.
void fill(const std::filesystem::path& file) {
  std::ofstream filler(file, std::ios::binary);
  const std::string page(4096, 'x');
  while (filler.write(page.data(), static_cast<std::streamsize>(page.size())) && filler.flush()) {
  }
}

TEST(PopFullDiskTest, ItServesOnRejectsWhatItCannotKeepAndSaysWhy) {
  const TempFolder folder = TempFolder::create("full_disk").value();
  const std::string why_not = mount_small_disk(folder.path());
  if (!why_not.empty()) GTEST_SKIP() << "no disk of our own: " << why_not;
  setenv("TMPDIR", folder.path().c_str(), 1);
  TestControlPlane control;
  const PopProcess pop(control.address(), {.executor = scripted_executor(), .arguments = {}});
  ASSERT_TRUE(control.wait_connected()) << pop.log();
  ASSERT_TRUE(control.deploy(make_worker("site", 1, "tell one")).value().acked);

  const std::filesystem::path filler = folder.path() / "filler";
  fill(filler);
  const auto answer = control.deploy(make_worker("site", 2, "tell two")).value();
  EXPECT_FALSE(answer.acked);
  EXPECT_EQ(answer.kept_number, 1U);
  EXPECT_NE(answer.error.find("No space left on device"), std::string::npos) << answer.error;
  EXPECT_TRUE(wait_until([&] {
    const v1::Heartbeat heartbeat = control.heartbeat();
    return std::any_of(heartbeat.problems().begin(), heartbeat.problems().end(),
                       [](const std::string& problem) {
                         return problem.find("its store cannot be written") != std::string::npos;
                       });
  }));
  EXPECT_EQ(request(pop.address(), "site.example").value().body, "one");

  std::filesystem::remove(filler);
  ASSERT_TRUE(control.deploy(make_worker("site", 2, "tell two")).value().acked);
  EXPECT_EQ(request(pop.address(), "site.example").value().body, "two");
  EXPECT_TRUE(wait_until([&] { return control.heartbeat().problems().empty(); }));
}

}  // namespace
}  // namespace isopop::pop
