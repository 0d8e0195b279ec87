// The same network in containers: a real engine, the real image, the commands people type. Skipped,
// with the reason, where there is no engine or no image.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cstdlib>
#include <map>
#include <string>
#include <thread>

#include "common/text/text.h"
#include "tests/e2e/network.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::string image() {
  const char* given = std::getenv("ISOPOP_TEST_IMAGE");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? "isopop:latest" : given;
}

CommandOutcome docker(const std::vector<std::string>& arguments) {
  return run_command("docker", arguments, {.environment = engine_environment(), .timeout = 120s});
}

// A TCP port that is free now, on all addresses.
class FreePort final {
 public:
  FreePort() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_.get(), generic, size), 0);
    EXPECT_EQ(listen(socket_.get(), 1), 0);
    EXPECT_EQ(getsockname(socket_.get(), generic, &size), 0);
    number_ = std::to_string(ntohs(address.sin_port));
  }
  [[nodiscard]] const std::string& number() const { return number_; }
  // From here on somebody else may have it.
  const std::string& release() {
    socket_.reset();
    return number_;
  }

 private:
  UniqueFd socket_;
  std::string number_;
};

std::string free_port() {
  return FreePort().release();
}

std::vector<std::string> compose(std::vector<std::string> more, const std::string& port) {
  std::vector<std::string> arguments = {"--engine", "compose", "--topology", "tiny",   "--net",
                                        "account",  "--image", image(),      "--port", port};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// Containers by service, networks and volumes of a project.
std::map<std::string, std::string> containers_of(const std::string& project) {
  const CommandOutcome listed =
      docker({"ps", "--all", "--filter", "label=com.docker.compose.project=" + project, "--format",
              "{{.Label \"com.docker.compose.service\"}} {{.ID}}"});
  EXPECT_TRUE(listed.success()) << listed.describe();
  std::map<std::string, std::string> containers;
  for (const std::string_view line : split(trim(listed.output), '\n')) {
    const std::vector<std::string_view> words = split(line, ' ');
    if (words.size() == 2) containers[std::string(words[0])] = words[1];
  }
  return containers;
}

std::string left_of(const std::string& project) {
  const std::string label = "label=com.docker.compose.project=" + project;
  return docker({"ps", "-aq", "--filter", label}).output +
         docker({"network", "ls", "-q", "--filter", label}).output +
         docker({"volume", "ls", "-q", "--filter", label}).output;
}

nlohmann::json status_of(const Network& network) {
  return nlohmann::json::parse(network.isopop({"status", "-o", "json"}).output);
}

class ComposeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const CommandOutcome version = docker({"version", "--format", "{{.Server.Version}}"});
    if (!version.success()) GTEST_SKIP() << "no container engine answers: " << version.errors;
    const CommandOutcome found = docker({"image", "inspect", "--format", "{{.Id}}", image()});
    if (!found.success()) GTEST_SKIP() << "no image " << image() << ": ./run image builds it";
  }
};

TEST_F(ComposeTest, RunsTheCommandsOfANetworkAndLeavesNothingBehind) {
  std::string project;
  {
    const Network network(compose({}, free_port()));
    const nlohmann::json status = status_of(network);
    project = status.at("project");
    EXPECT_EQ(status.at("state"), "ready");
    EXPECT_EQ(status.at("engine"), "compose");
    EXPECT_EQ(status.at("pops").at("ready"), 6);
    EXPECT_GT(status.at("memory_bytes").at("total"), 0);
    EXPECT_EQ(containers_of(project).size(), 8U);
    ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
    for (const nlohmann::json& pop : network.pops()) {
      const CommandOutcome answer = network.curl(
          "/", {"--header", "host: hello.example", "--header",
                fmt::format("isopop-client-location: {},{}", pop.at("lat").get<double>(),
                            pop.at("lon").get<double>())});
      EXPECT_EQ(answer.output, "version 1 at " + pop.at("id").get<std::string>());
    }
    EXPECT_THAT(network.popctl({"invoke", "hello", "--from", "Nairobi"}).output,
                HasSubstr("version 1 at JNB"));
    // What Docker refuses is told, what it leaves is used.
    const CommandOutcome told = network.isopop({"status"});
    EXPECT_THAT(told.output, HasSubstr("seccomp"));
    EXPECT_THAT(told.output, HasSubstr("landlock"));
  }
  EXPECT_EQ(left_of(project), "");
}

TEST_F(ComposeTest, NoContainerIsPrivilegedOrMayDoMoreThanItNeeds) {
  const Network network(compose({"--pops", "1"}, free_port()));
  const auto containers = containers_of(status_of(network).at("project"));
  ASSERT_EQ(containers.size(), 3U);
  for (const auto& [service, id] : containers) {
    const CommandOutcome inspected = docker({"inspect", id});
    const nlohmann::json container = nlohmann::json::parse(inspected.output).at(0);
    const nlohmann::json& host = container.at("HostConfig");
    EXPECT_EQ(host.at("Privileged"), false) << service;
    EXPECT_EQ(host.at("ReadonlyRootfs"), true) << service;
    EXPECT_EQ(host.at("CapAdd"), nullptr) << service;
    EXPECT_EQ(host.at("CapDrop"), nlohmann::json::array({"ALL"})) << service;
    EXPECT_GT(host.at("Memory"), 0) << service;
    EXPECT_NE(container.at("Config").at("User"), "") << service;
    // The router's is the only door.
    EXPECT_EQ(host.at("PortBindings").size(), service == "router" ? 1U : 0U) << service;
  }
}

TEST_F(ComposeTest, AKilledContainerCostsNoClientAnError) {
  const Network network(compose({}, free_port()));
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  const auto containers = containers_of(status_of(network).at("project"));
  const std::string report = (network.folder() / "report").string();
  const std::string trace = network.write_trace(1'200, 5);
  CommandOutcome replayed;
  std::thread replay([&] {
    replayed = network.isopop({"replay", "--trace", trace, "--host", "hello.example", "--speed",
                               "1x", "--report", report});
  });
  // Once the victim has served some of it.
  EXPECT_TRUE(wait_until([&] { return network.requests_at("AMS") > 20; }));
  EXPECT_TRUE(docker({"kill", containers.at("pop-ams")}).success());
  replay.join();
  EXPECT_EQ(run_json(report).at("failed"), 0) << replayed.describe();
  EXPECT_EQ(run_json(report).at("completed"), 1'200);
  EXPECT_EQ(status_of(network).at("state"), "degraded");
}

TEST_F(ComposeTest, AChangedTopologyChangesOnlyWhatDiffers) {
  const std::string port = free_port();
  const Network network(compose({"--pops", "3"}, port));
  const std::string project = status_of(network).at("project");
  const auto before = containers_of(project);
  const auto up = [&](const std::string& pops) {
    std::vector<std::string> arguments = compose({"--pops", pops}, port);
    arguments.insert(arguments.begin(), "up");
    const CommandOutcome outcome = network.isopop(arguments);
    EXPECT_TRUE(outcome.success()) << outcome.describe();
    return outcome.output;
  };
  EXPECT_THAT(up("3"), HasSubstr("already running"));
  up("4");
  const auto grown = containers_of(project);
  EXPECT_EQ(grown.size(), before.size() + 1);
  up("2");
  const auto shrunk = containers_of(project);
  EXPECT_EQ(shrunk.size(), before.size() - 1);
  for (const auto& [service, id] : shrunk) EXPECT_EQ(id, before.at(service)) << service;
  EXPECT_EQ(status_of(network).at("state"), "ready");
}

TEST_F(ComposeTest, TwoNetworksAtOnceDoNotMeet) {
  const Network one(compose({"--pops", "1"}, free_port()));
  const Network two(compose({"--pops", "2"}, free_port()));
  EXPECT_EQ(one.pops().size(), 1U);
  EXPECT_EQ(two.pops().size(), 2U);
  EXPECT_NE(status_of(one).at("project"), status_of(two).at("project"));
}

TEST_F(ComposeTest, SeveralPopsShareAContainer) {
  const Network network(compose({"--pops-per-container", "4"}, free_port()));
  EXPECT_EQ(status_of(network).at("pops").at("ready"), 6);
  EXPECT_EQ(containers_of(status_of(network).at("project")).size(), 4U);
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  EXPECT_THAT(network.popctl({"invoke", "hello", "--from", "Sydney"}).output,
              HasSubstr("version 1 at SYD"));
}

// Somebody without `isopop`: a checked-in file, Compose, and popctl as a service of it.
class CheckedInFile final {
 public:
  explicit CheckedInFile(std::string port) : port_(std::move(port)) {
    const CommandOutcome up = compose({"up", "-d"}, "1000");
    EXPECT_TRUE(up.success()) << up.describe();
  }
  ~CheckedInFile() {
    const CommandOutcome down = compose({"down", "--volumes"}, "2");
    EXPECT_TRUE(down.success()) << down.describe();
  }
  CheckedInFile(const CheckedInFile&) = delete;
  CheckedInFile& operator=(const CheckedInFile&) = delete;

  [[nodiscard]] CommandOutcome compose(std::vector<std::string> more,
                                       const std::string& at_a_time) const {
    std::vector<std::string> environment = engine_environment();
    environment.insert(environment.end(),
                       {"ISOPOP_IMAGE=" + image(), "ISOPOP_PORT=" + port_,
                        "ISOPOP_SUBNET=10.254.78.0/24",  // not of those that `isopop up` chooses
                        "COMPOSE_PARALLEL_LIMIT=" + at_a_time});
    std::vector<std::string> arguments = {
        "-p", kProject, "-f", std::string(ISOPOP_SOURCE_DIR) + "/docker/compose/tiny.yaml"};
    const bool has_plugin = docker({"compose", "version"}).success();
    if (has_plugin) arguments.insert(arguments.begin(), "compose");
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(has_plugin ? "docker" : "docker-compose", arguments,
                       {.environment = environment, .timeout = 120s});
  }
  [[nodiscard]] CommandOutcome popctl(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {
        "run",   "--rm", "-T", "-v", std::string(ISOPOP_SOURCE_DIR) + "/workers/hello:/worker:ro",
        "popctl"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return compose(arguments, "1000");
  }

  static constexpr const char* kProject = "isopop-checked-in-test";

 private:
  std::string port_;
};

TEST_F(ComposeTest, ByComposeAlonePopctlIsAServiceThatNeedsNoKeys) {
  {
    const std::string port = free_port();
    const CheckedInFile network(port);
    // Without popctl: it runs when it is asked for.
    EXPECT_EQ(containers_of(CheckedInFile::kProject).size(), 8U);
    ASSERT_TRUE(wait_until([&] {
      const nlohmann::json pops =
          nlohmann::json::parse(network.popctl({"pops", "-o", "json"}).output, nullptr, false);
      std::size_t ready = 0;
      for (const nlohmann::json& pop : pops) ready += pop.value("state", "") == "ready" ? 1 : 0;
      return ready == 6;
    }));
    const CommandOutcome deployed = network.popctl(
        {"deploy", "/worker", "--name", "hello", "--route", "hello.example/*", "--wait"});
    ASSERT_TRUE(deployed.success()) << deployed.describe();
    const CommandOutcome answer =
        run_command("/usr/bin/curl", {"--silent", "--show-error", "--max-time", "30", "--header",
                                      "host: hello.example", "--header",
                                      "isopop-client-city: Sydney", "http://127.0.0.1:" + port});
    EXPECT_THAT(answer.output, HasSubstr("Hello from SYD to Sydney")) << answer.describe();
    // In the control plane's container it is already somebody.
    EXPECT_THAT(network.compose({"exec", "-T", "control", "popctl", "pops"}, "1000").output,
                HasSubstr("hello v1"));
  }
  EXPECT_EQ(left_of(CheckedInFile::kProject), "");
}

// What does not come up says why and leaves nothing behind.
class ComposeFailureTest : public ComposeTest {
 protected:
  ComposeFailureTest() : folder_(TempFolder::create("isopop-compose-").value()) {}
  // Whatever a failing test has left.
  ~ComposeFailureTest() override {
    const CommandOutcome down =
        run_command(program_path("isopop"), {"down", "--purge", "--state", state()},
                    {.environment = engine_environment(), .timeout = 120s});
    EXPECT_TRUE(down.success()) << down.describe();
  }

  CommandOutcome up(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    arguments.insert(arguments.begin(), "up");
    arguments.insert(arguments.end(), {"--state", state()});
    if (environment.empty()) environment = engine_environment();
    return run_command(program_path("isopop"), arguments,
                       {.environment = std::move(environment), .timeout = 180s});
  }
  [[nodiscard]] std::string state() const { return (folder_.path() / "state").string(); }
  void expect_nothing_runs() const {
    const CommandOutcome status =
        run_command(program_path("isopop"), {"status", "--state", state()},
                    {.environment = engine_environment()});
    EXPECT_THAT(status.output, HasSubstr("nothing is running")) << status.describe();
    const CommandOutcome named = docker(
        {"ps", "-aq", "--filter", "label=com.docker.compose.project.working_dir=" + state()});
    EXPECT_EQ(named.output, "");
  }

  TempFolder folder_;
};

TEST_F(ComposeFailureTest, APortThatIsTaken) {
  const FreePort taken;
  const CommandOutcome outcome = up(compose({"--pops", "1"}, taken.number()));
  EXPECT_EQ(outcome.status.code, 1);
  EXPECT_THAT(outcome.errors,
              HasSubstr(fmt::format("port {} of this machine is taken", taken.number())));
  EXPECT_THAT(outcome.errors, HasSubstr("--port"));
  expect_nothing_runs();
}

TEST_F(ComposeFailureTest, AnImageThatIsMissing) {
  const CommandOutcome outcome = up({"--engine", "compose", "--topology", "tiny", "--image",
                                     "isopop:never-built", "--port", free_port()});
  EXPECT_EQ(outcome.status.code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("./run image"));
  expect_nothing_runs();
}

TEST_F(ComposeFailureTest, AnEngineThatDoesNotRun) {
  const CommandOutcome outcome =
      up(compose({}, free_port()), {"DOCKER_HOST=unix://" + folder_.path().string() + "/none"});
  EXPECT_EQ(outcome.status.code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("the container engine does not answer"));
  expect_nothing_runs();
}

TEST_F(ComposeFailureTest, PopsThatNeverGetReadyAreNamedWithTheirLogAndTakenDown) {
  // A real image in which what should be a PoP is nothing that can be run.
  const std::string broken = "isopop-test-broken:" + folder_.path().filename().string();
  const std::string context = (folder_.path() / "context").string();
  ASSERT_TRUE(create_folders(context).ok());
  ASSERT_TRUE(
      write_file_atomically(context + "/Dockerfile",
                            fmt::format("FROM {}\nCOPY nothing /usr/bin/isopop-pop\n", image()))
          .ok());
  ASSERT_TRUE(write_file_atomically(context + "/nothing", "").ok());
  const CommandOutcome built = docker({"build", "--quiet", "--tag", broken, context});
  ASSERT_TRUE(built.success()) << built.describe();
  const CommandOutcome outcome =
      up({"--engine", "compose", "--topology", "tiny", "--pops", "2", "--image", broken, "--port",
          free_port(), "--timeout", "15 s"});
  EXPECT_EQ(outcome.status.code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("2 of 2 PoPs are not ready: AMS, GRU"));
  EXPECT_THAT(outcome.errors, HasSubstr("isopop-pop")) << "the end of its log";
  expect_nothing_runs();
  EXPECT_TRUE(docker({"image", "rm", broken}).success());
}

}  // namespace
}  // namespace isopop::test
