#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
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
  return {"--state",       state.string(), "--listen",  "127.0.0.1:0",
          "--http-listen", "127.0.0.1:0",  "--insecure"};
}

// Overwrites the first page of a table or index. Nobody has the database open.
void damage(const std::filesystem::path& path, const std::string& name) {
  std::int64_t page = 0;
  {
    const auto database = Database::open(path).value();
    Statement root =
        database->prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?1").value();
    root.bind(1, name);
    ASSERT_TRUE(root.step().value());
    page = root.number(0);
  }
  constexpr std::int64_t kPageBytes = 4096;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp((page - 1) * kPageBytes);
  file << std::string(kPageBytes, '\xff');
}

// 0: none, or no such worker.
std::uint64_t live_version(const ControlProcess& control, const std::string& worker) {
  const auto stub = v1::Control::NewStub(rpc::connect(control.endpoint()));
  grpc::ClientContext context;
  v1::ListVersionsRequest request;
  request.set_worker(worker);
  v1::ListVersionsResponse response;
  return stub->ListVersions(&context, request, &response).ok() ? response.live_number() : 0;
}
v1::Status status_of(const ControlProcess& control) {
  const auto stub = v1::Control::NewStub(rpc::connect(control.endpoint()));
  grpc::ClientContext context;
  v1::Status status;
  const grpc::Status asked = stub->GetStatus(&context, {}, &status);
  EXPECT_TRUE(asked.ok()) << asked.error_message();
  return status;
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
    EXPECT_EQ(live_version(control, "hello"), static_cast<std::uint64_t>(round));
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
  const auto second =
      run_control({"--state", (control.folder() / "other").string(), "--listen", control.endpoint(),
                   "--http-listen", "127.0.0.1:0", "--insecure"});
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

TEST(ControlFaults, DamageBesideWhatIsLiveLeavesItServing) {
  ControlProcess control;
  control.start();
  ASSERT_TRUE(control.deploy("hello", kCode).success());
  EXPECT_EQ(status_of(control).read_only(), "");
  EXPECT_GT(status_of(control).database_bytes(), 0U);
  EXPECT_TRUE(control.stop(SIGTERM).success());
  damage(control.state() / "control.db", "audit_by_actor");

  control.start();
  EXPECT_THAT(status_of(control).read_only(), HasSubstr("is damaged"));
  EXPECT_EQ(live_version(control, "hello"), 1U);
  const auto refused = control.deploy("hello", std::string(kCode) + "// 2");
  EXPECT_FALSE(refused.success());
  EXPECT_THAT(refused.errors, HasSubstr("--restore FILE"));
  EXPECT_TRUE(control.is_running());
}

TEST(ControlFaults, RestoreBringsABackupBack) {
  ControlProcess control;
  control.start();
  ASSERT_TRUE(control.deploy("hello", kCode).success());
  const std::filesystem::path backup = control.folder() / "backup.db";
  const std::vector<std::string> restore = {"--state", control.state().string(), "--restore",
                                            backup.string()};
  {
    const auto database = Database::open_read_only(control.state() / "control.db", "").value();
    ASSERT_TRUE(database->execute("VACUUM INTO '" + backup.string() + "'").ok());
  }
  EXPECT_THAT(run_control(restore).errors, HasSubstr("in use by another isopop-control"));
  ASSERT_TRUE(control.deploy("hello", std::string(kCode) + "// 2").success());
  EXPECT_TRUE(control.stop(SIGTERM).success());
  std::ofstream(control.state() / "control.db", std::ios::binary) << std::string(4096, 'x');

  const auto restored = run_control(restore);
  EXPECT_TRUE(restored.success()) << restored.describe();
  EXPECT_TRUE(std::filesystem::exists(control.state() / "control.db.before-restore"));
  control.start();
  EXPECT_EQ(live_version(control, "hello"), 1U);
  EXPECT_TRUE(control.deploy("hello", std::string(kCode) + "// 2").success());
}

// A limit on the size of its files is to the control plane what a disk is that takes no writes.
TEST(ControlFaults, DiskThatTakesNoWritesLeavesItServingUntilItDoes) {
  ControlProcess control;
  control.start();
  ASSERT_TRUE(control.deploy("hello", kCode).success());
  ASSERT_TRUE(control.deploy("hello", std::string(kCode) + "// 2").success());
  const auto stub = v1::Control::NewStub(rpc::connect(control.endpoint()));
  const auto roll_back = [&stub] {
    grpc::ClientContext context;
    v1::RollbackRequest request;
    request.set_worker("hello");
    v1::Deployment made;
    return stub->Rollback(&context, request, &made);
  };
  const rlimit none{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  ASSERT_EQ(prlimit(control.pid(), RLIMIT_FSIZE, &none, nullptr), 0);
  const grpc::Status refused = roll_back();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("nothing can be changed"));
  EXPECT_EQ(status_of(control).read_only(), refused.error_message());
  EXPECT_EQ(live_version(control, "hello"), 2U);

  const rlimit any{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  ASSERT_EQ(prlimit(control.pid(), RLIMIT_FSIZE, &any, nullptr), 0);
  EXPECT_TRUE(wait_until([&control] { return status_of(control).read_only().empty(); }));
  EXPECT_TRUE(roll_back().ok());
  EXPECT_EQ(live_version(control, "hello"), 1U);
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
  static std::string bundle_of(const std::string& code) {
    v1::Bundle bundle;
    bundle.set_main_module("index.js");
    v1::Module& module = *bundle.add_modules();
    module.set_name("index.js");
    module.set_type(v1::MODULE_TYPE_ES_MODULE);
    module.set_content(code);
    return bundle.SerializeAsString();
  }
  grpc::Status upload_code(const std::string& name, const std::string& code) {
    const std::string bundle = bundle_of(code);
    return upload({start_of(name, bundle.size()), data_of(bundle)});
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
  const std::string bytes = bundle_of(kCode);
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

TEST_F(UploadTest, BundleOfAHundredMegabytesIsRefusedBeforeItsBytesCome) {
  expect_refused(upload({start_of("a", 100ULL << 20U)}), "the worker is 100 MiB; at most");
  EXPECT_EQ(control_.popctl({"list", "-o", "json"}).output, "[]\n");
}

TEST_F(UploadTest, GarbageIsNoBundle) {
  expect_refused(upload({start_of("a", 7), data_of("garbage")}), "not a bundle");
}

TEST_F(UploadTest, TruncatedBundleIsNoWorker) {
  const std::string whole = bundle_of(kCode);
  for (std::size_t size = 1; size < whole.size(); size += 7) {
    const std::string part = whole.substr(0, size);
    const grpc::Status status = upload({start_of("a", size), data_of(part)});
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << size;
  }
  EXPECT_EQ(control_.popctl({"list", "-o", "json"}).output, "[]\n");
}

TEST_F(UploadTest, BitFlippedBundleIsRefusedOrIsTheWorkerThatItSays) {
  const std::string whole = bundle_of("export default { fetch() {} };");
  for (std::size_t byte = 0; byte < whole.size(); byte += 3) {
    std::string flipped = whole;
    flipped[byte] = static_cast<char>(flipped[byte] ^ (1U << (byte % 8)));
    v1::DeployRequest start = start_of("a", flipped.size());
    start.mutable_start()->set_dry_run(true);
    const grpc::Status status = upload({start, data_of(flipped)});
    // A flip within the code may make other code that is valid too; nothing else goes through.
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::INVALID_ARGUMENT)
        << byte << ": " << status.error_message();
  }
  EXPECT_TRUE(control_.is_running());
}

TEST_F(UploadTest, NamesAreCheckedHereToo) {
  const std::vector<std::string> names = {"",
                                          "../etc",
                                          "a/b",
                                          "..",
                                          "Shop",
                                          "-a",
                                          "a_b",
                                          std::string("a\0b", 3),
                                          "\xf0\x9f\x8d\x95",
                                          std::string(10'000, 'a')};
  for (const std::string& name : names) {
    expect_refused(upload({start_of(name, 7), data_of("garbage")}), "worker name");
  }
}

TEST_F(UploadTest, WordsOfPeopleAreBounded) {
  const auto refused = [this](const std::function<void(v1::DeployRequest::Start&)>& change,
                              const std::string& words) {
    v1::DeployRequest start = start_of("a", 7);
    change(*start.mutable_start());
    expect_refused(upload({start, data_of("garbage")}), words);
  };
  refused([](auto& start) { start.set_tag(std::string(129, 'x')); }, "the tag has 129 bytes");
  refused([](auto& start) { start.set_tag("v1\nv2"); }, "the tag");
  refused([](auto& start) { start.set_author(std::string("a\0b", 3)); }, "the author");
  refused([](auto& start) { start.set_message(std::string(10'000, 'x')); }, "the message has");
  refused([](auto& start) { start.set_message("\x1b[31mred"); }, "the message");
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

TEST_F(UploadTest, OfDeploysThatKnowTheSameExactlyOneWins) {
  ASSERT_TRUE(upload_code("same", kCode).ok());
  constexpr int kDeploys = 6;
  std::atomic<int> won = 0;
  std::atomic<int> aborted = 0;
  std::vector<std::thread> deployers;
  for (int i = 0; i < kDeploys; ++i) {
    deployers.emplace_back([this, i, &won, &aborted] {
      const std::string bundle = bundle_of(std::string(kCode) + "// " + std::to_string(i));
      v1::DeployRequest start = start_of("same", bundle.size());
      start.mutable_start()->set_expected_deployment(2);  // the first is the newest they know of
      const grpc::Status status = upload({start, data_of(bundle)});
      if (status.ok()) ++won;
      if (status.error_code() == grpc::StatusCode::ABORTED) ++aborted;
    });
  }
  for (std::thread& deployer : deployers) deployer.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(aborted, kDeploys - 1);
  EXPECT_EQ(live_version(control_, "same"), 2U);
}

TEST_F(UploadTest, UploadThatBeganBeforeAnothersDeployIsRefused) {
  ASSERT_TRUE(upload_code("same", kCode).ok());
  int round = 0;
  // Nothing tells a client that its start was read; when it was not in time, it is tried again.
  EXPECT_TRUE(wait_until([&] {
    const std::string bundle = bundle_of(std::string(kCode) + "// slow " + std::to_string(++round));
    grpc::ClientContext context;
    v1::DeployResponse response;
    const auto writer = stub_->Deploy(&context, &response);
    EXPECT_TRUE(writer->Write(start_of("same", bundle.size())));
    EXPECT_TRUE(upload_code("same", std::string(kCode) + "// quick " + std::to_string(round)).ok());
    EXPECT_TRUE(writer->Write(data_of(bundle)));
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (status.ok()) return false;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr("deployed by somebody else meanwhile"));
    return true;
  }));
}

TEST_F(UploadTest, ConcurrentDeploymentsOfOneWorkerAreDoneOrRefusedWhole) {
  std::atomic<std::uint64_t> won = 0;
  std::vector<std::thread> deployers;
  for (int i = 0; i < 6; ++i) {
    deployers.emplace_back([this, i, &won] {
      const auto file = control_.write("code" + std::to_string(i) + "/index.js",
                                       std::string(kCode) + "// " + std::to_string(i));
      const auto outcome =
          control_.popctl({"deploy", file.parent_path().string(), "--name", "same"});
      EXPECT_TRUE(outcome.success() || outcome.status.code == 4) << outcome.describe();
      if (outcome.success()) ++won;
    });
  }
  for (std::thread& deployer : deployers) deployer.join();
  EXPECT_GE(won, 1U);
  EXPECT_EQ(live_version(control_, "same"), won);
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
