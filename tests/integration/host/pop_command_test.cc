// `isopop pop` as a container starts it: who it turns out to be at the real control plane.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "sim/rpc/control_client.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class PopCommandTest : public testing::Test {
 protected:
  PopCommandTest() { control_.start(); }

  // `isopop pop` with this in its environment; its standard error is in DIR/NAME.log.
  Child start(const std::string& name, const std::vector<std::string>& environment,
              std::string control = {}) {
    if (control.empty()) control = control_.endpoint();
    const UniqueFd log(open((folder_.path() / (name + ".log")).c_str(),
                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    ChildOptions options{.program = test::program_path("isopop"),
                         .arguments = {"pop"},
                         .environment = {"POP_TOPOLOGY=tiny", "ISOPOP_POP_SPARE_EXECUTORS=0",
                                         "ISOPOP_POP_CONTROL=" + control,
                                         "ISOPOP_POP_STATE=" + folder_.path().string()},
                         .standard_error = log.get()};
    options.environment.insert(options.environment.end(), environment.begin(), environment.end());
    return std::move(Child::start(options)).value();
  }
  std::string log_of(const std::string& name) {
    const Result<std::string> text = read_file(folder_.path() / (name + ".log"));
    return text.ok() ? text.value() : "";
  }

  // PoPs that are connected, by id.
  std::map<std::string, PopReport> connected() {
    std::map<std::string, PopReport> pops;
    const ControlClient client(control_.endpoint());
    const Result<std::vector<PopReport>> reports = client.pops(std::chrono::seconds(10));
    if (!reports.ok()) return pops;
    for (const PopReport& report : reports.value()) {
      if (report.condition != PopCondition::kDown) pops.emplace(report.id, report);
    }
    return pops;
  }
  std::vector<std::string> connected_ids() {
    std::vector<std::string> ids;
    for (const auto& [id, report] : connected()) ids.push_back(id);
    return ids;
  }
  bool wait_connected(std::size_t count) {
    return test::wait_until([this, count] { return connected().size() == count; });
  }

  // An error before anything is started.
  static test::CommandOutcome run(const std::vector<std::string>& environment) {
    return test::run_command(test::program_path("isopop"), {"pop"}, {.environment = environment});
  }

  TempFolder folder_ = TempFolder::create("pop-command").value();
  control::test::ControlProcess control_;
};

const char* const kAnyPort = "ISOPOP_POP_LISTEN=0.0.0.0:0";

TEST_F(PopCommandTest, ProcessesWithoutANameAreGivenOneEach) {
  Child first = start("first", {kAnyPort});
  ASSERT_TRUE(wait_connected(1)) << log_of("first");
  EXPECT_THAT(connected_ids(), ElementsAre("AMS"));
  const Child second = start("second", {kAnyPort});
  ASSERT_TRUE(wait_connected(2)) << log_of("second");
  EXPECT_THAT(connected_ids(), ElementsAre("AMS", "GRU"));
  // The process became the PoP; there is no one between it and its container.
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(first.pid()) + "/exe"),
            test::program_path("isopop-pop"));
  EXPECT_THAT(log_of("first"), HasSubstr("says that this is PoP AMS"));
}

TEST_F(PopCommandTest, WhoListensEverywhereTellsTheAddressOnTheWay) {
  const Child pop = start("pop", {kAnyPort, "POP_ID=AMS"});
  const Child other = start("other", {kAnyPort, "POP_ID=SIN", "ISOPOP_POP_ADVERTISE=10.1.2.3:77"});
  const Result<Child> router =
      test::start_server("isopop-router",
                         {"--listen", "0.0.0.0:0", "--control", control_.endpoint(), "--state",
                          (folder_.path() / "router").string(), "--cities",
                          std::string(ISOPOP_SOURCE_DIR) + "/configs/data/cities.csv"},
                         folder_.path() / "router.log");
  ASSERT_TRUE(router.ok());
  ASSERT_TRUE(wait_connected(2)) << log_of("pop") << log_of("other");
  EXPECT_THAT(connected().at("AMS").http_address, StartsWith("127.0.0.1:"));
  EXPECT_EQ(connected().at("SIN").http_address, "10.1.2.3:77");
  const ControlClient client(control_.endpoint());
  std::vector<std::string> routers;
  ASSERT_TRUE(test::wait_until([&] {
    const Result<ControlStatus> status = client.status(std::chrono::seconds(10));
    if (status.ok()) routers = status.value().router_addresses;
    return !routers.empty();
  })) << log_of("router");
  EXPECT_THAT(routers, ElementsAre(StartsWith("127.0.0.1:")));
}

TEST_F(PopCommandTest, WaitsForAControlPlaneThatComesLater) {
  const std::string address = control_.endpoint();
  const Child pop = start("pop", {kAnyPort});
  ASSERT_TRUE(wait_connected(1)) << log_of("pop");
  control_.stop(SIGTERM);
  Child later = start("later", {kAnyPort}, address);
  ASSERT_TRUE(test::wait_until([&] {
    return log_of("later").find("no lease from the control plane") != std::string::npos;
  })) << log_of("later");
  EXPECT_FALSE(later.poll_exit());
  const Result<Child> again =
      test::start_server("isopop-control",
                         {"--listen", address, "--http-listen", "127.0.0.1:0", "--state",
                          control_.state().string(), "--insecure"},
                         folder_.path() / "control.log");
  ASSERT_TRUE(again.ok());
  ASSERT_TRUE(test::wait_until(
      [&] { return std::filesystem::exists(control_.state() / "control.endpoint"); }));
  // What was connected before the restart is nobody else's, although it may not be back yet.
  ASSERT_TRUE(wait_connected(2)) << log_of("later");
  EXPECT_THAT(connected_ids(), ElementsAre("AMS", "GRU"));
}

TEST_F(PopCommandTest, WhereNoneIsFreeItWaitsAndEndsWhenItIsTold) {
  const Child pop = start("pop", {kAnyPort, "POP_COUNT=1"});
  ASSERT_TRUE(wait_connected(1)) << log_of("pop");
  Child more = start("more", {kAnyPort, "POP_COUNT=1"});
  ASSERT_TRUE(test::wait_until([&] {
    return log_of("more").find("all 1 PoPs that") != std::string::npos;
  })) << log_of("more");
  EXPECT_FALSE(more.poll_exit());
  more.send_signal(SIGTERM);
  const std::optional<ExitStatus> status = more.wait_exit(std::chrono::seconds(20));
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success()) << status->describe();
}

TEST_F(PopCommandTest, SeveralInOneContainerLiveAndDieApart) {
  Child host = start("host", {"ISOPOP_POP_LISTEN=127.0.0.1:0", "POPS=AMS,SIN,IAD2"});
  ASSERT_TRUE(wait_connected(3)) << log_of("host");
  EXPECT_THAT(connected_ids(), ElementsAre("AMS", "IAD2", "SIN"));
  const std::map<std::string, PopReport> before = connected();
  const std::vector<pid_t> pids = test::processes_with_argument("IAD2");
  ASSERT_EQ(pids.size(), 1U);
  kill(pids.front(), SIGKILL);
  ASSERT_TRUE(test::wait_until([&] {
    const std::map<std::string, PopReport> after = connected();
    const auto again = after.find("IAD2");
    return again != after.end() && again->second.http_address != before.at("IAD2").http_address;
  })) << log_of("host");
  EXPECT_EQ(connected().at("AMS").http_address, before.at("AMS").http_address);
  EXPECT_EQ(connected().at("SIN").http_address, before.at("SIN").http_address);
  EXPECT_THAT(log_of("host"), HasSubstr("PoP IAD2 has ended: signal 9 (Killed)"));
  host.send_signal(SIGTERM);
  const std::optional<ExitStatus> status = host.wait_exit(std::chrono::seconds(20));
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success()) << status->describe();
  EXPECT_THAT(test::processes_with_argument(folder_.path().string()), ElementsAre());
}

TEST_F(PopCommandTest, APopThatIsDescribedNeedsNoTopology) {
  const Child pop =
      start("pop", {kAnyPort, "POP_TOPOLOGY=/no/such/file", "POP_ID=OUA", "POP_CITY=Ouagadougou",
                    "POP_COUNTRY=BF", "POP_LAT=12.35", "POP_LON=-1.52"});
  ASSERT_TRUE(wait_connected(1)) << log_of("pop");
  const PopReport report = connected().at("OUA");
  EXPECT_EQ(report.city, "Ouagadougou");
  EXPECT_EQ(report.place.longitude_deg, -1.52);
}

TEST_F(PopCommandTest, SaysWhatIsWrongAndEnds) {
  const auto error_of = [](const std::vector<std::string>& environment, int code) {
    const test::CommandOutcome outcome = run(environment);
    EXPECT_EQ(outcome.status.code, code) << outcome.describe();
    return outcome.errors;
  };
  EXPECT_THAT(error_of({"POP_ID=LHR", "POP_TOPOLOGY=tiny"}, 2),
              StartsWith("error: POP_ID: topology 'tiny' has no PoP LHR"));
  EXPECT_THAT(error_of({"POP_INDEX=many"}, 2), StartsWith("error: POP_INDEX=many: must be"));
  EXPECT_THAT(error_of({"POP_ID=AMS", "POP_TOPOLOGY=nowhere"}, 4),
              StartsWith("error: POP_TOPOLOGY: nowhere: no such topology"));
  EXPECT_THAT(error_of({"POP_ID=AMS", "ISOPOP_POP_LISTEN=here"}, 2),
              StartsWith("error: ISOPOP_POP_LISTEN=here: must be an address"));
  EXPECT_THAT(error_of({"POP_ID=AMS", "ISOPOP_POP_ADVERTISE=here"}, 1),
              HasSubstr("--advertise: 'here' is no address that others could use"));
}

}  // namespace
}  // namespace isopop::sim
