// Who may: the real programs with a CA, tokens and secrets of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/pki/certificate_authority.h"
#include "control_plane/registry/sqlite.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using control::test::ControlProcess;
using pop::PopProcess;
using pop::PopProcessOptions;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kCode = "export default { fetch() { return new Response('hi'); } };";
constexpr const char* kTellsSecret =
    "export default { fetch(r, env) { return new Response(env.API_KEY ?? 'none'); } };";
constexpr int kDenied = 5;

class AccessTest : public ::testing::Test {
 protected:
  void start(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--pki", pki().string(), "--join", join().string()});
    control_.start(more);
  }
  [[nodiscard]] std::filesystem::path pki() const { return control_.state() / "pki"; }
  [[nodiscard]] std::filesystem::path join() const { return control_.state() / "join"; }

  // popctl as somebody else than the admin.
  [[nodiscard]] CommandOutcome popctl_as(const std::string& token,
                                         std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--state", control_.state().string()});
    return run_command(program_path("popctl"), arguments,
                       {.environment = {"POPCTL_TOKEN=" + token}});
  }
  [[nodiscard]] std::string make_token(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"token", "create"});
    const CommandOutcome made = control_.popctl(std::move(arguments));
    EXPECT_TRUE(made.success()) << made.describe();
    return made.output.substr(0, made.output.find('\n'));
  }
  [[nodiscard]] CommandOutcome deploy_as(const std::string& token, const std::string& name) const {
    const std::filesystem::path file = control_.write(name + "-code/index.js", kCode);
    return popctl_as(token, {"deploy", file.parent_path().string(), "--name", name});
  }
  [[nodiscard]] PopProcessOptions joining(const std::string& id) const {
    return {.id = id, .arguments = {"--join", join().string()}};
  }
  [[nodiscard]] bool status_says(const std::string& words) const {
    return control_.popctl({"status"}).output.find(words) != std::string::npos;
  }
  [[nodiscard]] static bool log_says(const PopProcess& pop, const std::string& words) {
    return pop.log().find(words) != std::string::npos;
  }
  [[nodiscard]] static std::string body_of(const PopProcess& pop, const std::string& host) {
    const Result<pop::RawResponse> answer = pop::request(pop.address(), host, "/");
    return answer.ok() ? answer.value().body : answer.error().message;
  }

  ControlProcess control_;
};

TEST_F(AccessTest, APopJoinsAndServesAndComesBackWithWhatItKept) {
  start();
  PopProcess pop(control_.endpoint(), joining("AMS"));
  ASSERT_TRUE(wait_until([this] { return status_says("1 ready"); })) << pop.log();
  const CommandOutcome deployed =
      control_.deploy("hello", kCode, {"--route", "hello.test/*", "--wait"});
  ASSERT_TRUE(deployed.success()) << deployed.describe();
  EXPECT_EQ(body_of(pop, "hello.test"), "hi");
  const auto certificate = pop.state() / "pops" / "AMS" / "identity.crt";
  const std::string before = read_file(certificate).value();
  ASSERT_TRUE(pop.stop(SIGTERM).has_value());
  pop.start();
  ASSERT_TRUE(wait_until([this] { return status_says("1 ready"); })) << pop.log();
  EXPECT_EQ(read_file(certificate).value(), before);
}

TEST_F(AccessTest, AProgramWithAWrongJoinTokenIsNotLetIn) {
  start();
  std::string token = read_file(join() / "join.token").value();
  token[20] = token[20] == 'a' ? 'b' : 'a';
  const std::filesystem::path other = control_.folder() / "other-join";
  ASSERT_TRUE(create_folders(other).ok());
  ASSERT_TRUE(write_file_atomically(other / "join.token", token).ok());
  ASSERT_TRUE(write_file_atomically(other / "ca.crt", read_file(join() / "ca.crt").value()).ok());
  const std::filesystem::path log = control_.folder() / "stranger.log";
  const Result<Child> stranger =
      start_server("isopop-pop",
                   {"--id", "AMS", "--control", control_.endpoint(), "--join", other.string(),
                    "--state", (control_.folder() / "stranger").string()},
                   log);
  ASSERT_TRUE(stranger.ok());
  EXPECT_TRUE(wait_until([&log] {
    return read_file(log).value().find("cannot enroll as pop/AMS: join token: the token is not") !=
           std::string::npos;
  })) << read_file(log).value();
  EXPECT_TRUE(status_says("0 ready, 0 starting"));
}

TEST_F(AccessTest, APopIsWhoItsCertificateSaysAndNobodyElse) {
  start();
  const PopProcess ams(control_.endpoint(), joining("AMS"));
  ASSERT_TRUE(wait_until([this] { return status_says("1 ready"); })) << ams.log();
  const std::filesystem::path files = ams.state() / "pops" / "AMS";
  const PopProcess fra(
      control_.endpoint(),
      {.id = "FRA",
       .arguments = {"--tls-cert", (files / "identity.crt").string(), "--tls-key",
                     (files / "identity.key").string(), "--tls-ca", (files / "ca.crt").string()}});
  EXPECT_TRUE(wait_until([&fra] { return log_says(fra, "refuses this PoP"); })) << fra.log();
  EXPECT_TRUE(status_says("1 ready"));
  EXPECT_THAT(control_.popctl({"pops", "list"}).output, Not(HasSubstr("FRA")));
}

TEST_F(AccessTest, PopsAreRevokedAndAdmittedByTheirIds) {
  start();
  const PopProcess pop(control_.endpoint(), joining("AMS"));
  ASSERT_TRUE(wait_until([this] { return status_says("1 ready"); })) << pop.log();
  const CommandOutcome unknown = control_.popctl({"pops", "revoke", "AMS,AMX"});
  EXPECT_EQ(unknown.status.code, 3) << unknown.describe();
  EXPECT_THAT(unknown.errors, HasSubstr("did you mean AMS?"));
  EXPECT_TRUE(status_says("1 ready")) << "all of them or none";
  const CommandOutcome revoked = control_.popctl({"pops", "revoke", "AMS"});
  ASSERT_TRUE(revoked.success()) << revoked.describe();
  EXPECT_THAT(revoked.errors, HasSubstr("pop/AMS is cut off"));
  ASSERT_TRUE(wait_until([this] { return status_says("0 ready"); })) << pop.log();
  ASSERT_TRUE(control_.popctl({"pops", "admit", "AMS"}).success());
  EXPECT_TRUE(wait_until([this] { return status_says("1 ready"); })) << pop.log();
}

TEST_F(AccessTest, ARevokedPopIsCutOffUntilItIsRestored) {
  start();
  const PopProcess pop(control_.endpoint(), joining("AMS"));
  ASSERT_TRUE(wait_until([this] { return status_says("1 ready"); })) << pop.log();
  ASSERT_TRUE(control_.popctl({"identity", "revoke", "pop/AMS"}).success());
  ASSERT_TRUE(wait_until([this] { return status_says("0 ready"); })) << pop.log();
  EXPECT_TRUE(wait_until([&pop] { return log_says(pop, "was revoked"); })) << pop.log();
  // The control plane remembers it.
  ASSERT_EQ(control_.stop(SIGTERM).code, 0);
  start();
  EXPECT_TRUE(status_says("0 ready"));
  ASSERT_TRUE(control_.popctl({"identity", "restore", "pop/AMS"}).success());
}

TEST_F(AccessTest, CertificatesAreRenewedBeforeTheyEnd) {
  start({"--identity-lifetime", "3 s"});
  const PopProcess pop(control_.endpoint(), joining("AMS"));
  ASSERT_TRUE(wait_until([this] { return status_says("1 ready"); })) << pop.log();
  const auto certificate = pop.state() / "pops" / "AMS" / "identity.crt";
  const std::string first = read_file(certificate).value();
  EXPECT_TRUE(wait_until([&] { return read_file(certificate).value() != first; })) << pop.log();
  EXPECT_TRUE(log_says(pop, "the certificate of pop/AMS was renewed"));
  EXPECT_EQ(pki::identity_of(read_file(certificate).value()).value().name(), "pop/AMS");
}

TEST_F(AccessTest, RolesMayWhatTheySay) {
  start();
  const std::string reader = make_token({"watcher", "--role", "reader"});
  const std::string deployer = make_token({"ci", "--role", "deployer", "--worker", "shop-*"});
  EXPECT_TRUE(popctl_as(reader, {"list"}).success());
  const CommandOutcome refused = deploy_as(reader, "shop-api");
  EXPECT_EQ(refused.status.code, kDenied) << refused.describe();
  EXPECT_THAT(refused.errors, HasSubstr("token:watcher is a reader"));
  const CommandOutcome deployed = deploy_as(deployer, "shop-api");
  EXPECT_TRUE(deployed.success()) << deployed.describe();
  EXPECT_EQ(deploy_as(deployer, "blog").status.code, kDenied);
  EXPECT_EQ(popctl_as(deployer, {"token", "list"}).status.code, kDenied);
  EXPECT_EQ(popctl_as(deployer, {"secret", "put", "KEY", "--worker", "blog", "--from-file",
                                 (join() / "ca.crt").string()})
                .status.code,
            kDenied);
}

TEST_F(AccessTest, ATokenThatWasRevokedOrIsOneBitOffIsNone) {
  start();
  const std::string token = make_token({"brief", "--role", "admin"});
  ASSERT_TRUE(popctl_as(token, {"whoami"}).success());
  std::string off = token;
  off.back() = static_cast<char>(off.back() ^ 1);
  EXPECT_EQ(popctl_as(off, {"whoami"}).status.code, kDenied);
  const std::string id = token.substr(7, 8);
  ASSERT_TRUE(control_.popctl({"token", "revoke", id}).success());
  const CommandOutcome revoked = popctl_as(token, {"whoami"});
  EXPECT_EQ(revoked.status.code, kDenied);
  EXPECT_THAT(revoked.errors, HasSubstr("was revoked"));
  // Nobody at all.
  const CommandOutcome nobody = run_command(
      program_path("popctl"),
      {"--endpoint", control_.endpoint(), "--ca", (join() / "ca.crt").string(), "status"});
  EXPECT_EQ(nobody.status.code, kDenied) << nobody.describe();
}

TEST_F(AccessTest, ASecretReachesThePopsItIsForAndNoFile) {
  start();
  const PopProcess ams(control_.endpoint(), joining("AMS"));
  const PopProcess fra(control_.endpoint(), joining("FRA"));
  ASSERT_TRUE(wait_until([this] { return status_says("2 ready"); })) << ams.log();
  // Before the worker's first deployment.
  const CommandOutcome put = run_command(program_path("popctl"),
                                         {"--state", control_.state().string(), "secret", "put",
                                          "API_KEY", "--worker", "keeper", "--pops", "AMS"},
                                         {.input = "hunter2-0123456789\n"});
  ASSERT_TRUE(put.success()) << put.describe();
  ASSERT_TRUE(
      control_.deploy("keeper", kTellsSecret, {"--route", "keeper.test/*", "--wait"}).success());
  EXPECT_EQ(body_of(ams, "keeper.test"), "hunter2-0123456789");
  EXPECT_EQ(body_of(fra, "keeper.test"), "none");
  for (const std::filesystem::path& root : {control_.folder(), ams.state(), fra.state()}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file()) continue;
      EXPECT_THAT(read_file(entry.path()).value(), Not(HasSubstr("hunter2"))) << entry.path();
    }
  }
  ASSERT_TRUE(control_.popctl({"secret", "delete", "API_KEY", "--worker", "keeper"}).success());
  EXPECT_TRUE(wait_until([&ams] { return body_of(ams, "keeper.test") == "none"; }));
}

TEST_F(AccessTest, TheAuditLogTellsWhenItWasTamperedWith) {
  start();
  ASSERT_TRUE(control_.deploy("hello", kCode).success());
  const CommandOutcome before = control_.popctl({"audit", "--verify"});
  ASSERT_TRUE(before.success()) << before.describe();
  EXPECT_THAT(before.output, HasSubstr("deployment.create"));
  ASSERT_EQ(control_.stop(SIGTERM).code, 0);
  {
    const auto database = control::Database::open(control_.state() / "control.db").value();
    ASSERT_TRUE(database
                    ->execute("DROP TRIGGER audit_keeps_words; UPDATE audit SET actor = "
                              "'token:admim' WHERE action = 'deployment.create'")
                    .ok());
  }
  start();
  const CommandOutcome after = control_.popctl({"audit", "--verify"});
  EXPECT_FALSE(after.success());
  EXPECT_THAT(after.errors, HasSubstr("was changed"));
}

TEST_F(AccessTest, InsecureIsForLoopbackAndOneWayMustBeChosen) {
  const auto run = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--state", (control_.folder() / "x").string()});
    return run_command(program_path("isopop-control"), arguments);
  };
  const CommandOutcome outside =
      run({"--insecure", "--listen", "0.0.0.0:0", "--http-listen", "127.0.0.1:0"});
  EXPECT_FALSE(outside.success());
  EXPECT_THAT(outside.errors, HasSubstr("--insecure is for loopback addresses"));
  EXPECT_FALSE(run({"--insecure", "--http-listen", "0.0.0.0:0"}).success());
  EXPECT_THAT(run({}).errors, HasSubstr("--pki DIR"));
  EXPECT_FALSE(run({"--insecure", "--pki", pki().string()}).success());
}

}  // namespace
}  // namespace isopop::test
