// A PoP whose store is on a disk that is full. The disk is a small one in memory, mounted where
// only this test's processes see it; where that is not allowed, the test says so and is skipped.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/small_disk.h"
#include "tests/support/wait.h"

namespace isopop::pop {
namespace {

using test::mount_small_disk;
using test::wait_until;

// Until there is no room for another byte.
void fill(const std::filesystem::path& file) {
  std::ofstream filler(file, std::ios::binary);
  const std::string page(4096, 'x');
  while (filler.write(page.data(), static_cast<std::streamsize>(page.size())) && filler.flush()) {
  }
}

TEST(PopFullDiskTest, ItServesOnRejectsWhatItCannotKeepAndSaysWhy) {
  const TempFolder folder = TempFolder::create("full_disk").value();
  const std::string why_not = mount_small_disk(folder.path(), "2m");
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
