// The stack of docker/swarm on a swarm of one node: a real engine, the real image. Skipped, with
// the reason, where there is no engine, no image, or the engine is in a swarm already.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/files/files.h"
#include "common/text/text.h"
#include "tests/e2e/network.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kStack = "isopop-swarm-test";
constexpr const char* kSubnet = "10.254.77.0/24";  // not of those that `isopop up` chooses from

// A TCP port of this machine that was free when it was first asked for.
const std::string& port() {
  static const std::string number = [] {
    const UniqueFd socket_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_fd.get(), generic, size), 0);
    EXPECT_EQ(getsockname(socket_fd.get(), generic, &size), 0);
    return std::to_string(ntohs(address.sin_port));
  }();
  return number;
}

std::string image() {
  const char* given = std::getenv("ISOPOP_TEST_IMAGE");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? "isopop:latest" : given;
}

CommandOutcome docker(const std::vector<std::string>& arguments,
                      const std::vector<std::string>& more_environment = {}) {
  std::vector<std::string> environment = engine_environment();
  environment.insert(environment.end(), {"ISOPOP_IMAGE=" + image(), "ISOPOP_PORT=" + port(),
                                         fmt::format("ISOPOP_SUBNET={}", kSubnet)});
  environment.insert(environment.end(), more_environment.begin(), more_environment.end());
  return run_command("docker", arguments, {.environment = environment, .timeout = 120s});
}

std::string output_of(const std::vector<std::string>& arguments) {
  return std::string(trim(docker(arguments).output));
}

// All of the stack that is still there: containers, networks, configs and secrets.
std::string left() {
  const std::string label = fmt::format("label=com.docker.stack.namespace={}", kStack);
  return output_of({"ps", "-aq", "--filter", label}) +
         output_of({"network", "ls", "-q", "--filter", label}) +
         output_of({"config", "ls", "-q", "--filter", label}) +
         output_of({"secret", "ls", "-q", "--filter", label});
}

// A swarm of this machine alone, with the stack on it, for as long as the object lives.
class Stack final {
 public:
  Stack()
      : keys_(TempFolder::create("isopop-keys-").value()),
        had_gateway_(
            !output_of({"network", "ls", "-q", "--filter", "name=docker_gwbridge"}).empty()) {
    const CommandOutcome made =
        run_command(program_path("popctl"), {"pki", "init", "--out", pki().string()});
    EXPECT_TRUE(made.success()) << made.describe();
    const CommandOutcome begun = docker({"swarm", "init", "--advertise-addr", "127.0.0.1"});
    EXPECT_TRUE(begun.success()) << begun.describe();
    const std::string file = std::string(ISOPOP_SOURCE_DIR) + "/docker/swarm/tiny.yaml";
    const CommandOutcome deployed = docker({"stack", "deploy", "--compose-file", file, kStack},
                                           {"ISOPOP_PKI=" + pki().string()});
    EXPECT_TRUE(deployed.success()) << deployed.describe();
  }
  ~Stack() {
    EXPECT_TRUE(docker({"stack", "rm", kStack}).success());
    EXPECT_TRUE(wait_until([] { return left().empty(); }, 60s)) << left();
    // The control plane's database outlives the stack: that is the user's to remove.
    const CommandOutcome volume = docker({"volume", "rm", fmt::format("{}_control-state", kStack)});
    EXPECT_TRUE(volume.success()) << volume.describe();
    EXPECT_TRUE(docker({"swarm", "leave", "--force"}).success());
    if (!had_gateway_) {
      EXPECT_TRUE(docker({"network", "rm", "docker_gwbridge"}).success());
    }
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // "6/6" for a service whose tasks all run.
  [[nodiscard]] static std::string replicas(const std::string& service) {
    return output_of({"service", "ls", "--filter", fmt::format("name={}_{}", kStack, service),
                      "--format", "{{.Replicas}}"});
  }
  // `popctl ARGUMENTS` in a container of the stack's network: whoever is attached to it can reach
  // the control plane, and whoever has the token may do something there.
  [[nodiscard]] CommandOutcome popctl(const std::vector<std::string>& more,
                                      const std::filesystem::path& folder = {}) const {
    // As root: the folders are of whoever runs the test.
    std::vector<std::string> arguments = {"run",       "--rm",
                                          "--network", fmt::format("{}_edge", kStack),
                                          "--user",    "0",
                                          "--volume",  pki().string() + ":/pki:ro",
                                          "--env",     "POPCTL_CA=/pki/ca.crt",
                                          "--env",     "POPCTL_TOKEN_FILE=/pki/admin.token"};
    if (!folder.empty()) {
      arguments.insert(arguments.end(), {"--volume", folder.string() + ":/worker:ro"});
    }
    arguments.insert(arguments.end(), {image(), "popctl"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return docker(arguments);
  }
  [[nodiscard]] std::size_t pops_ready() const {
    const CommandOutcome pops = popctl({"pops", "-o", "json"});
    const nlohmann::json list = nlohmann::json::parse(pops.output, nullptr, false);
    std::size_t ready = 0;
    for (const nlohmann::json& pop : list) ready += pop.value("state", "") == "ready" ? 1 : 0;
    return ready;
  }
  [[nodiscard]] static CommandOutcome curl_from(const std::string& city) {
    return run_command(
        "/usr/bin/curl",
        {"--silent", "--show-error", "--max-time", "30", "--header", "host: hello.example",
         "--header", "isopop-client-city: " + city, fmt::format("http://127.0.0.1:{}/", port())});
  }

 private:
  [[nodiscard]] std::filesystem::path pki() const { return keys_.path() / "pki"; }

  TempFolder keys_;
  bool had_gateway_;  // swarms leave this network behind
};

class SwarmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const CommandOutcome swarm = docker({"info", "--format", "{{.Swarm.LocalNodeState}}"});
    if (!swarm.success()) GTEST_SKIP() << "no container engine answers: " << swarm.errors;
    if (trim(swarm.output) != "inactive")
      GTEST_SKIP() << "the engine is in a swarm already: docker swarm leave --force";
    const CommandOutcome found = docker({"image", "inspect", "--format", "{{.Id}}", image()});
    if (!found.success()) GTEST_SKIP() << "no image " << image() << ": ./run image builds it";
  }
};

TEST_F(SwarmTest, TheStackServesWorldwideAndMendsItself) {
  const TempFolder worker = TempFolder::create("isopop-worker-").value();
  ASSERT_TRUE(write_file_atomically(worker.path() / "index.js", versioned_worker(1)).ok());
  {
    const Stack stack;
    ASSERT_TRUE(wait_until(
        [&] { return stack.replicas("pop") == "6/6" && stack.replicas("router") == "1/1"; }, 90s))
        << output_of({"stack", "ps", "--no-trunc", kStack});
    ASSERT_TRUE(wait_until([&] { return stack.pops_ready() == 6; }, 60s));
    const CommandOutcome deployed = stack.popctl(
        {"deploy", "/worker", "--name", "hello", "--route", "hello.example/*", "--wait"},
        worker.path());
    ASSERT_TRUE(deployed.success()) << deployed.describe();
    EXPECT_EQ(stack.curl_from("Sydney").output, "version 1 at SYD");
    EXPECT_EQ(stack.curl_from("Amsterdam").output, "version 1 at AMS");

    // The first of the list is the first task; who takes its place is the same PoP again.
    const std::string first =
        output_of({"ps", "-q", "--filter", fmt::format("name=^{}_pop\\.1\\.", kStack)});
    ASSERT_TRUE(docker({"kill", first}).success());
    EXPECT_THAT(stack.curl_from("Amsterdam").output, HasSubstr("version 1 at "));
    EXPECT_TRUE(wait_until(
        [&] {
          const std::string now =
              output_of({"ps", "-q", "--filter", fmt::format("name=^{}_pop\\.1\\.", kStack)});
          return !now.empty() && now != first;
        },
        60s));
    EXPECT_TRUE(
        wait_until([&] { return stack.curl_from("Amsterdam").output == "version 1 at AMS"; }, 60s));
  }
  EXPECT_EQ(left(), "");
}

}  // namespace
}  // namespace isopop::test
