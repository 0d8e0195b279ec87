#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/network.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using ::testing::HasSubstr;

// Starts, so it passes every check; each request reaches the CPU limit and ends its executor.
constexpr const char* kPoisonedWorker = "export default { async fetch(request) { for (;;); } };\n";

// One PoP of a network, asked at its own address and not through the router.
class Pop {
 public:
  explicit Pop(const nlohmann::json& pop) : id_(pop.at("id")), address_(pop.at("http_address")) {}

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] CommandOutcome get(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"--silent", "--max-time", "20", "--header",
                                          "host: hello.example"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back("http://" + address_ + "/");
    return run_command("/usr/bin/curl", arguments);
  }
  [[nodiscard]] bool answers_with(int version) const {
    return get().output == fmt::format("version {} at {}", version, id_);
  }

 private:
  std::string id_;
  std::string address_;
};

std::vector<Pop> pops_of(const Network& network) {
  std::vector<Pop> pops;
  for (const nlohmann::json& pop : network.pops()) pops.emplace_back(pop);
  return pops;
}

nlohmann::json newest_deployment(const Network& network) {
  const CommandOutcome listed = network.popctl({"deployments", "list", "hello", "-o", "json"});
  EXPECT_TRUE(listed.success()) << listed.describe();
  return nlohmann::json::parse(listed.output).at(0);
}

TEST(RolloutTest, APoisonedWorkerIsStoppedByItsCanaryAndNobodyElseMeetsIt) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  const std::vector<Pop> pops = pops_of(network);
  const Pop& canary = pops.at(3);

  CommandOutcome deployed;
  std::thread deploying([&] {
    deployed = network.popctl(
        {"deploy", network.write_worker("v2", kPoisonedWorker), "--name", "hello", "--route",
         "hello.example/*", "--wave", "canary=" + canary.id(), "--wave", "rest=all", "--abort-on",
         "error-rate>1%,crashes>0,nack", "--bake", "90s", "--wait", "--timeout", "120s"});
  });
  // Traffic goes on at all PoPs. Whoever is not the canary never sees anything but version 1.
  bool was_hurt = false;
  EXPECT_TRUE(wait_until([&] {
    for (const Pop& pop : pops) {
      if (pop.id() == canary.id()) {
        // More of them than the rate is judged from.
        for (int i = 0; i < 4; ++i) was_hurt = !pop.answers_with(1) || was_hurt;
      } else {
        EXPECT_TRUE(pop.answers_with(1)) << pop.id();
      }
    }
    return was_hurt && newest_deployment(network).at("state") == "aborted";
  }));
  deploying.join();
  EXPECT_EQ(deployed.status.code, 10) << deployed.describe();
  EXPECT_THAT(deployed.errors, HasSubstr("canary"));

  // By itself, and everywhere.
  for (const Pop& pop : pops) {
    EXPECT_TRUE(wait_until([&] { return pop.answers_with(1); })) << pop.id();
  }
  const nlohmann::json aborted = newest_deployment(network);
  EXPECT_EQ(aborted.at("wave"), 0);
  EXPECT_NE(aborted.at("reason").get<std::string>(), "");
}

TEST(RolloutTest, ARollbackIsADeploymentOfWhatWasGoodBefore) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  ASSERT_TRUE(network.deploy(network.write_worker("v2", versioned_worker(2))).success());
  const CommandOutcome rolled_back =
      network.popctl({"rollback", "hello", "-m", "v2 is slow", "--yes"});
  ASSERT_TRUE(rolled_back.success()) << rolled_back.describe();
  for (const Pop& pop : pops_of(network)) {
    EXPECT_TRUE(wait_until([&] { return pop.answers_with(1); })) << pop.id();
  }
  const nlohmann::json deployment = newest_deployment(network);
  EXPECT_EQ(deployment.at("number"), 3);
  EXPECT_EQ(deployment.at("rolled_back_from"), 2);
  EXPECT_EQ(deployment.at("message"), "v2 is slow");
}

TEST(RolloutTest, ASplitKeepsAUserOnOneVersionAtEveryPop) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  ASSERT_TRUE(network.deploy(network.write_worker("v2", versioned_worker(2))).success());
  const CommandOutcome split = network.popctl({"versions", "deploy", "hello", "v1@50", "v2@50",
                                               "--sticky", "header:x-user", "--wait", "--yes"});
  ASSERT_TRUE(split.success()) << split.describe();

  std::map<char, int> users_of;
  const std::vector<Pop> pops = pops_of(network);
  for (int user = 0; user < 24; ++user) {
    std::set<char> versions;
    for (const Pop& pop : {pops.front(), pops.at(5), pops.back()}) {
      const std::string answer = pop.get({"--header", fmt::format("x-user: user-{}", user)}).output;
      ASSERT_EQ(answer.substr(0, 8), "version ") << answer;
      versions.insert(answer.at(8));
    }
    EXPECT_EQ(versions.size(), 1U) << "user " << user << " met both versions";
    ++users_of[*versions.begin()];
  }
  // Of 24 fair coins all are the same once in eight million times, and users' names are fixed.
  EXPECT_EQ(users_of.size(), 2U);
}

TEST(RolloutTest, ADrainedPopGetsNoClientsAndAFailedOneHurtsNone) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  const auto at = [&network](const nlohmann::json& pop) {
    return network.curl("/",
                        {"--header", "host: hello.example", "--header",
                         fmt::format("isopop-client-location: {},{}", pop.at("lat").get<double>(),
                                     pop.at("lon").get<double>())});
  };
  const nlohmann::json pops = network.pops();
  const nlohmann::json& drained = pops.at(2);
  const nlohmann::json& failed = pops.at(7);
  const std::string drained_answer =
      fmt::format("version 1 at {}", drained.at("id").get<std::string>());
  const std::string failed_answer =
      fmt::format("version 1 at {}", failed.at("id").get<std::string>());
  EXPECT_EQ(at(drained).output, drained_answer);

  ASSERT_TRUE(network.popctl({"pops", "drain", drained.at("id"), "--yes"}).success());
  EXPECT_TRUE(wait_until([&] { return at(drained).output != drained_answer; }));
  for (int i = 0; i < 10; ++i) {
    const CommandOutcome answer = at(drained);
    EXPECT_THAT(answer.output, HasSubstr("version 1 at ")) << answer.describe();
    EXPECT_NE(answer.output, drained_answer);
  }
  ASSERT_TRUE(network.popctl({"pops", "undrain", drained.at("id")}).success());
  EXPECT_TRUE(wait_until([&] { return at(drained).output == drained_answer; }));

  ASSERT_TRUE(network.popctl({"pops", "fail", failed.at("id"), "--yes"}).success());
  EXPECT_TRUE(wait_until([&] {
    const CommandOutcome answer = at(failed);
    EXPECT_THAT(answer.output, HasSubstr("version 1 at ")) << answer.describe();
    return answer.output != failed_answer;
  }));
  ASSERT_TRUE(network.popctl({"pops", "restore", failed.at("id")}).success());
  EXPECT_TRUE(wait_until([&] { return at(failed).output == failed_answer; }));
}

}  // namespace
}  // namespace isopop::test
