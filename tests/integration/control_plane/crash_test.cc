#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/hash/hash.h"
#include "common/rpc/rpc.h"
#include "common/time/clock.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/sqlite.h"
#include "isopop/v1/control.grpc.pb.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/control_plane/kill_at_write.h"

namespace isopop::control::test {
namespace {

constexpr const char* kWorker = "shop";
// Far more than a deploy has; one that never ends would be an error of its own.
constexpr std::uint64_t kCrashPointsMax = 2'000;

// The n-th thing that is deployed: all of it says n.
std::string code_of(std::uint64_t n) {
  return "export default { fetch() { return new Response('hi'); } };// " + std::to_string(n);
}
std::string route_of(std::uint64_t n) {
  return "shop-" + std::to_string(n) + ".example/*";
}
std::string bundle_of(std::uint64_t n) {
  v1::Bundle bundle;
  bundle.set_main_module("index.js");
  v1::Module& module = *bundle.add_modules();
  module.set_name("index.js");
  module.set_type(v1::MODULE_TYPE_ES_MODULE);
  module.set_content(code_of(n));
  return canonical_bundle(bundle, {}).value().bytes;
}

class CrashTest : public ::testing::Test {
 protected:
  void start() {
    control_.start();
    stub_ = v1::Control::NewStub(rpc::connect(control_.endpoint()));
  }

  // What the one who deploys is told.
  grpc::Status deploy(std::uint64_t n) {
    const std::string bundle = bundle_of(n);
    grpc::ClientContext context;
    v1::DeployResponse response;
    const auto writer = stub_->Deploy(&context, &response);
    v1::DeployRequest request;
    v1::DeployRequest::Start& start = *request.mutable_start();
    start.set_worker(kWorker);
    start.add_routes(route_of(n));
    start.set_tag(std::to_string(n));
    start.set_bundle_bytes(bundle.size());
    if (writer->Write(request)) {
      request.set_bundle_data(bundle);
      static_cast<void>(writer->Write(request));
    }
    writer->WritesDone();
    return writer->Finish();
  }

  std::string download(std::uint64_t number) {
    grpc::ClientContext context;
    v1::GetVersionRequest request;
    request.set_worker(kWorker);
    request.set_number(number);
    const auto reader = stub_->DownloadVersion(&context, request);
    std::string bytes;
    v1::BundlePiece piece;
    while (reader->Read(&piece)) bytes += piece.data();
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return bytes;
  }

  // Of all that is there, which n is live: everything must say the same one.
  std::uint64_t live() {
    grpc::ClientContext context;
    v1::ListDeploymentsRequest request;
    request.set_worker(kWorker);
    request.set_limit(1'000);
    v1::ListDeploymentsResponse response;
    const grpc::Status status = stub_->ListDeployments(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    const auto count = static_cast<std::uint64_t>(response.deployments_size());
    for (std::uint64_t i = 0; i < count; ++i) {
      const v1::Deployment& each = response.deployments(static_cast<int>(i));
      EXPECT_EQ(each.number(), count - i);
      EXPECT_EQ(each.state(), i == 0 ? v1::DEPLOYMENT_STATE_LIVE : v1::DEPLOYMENT_STATE_SUPERSEDED);
    }
    const v1::Deployment& newest = response.deployments(0);
    EXPECT_EQ(newest.shares_size(), 1);
    EXPECT_EQ(newest.shares(0).weight(), 10'000U);
    // One version a deployment: neither is there without the other.
    EXPECT_EQ(newest.shares(0).number(), count);
    const v1::WorkerVersion version = newest_version(count);
    EXPECT_EQ(version.number(), count);
    const std::uint64_t n = std::stoull(version.tag());
    EXPECT_EQ(version.routes(0), route_of(n));
    EXPECT_EQ(version.bundle_sha256(), sha256_hex(bundle_of(n)));
    EXPECT_EQ(download(count), bundle_of(n));
    EXPECT_EQ(on_disk_routes(), std::set<std::string>{route_of(n)});
    return n;
  }

  v1::WorkerVersion newest_version(std::uint64_t count) {
    grpc::ClientContext context;
    v1::ListVersionsRequest request;
    request.set_worker(kWorker);
    v1::ListVersionsResponse response;
    const grpc::Status status = stub_->ListVersions(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(static_cast<std::uint64_t>(response.versions_size()), count);
    EXPECT_EQ(response.live_number(), count);
    return response.versions(0);
  }

  std::set<std::string> on_disk_routes() {
    const auto database = Database::open_read_only(control_.state() / "control.db", "").value();
    std::set<std::string> routes;
    Statement check = database->prepare("PRAGMA integrity_check").value();
    EXPECT_TRUE(check.step().value());
    EXPECT_EQ(check.text(0), "ok");
    Statement rows = database->prepare("SELECT pattern FROM routes").value();
    while (rows.step().value()) routes.insert(rows.text(0));
    const SystemClock clock;
    EXPECT_EQ(AuditLog(*database, clock).first_damaged().value(), 0U);
    return routes;
  }

  ControlProcess control_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

TEST_F(CrashTest, KilledAtAnyStepOfADeployItHasTheOldOneWholeOrTheNewOneWhole) {
  const Result<void> possible = KillAtWrite::is_possible();
  if (!possible.ok()) GTEST_SKIP() << possible.error().message;
  start();
  ASSERT_TRUE(deploy(0).ok());
  std::uint64_t expected = live();
  ASSERT_EQ(expected, 0U);
  std::uint64_t killed_before_commit = 0;
  std::uint64_t killed_after_commit = 0;
  for (std::uint64_t point = 1; point < kCrashPointsMax; ++point) {
    SCOPED_TRACE("crash point " + std::to_string(point));
    grpc::Status told;
    bool killed = false;
    {
      const KillAtWrite killer(control_.pid(), point);
      told = deploy(point);
      killed = killer.has_killed();
    }
    if (!killed) {
      ASSERT_TRUE(told.ok()) << told.error_message();
      EXPECT_EQ(live(), point);
      break;
    }
    static_cast<void>(control_.stop(SIGKILL));
    start();
    const std::uint64_t now = live();
    ASSERT_TRUE(now == expected || now == point) << now;
    if (told.ok()) {
      ASSERT_EQ(now, point) << "acknowledged and not there";
    }
    ++(now == point ? killed_after_commit : killed_before_commit);
    expected = now;
  }
  // Both sides of the commit were met; else the test looks at the wrong calls.
  EXPECT_GE(killed_before_commit, 4U);
  EXPECT_GE(killed_after_commit, 1U);
  RecordProperty("before_commit", static_cast<int>(killed_before_commit));
  RecordProperty("after_commit", static_cast<int>(killed_after_commit));
}

}  // namespace
}  // namespace isopop::control::test
