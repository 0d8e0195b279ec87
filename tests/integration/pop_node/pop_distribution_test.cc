// How worker versions reach a PoP over a real Distribution stream, and what it does without one.

#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::pop {
namespace {

using test::wait_until;

const PopProcessOptions kScripted{.executor = scripted_executor(), .arguments = {}};

std::string body_of(const PopProcess& pop, const std::string& host) {
  const Result<RawResponse> response = request(pop.address(), host);
  return response.ok() ? response.value().body : response.error().message;
}

unsigned ready_status(const PopProcess& pop) {
  return request(pop.address(), "any", "/__isopop/readyz").value().status;
}

TEST(PopDistributionTest, IsReadyOnceItHasEverythingThatIsLive) {
  TestControlPlane control;
  control.set_live(make_worker("a", 3, "hello"));
  control.set_live(make_worker("b", 1, "hello"));
  const PopProcess pop(control.address(), kScripted);
  ASSERT_TRUE(wait_until([&] { return ready_status(pop) == 200; })) << pop.log();
  EXPECT_EQ(body_of(pop, "a.example"), "hello 1");
  EXPECT_EQ(body_of(pop, "b.example"), "hello 1");
}

TEST(PopDistributionTest, ADamagedBundleIsRejectedAndTheOldVersionStays) {
  TestControlPlane control;
  const PopProcess pop(control.address(), kScripted);
  ASSERT_TRUE(control.wait_connected());
  ASSERT_TRUE(control.deploy(make_worker("site", 1, "hello")).value().acked);
  const auto answer = control.deploy_damaged(make_worker("site", 2, "crash"));
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_FALSE(answer.value().acked);
  EXPECT_EQ(answer.value().kept_number, 1U);
  EXPECT_NE(answer.value().error.find("SHA-256"), std::string::npos) << answer.value().error;
  EXPECT_EQ(body_of(pop, "site.example"), "hello 1");
}

TEST(PopDistributionTest, AnIsolationModeThatIsNotKnownIsRejected) {
  TestControlPlane control;
  const PopProcess pop(control.address(), kScripted);
  ASSERT_TRUE(control.wait_connected());
  const auto answer =
      control.deploy(make_worker("site", 1, "hello", static_cast<v1::Isolation>(77))).value();
  EXPECT_FALSE(answer.acked);
  EXPECT_NE(answer.error.find("isolation mode 77"), std::string::npos) << answer.error;
  EXPECT_EQ(control.bundles_sent(), 0U);  // nothing was fetched in vain
}

TEST(PopDistributionTest, CodeOfSeveralPiecesArrivesWholeAndIsFetchedOnce) {
  TestControlPlane control;
  const PopProcess pop(control.address(), kScripted);
  ASSERT_TRUE(control.wait_connected());
  const std::string source = "hello " + std::string(700'000, 'x');
  ASSERT_TRUE(control.deploy(make_worker("big", 1, source)).value().acked);
  EXPECT_EQ(body_of(pop, "big.example"), "hello 1");
  ASSERT_TRUE(control.deploy(make_worker("big", 2, source)).value().acked);  // the same code
  EXPECT_EQ(control.bundles_sent(), 1U);
}

TEST(PopDistributionTest, ARemovedWorkerIsGone) {
  TestControlPlane control;
  const PopProcess pop(control.address(), kScripted);
  ASSERT_TRUE(control.wait_connected());
  ASSERT_TRUE(control.deploy(make_worker("site", 1, "hello")).value().acked);
  EXPECT_EQ(body_of(pop, "site.example"), "hello 1");
  ASSERT_TRUE(control.remove("site").value().acked);
  EXPECT_EQ(request(pop.address(), "site.example").value().status, 404U);
  EXPECT_TRUE(wait_until([&] { return pop.executors().empty(); }));
}

TEST(PopDistributionTest, BeatsEverySecond) {
  TestControlPlane control;
  const PopProcess pop(control.address(), kScripted);
  EXPECT_TRUE(wait_until([&] { return control.heartbeats() >= 2; }));
}

TEST(PopDistributionTest, TellsOnceAStreamWhatConfinesItsExecutors) {
  auto control = std::make_unique<TestControlPlane>();
  const std::string address = control->address();
  const PopProcess pop(address, kScripted);
  ASSERT_TRUE(wait_until([&] { return !control->sandboxes().empty(); }));
  const std::uint64_t told_at = control->heartbeats();
  ASSERT_TRUE(wait_until([&] { return control->heartbeats() >= told_at + 2; }));
  const std::vector<v1::SandboxReport> sandboxes = control->sandboxes();
  ASSERT_EQ(sandboxes.size(), 1U);
  ASSERT_EQ(sandboxes[0].measures_size(), 2);
  EXPECT_TRUE(sandboxes[0].measures(0).active());
  EXPECT_FALSE(sandboxes[0].measures(1).active());
  EXPECT_FALSE(sandboxes[0].measures(1).detail().empty());
  control.reset();
  control = std::make_unique<TestControlPlane>(address);
  EXPECT_TRUE(wait_until([&] { return !control->sandboxes().empty(); })) << pop.log();
}

TEST(PopDistributionTest, ServesOnWithoutAControlPlaneAndComesBackToIt) {
  auto control = std::make_unique<TestControlPlane>();
  const std::string address = control->address();
  const PopProcess pop(address, kScripted);
  ASSERT_TRUE(control->wait_connected());
  ASSERT_TRUE(control->deploy(make_worker("site", 1, "hello")).value().acked);
  EXPECT_EQ(body_of(pop, "site.example"), "hello 1");
  control.reset();
  EXPECT_TRUE(
      wait_until([&] { return pop.log().find("serving what is here") != std::string::npos; }));
  EXPECT_EQ(body_of(pop, "site.example"), "hello 2");
  control = std::make_unique<TestControlPlane>(address);
  ASSERT_TRUE(control->wait_connected()) << pop.log();
  ASSERT_TRUE(control->deploy(make_worker("site", 2, "hello")).value().acked);
  EXPECT_EQ(body_of(pop, "site.example"), "hello 1");
}

TEST(PopDistributionTest, ServesItsLastVersionsAfterARestartWithoutAControlPlane) {
  auto control = std::make_unique<TestControlPlane>();
  PopProcess pop(control->address(), kScripted);
  ASSERT_TRUE(control->wait_connected());
  ASSERT_TRUE(control->deploy(make_worker("site", 1, "hello")).value().acked);
  control.reset();
  ASSERT_TRUE(pop.stop(SIGKILL).has_value());
  pop.start();
  EXPECT_EQ(body_of(pop, "site.example"), "hello 1");
  EXPECT_EQ(ready_status(pop), 200U);
}

TEST(PopDistributionTest, ARefusalIsLoggedAndRetriedSlowly) {
  TestControlPlane control;
  control.refuse("this control plane speaks distribution protocol 2");
  const PopProcess pop(control.address(), kScripted);
  EXPECT_TRUE(
      wait_until([&] { return pop.log().find("distribution protocol 2") != std::string::npos; }));
  EXPECT_EQ(control.streams(), 1U);
  EXPECT_EQ(ready_status(pop), 503U);
}

TEST(PopDistributionTest, AnAddressInUseIsSaidAndEndsTheProgram) {
  TestControlPlane control;
  const PopProcess first(control.address(), kScripted);
  const test::CommandOutcome second = test::run_command(
      test::program_path("isopop-pop"),
      {"--id", "FRA", "--listen", first.address(), "--state", first.state().string()});
  EXPECT_EQ(second.status.code, 1) << second.describe();
  EXPECT_NE(second.errors.find(first.address()), std::string::npos) << second.describe();
  EXPECT_NE(second.errors.find("in use"), std::string::npos) << second.describe();
}

TEST(PopDistributionTest, BadOptionsAreNamed) {
  const test::CommandOutcome north =
      test::run_command(test::program_path("isopop-pop"), {"--id", "X", "--lat", "95"});
  EXPECT_EQ(north.status.code, 1);
  EXPECT_NE(north.errors.find("95"), std::string::npos) << north.describe();
  const test::CommandOutcome nobody = test::run_command(test::program_path("isopop-pop"), {});
  EXPECT_EQ(nobody.status.code, 1);
  EXPECT_NE(nobody.errors.find("--id"), std::string::npos) << nobody.describe();
}

}  // namespace
}  // namespace isopop::pop
