#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "common/rpc/rpc.h"
#include "control_plane/registry/sqlite.h"
#include "isopop/v1/control.grpc.pb.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::CommandOutcome;
using isopop::test::wait_until;
using ::testing::HasSubstr;

constexpr const char* kCode = "export default { fetch() { return new Response('hi'); } };";

// Starts another isopop-control that is expected to give up.
CommandOutcome run_control(const std::vector<std::string>& arguments) {
  return isopop::test::run_command(isopop::test::program_path("isopop-control"), arguments,
                                   {.timeout = std::chrono::seconds(10)});
}
std::vector<std::string> arguments_for(const std::filesystem::path& state) {
  return {"--state", state.string(), "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"};
}

TEST(ControlFaults, KilledRightAfterAnAcknowledgedDeploymentItIsStillThere) {
  ControlProcess control;
  control.start();
  for (int round = 1; round <= 3; ++round) {
    const auto outcome =
        control.deploy("hello", std::string(kCode) + "// " + std::to_string(round));
    ASSERT_TRUE(outcome.success()) << outcome.describe();
    static_cast<void>(control.stop(SIGKILL));
    control.start();
    EXPECT_THAT(control.popctl({"versions", "hello"}).output,
                HasSubstr("v" + std::to_string(round) + "  yes"));
  }
}

TEST(ControlFaults, UnreachableControlPlaneIsSaidWithinSeconds) {
  ControlProcess control;
  control.start();
  const std::string endpoint = control.endpoint();
  static_cast<void>(control.stop(SIGKILL));
  const auto begun = std::chrono::steady_clock::now();
  const auto outcome = control.popctl({"list"});
  EXPECT_EQ(outcome.status.code, 6) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr(endpoint));
  EXPECT_THAT(outcome.errors, HasSubstr("isopop up"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST(ControlFaults, TwoOnOneStateFolderAreRefused) {
  ControlProcess control;
  control.start();
  const auto second = run_control(arguments_for(control.state()));
  EXPECT_EQ(second.status.code, 1) << second.describe();
  EXPECT_THAT(second.errors, HasSubstr("in use by another isopop-control"));
  EXPECT_TRUE(control.popctl({"list"}).success());
}

TEST(ControlFaults, AddressInUseIsSaid) {
  ControlProcess control;
  control.start();
  const auto second = run_control({"--state", (control.folder() / "other").string(), "--listen",
                                   control.endpoint(), "--http-listen", "127.0.0.1:0"});
  EXPECT_EQ(second.status.code, 1) << second.describe();
  EXPECT_THAT(second.errors, HasSubstr(control.endpoint()));
  EXPECT_THAT(second.errors, HasSubstr("in use"));
}

TEST(ControlFaults, DamagedDatabaseIsSaidAndLeftAsItIs) {
  ControlProcess control;
  control.start();
  ASSERT_TRUE(control.deploy("hello", kCode).success());
  EXPECT_TRUE(control.stop(SIGTERM).success());
  const std::filesystem::path database = control.state() / "control.db";
  const std::string garbage(4096, 'x');
  std::ofstream(database, std::ios::binary) << garbage;
  const auto outcome = run_control(arguments_for(control.state()));
  EXPECT_EQ(outcome.status.code, 1) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("control.db is damaged"));
  EXPECT_EQ(read_file(database).value(), garbage);
}

TEST(ControlFaults, DatabaseOfANewerReleaseIsSaid) {
  ControlProcess control;
  control.start();
  EXPECT_TRUE(control.stop(SIGTERM).success());
  {
    const auto database = Database::open(control.state() / "control.db").value();
    ASSERT_TRUE(database->execute("PRAGMA user_version = 999").ok());
  }
  const auto outcome = run_control(arguments_for(control.state()));
  EXPECT_EQ(outcome.status.code, 1) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("newer isopop-control"));
}

TEST(ControlFaults, MissingExecutorRefusesDeploymentsAndNothingElse) {
  ControlProcess control;
  control.start({"--executor", "/nowhere/isopop-executor"});
  const auto outcome = control.deploy("hello", kCode);
  EXPECT_EQ(outcome.status.code, 1) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("/nowhere/isopop-executor"));
  EXPECT_TRUE(control.popctl({"list"}).success());
}

// Uploads by hand, to break them.
class UploadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    control_.start();
    stub_ = v1::Control::NewStub(rpc::connect(control_.endpoint()));
  }

  static v1::DeployRequest start_of(const std::string& name, std::uint64_t bytes) {
    v1::DeployRequest request;
    request.mutable_start()->set_worker(name);
    request.mutable_start()->set_bundle_bytes(bytes);
    return request;
  }
  static v1::DeployRequest data_of(const std::string& bytes) {
    v1::DeployRequest request;
    request.set_bundle_data(bytes);
    return request;
  }
  grpc::Status upload(const std::vector<v1::DeployRequest>& parts) {
    grpc::ClientContext context;
    v1::DeployResponse response;
    const auto writer = stub_->Deploy(&context, &response);
    for (const v1::DeployRequest& part : parts) {
      if (!writer->Write(part)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }
  void expect_refused(const grpc::Status& status, const std::string& words) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(words));
    EXPECT_TRUE(control_.popctl({"list"}).success());
  }

  ControlProcess control_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

TEST_F(UploadTest, CutOffUploadIsRefused) {
  expect_refused(upload({start_of("a", 1000), data_of("short")}), "cut off after 5 of 1000");
  expect_refused(upload({}), "cut off");
}

TEST_F(UploadTest, UploadThatLiesAboutItsLengthIsRefused) {
  expect_refused(upload({start_of("a", 3), data_of("too long")}), "longer than it said");
}

TEST_F(UploadTest, UploadInTheWrongOrderIsRefused) {
  expect_refused(upload({data_of("x")}), "begins with its start");
  expect_refused(upload({start_of("a", 3), start_of("a", 3)}), "second start");
}

TEST_F(UploadTest, HugeUploadIsRefusedBeforeItsBytesCome) {
  expect_refused(upload({start_of("a", 1ULL << 40U)}), "at most");
}

TEST_F(UploadTest, ScriptLimitOfAWorkerIsCheckedHereToo) {
  v1::Bundle bundle;
  bundle.set_main_module("index.js");
  v1::Module& module = *bundle.add_modules();
  module.set_name("index.js");
  module.set_type(v1::MODULE_TYPE_ES_MODULE);
  module.set_content(kCode);
  const std::string bytes = bundle.SerializeAsString();
  v1::DeployRequest start = start_of("a", bytes.size());
  v1::WorkerLimits& limits = *start.mutable_start()->mutable_settings()->mutable_limits();
  limits.set_script_bytes(10);
  expect_refused(upload({start, data_of(bytes)}), "limit script");
  // One that allows more than the default is believed, up to what there may be at all.
  start.mutable_start()->set_bundle_bytes(15ULL << 20U);
  expect_refused(upload({start}), "at most");
  limits.set_script_bytes(20ULL << 20U);
  expect_refused(upload({start}), "cut off");
  limits.set_script_bytes(1ULL << 40U);
  expect_refused(upload({start}), "limit script");
}

TEST_F(UploadTest, GarbageIsNoBundle) {
  expect_refused(upload({start_of("a", 7), data_of("garbage")}), "not a bundle");
}

TEST_F(UploadTest, NamesAreCheckedHereToo) {
  expect_refused(upload({start_of("../etc", 7), data_of("garbage")}), "worker name");
  expect_refused(upload({start_of(std::string("a\0b", 3), 7), data_of("garbage")}), "worker name");
}

TEST_F(UploadTest, ClientThatGoesAwayAmidAnUploadLeavesNothing) {
  {
    grpc::ClientContext context;
    v1::DeployResponse response;
    const auto writer = stub_->Deploy(&context, &response);
    EXPECT_TRUE(writer->Write(start_of("a", 1000)));
    context.TryCancel();
    EXPECT_FALSE(writer->Finish().ok());
  }
  EXPECT_EQ(control_.popctl({"list", "-o", "json"}).output, "[]\n");
}

TEST_F(UploadTest, UploadsThatNeverEndAreBounded) {
  // More than the 64 that are taken, so that all places stay full whichever comes first.
  constexpr int kUploads = 64 + 16;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<v1::DeployResponse>> responses;
  std::vector<std::unique_ptr<grpc::ClientWriter<v1::DeployRequest>>> writers;
  for (int i = 0; i < kUploads; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    responses.push_back(std::make_unique<v1::DeployResponse>());
    writers.push_back(stub_->Deploy(contexts.back().get(), responses.back().get()));
    static_cast<void>(writers.back()->Write(start_of("a", 1000)));
  }
  const auto refused = [this] {
    return upload({start_of("b", 1), data_of("x")}).error_code() ==
           grpc::StatusCode::RESOURCE_EXHAUSTED;
  };
  EXPECT_TRUE(wait_until(refused));
  for (int i = 0; i < kUploads; ++i) {
    contexts[static_cast<std::size_t>(i)]->TryCancel();
    EXPECT_FALSE(writers[static_cast<std::size_t>(i)]->Finish().ok());
  }
  EXPECT_TRUE(wait_until([&] { return control_.deploy("c", kCode).success(); }));
}

TEST_F(UploadTest, SlowChecksDoNotHoldUpOtherCalls) {
  // The real executor gives the top level 400 ms of CPU; several at once queue behind two.
  std::vector<std::thread> deployers;
  for (int i = 0; i < 4; ++i) {
    deployers.emplace_back([this, i] {
      const auto outcome = control_.deploy("loop" + std::to_string(i), "for (;;) {}");
      EXPECT_EQ(outcome.status.code, 9) << outcome.describe();
    });
  }
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(control_.popctl({"list"}).success());
  for (std::thread& deployer : deployers) deployer.join();
}

TEST_F(UploadTest, ConcurrentDeploymentsOfOneWorkerGetNumbersOfTheirOwn) {
  std::vector<std::thread> deployers;
  for (int i = 0; i < 6; ++i) {
    deployers.emplace_back([this, i] {
      const auto file = control_.write("code" + std::to_string(i) + "/index.js",
                                       std::string(kCode) + "// " + std::to_string(i));
      const auto outcome =
          control_.popctl({"deploy", file.parent_path().string(), "--name", "same"});
      EXPECT_TRUE(outcome.success()) << outcome.describe();
    });
  }
  for (std::thread& deployer : deployers) deployer.join();
  EXPECT_THAT(control_.popctl({"versions", "same"}).output, HasSubstr("v6  yes"));
}

TEST_F(UploadTest, ShutsDownInTimeAmidACheck) {
  std::thread deployer([this] {
    const auto outcome = control_.deploy("slow", "for (;;) {}");
    EXPECT_FALSE(outcome.success()) << outcome.describe();
  });
  const std::string executor = isopop::test::program_path("isopop-executor").string();
  EXPECT_TRUE(
      wait_until([&executor] { return !isopop::test::processes_with_argument(executor).empty(); }));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(control_.stop(SIGTERM).success());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  deployer.join();
}

}  // namespace
}  // namespace isopop::control::test
