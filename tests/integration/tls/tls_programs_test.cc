// The real programs over TLS with certificates of somebody else's CA, of all kinds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "sim/launch/state_folder.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/certificates.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using control::test::ControlProcess;
using pop::PopProcess;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kCode = "export default { fetch() { return new Response('hi'); } };";
constexpr int kDenied = 5;
constexpr int kUnreachable = 6;
// What makes a certificate a program's.
constexpr const char* kAms = "URI:spiffe://isopop/pop/AMS";

std::vector<std::string> flags(const rpc::TlsFiles& files) {
  return {"--tls-cert", files.certificate, "--tls-key", files.key, "--tls-ca", files.ca};
}

class TlsProgramsTest : public ::testing::Test {
 protected:
  static std::vector<std::string> with(std::vector<std::string> arguments,
                                       const rpc::TlsFiles& files) {
    for (std::string& flag : flags(files)) arguments.push_back(std::move(flag));
    return arguments;
  }
  [[nodiscard]] CommandOutcome popctl_status(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"status"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return control_.popctl(arguments);
  }
  void expect_refused(const std::vector<std::string>& more, const std::string& words) const {
    const CommandOutcome outcome = popctl_status(more);
    EXPECT_EQ(outcome.status.code, kUnreachable) << outcome.describe();
    EXPECT_THAT(outcome.errors, HasSubstr("no connection to the control plane at " +
                                          control_.endpoint() + ": it "));
    EXPECT_THAT(outcome.errors, HasSubstr(words));
    EXPECT_THAT(outcome.errors, Not(HasSubstr("isopop up")));
  }
  [[nodiscard]] CommandOutcome isopop(std::vector<std::string> arguments,
                                      const std::vector<std::string>& environment = {}) const {
    arguments.insert(arguments.end(), {"--state", control_.state().string()});
    return run_command(program_path("isopop"), arguments, {.environment = environment});
  }
  [[nodiscard]] bool popctl_says(const std::string& words) const {
    return popctl_status(flags(client_)).output.find(words) != std::string::npos;
  }

  ControlProcess control_;
  CertificateAuthority ca_{control_.folder(), "own"};
  CertificateAuthority foreign_ca_{control_.folder(), "foreign"};
  rpc::TlsFiles server_ = ca_.issue({.name = "server"});
  rpc::TlsFiles client_ = ca_.issue({.name = "client", .alternative_names = kAms});
  rpc::TlsFiles expired_ = ca_.issue({.name = "expired",
                                      .alternative_names = kAms,
                                      .validity = CertificateAuthority::Validity::kExpired});
};

TEST_F(TlsProgramsTest, AWorkerIsDeployedToAPop) {
  control_.start(flags(server_));
  EXPECT_THAT(control_.log(), HasSubstr("(gRPC, TLS)"));
  const PopProcess pop(control_.endpoint(), {.executor = {}, .arguments = flags(client_)});
  ASSERT_TRUE(wait_until([this] { return popctl_says("1 ready"); })) << pop.log();
  const CommandOutcome deployed =
      control_.deploy("hello", kCode, with({"--route", "hello.test/*", "--wait"}, client_));
  EXPECT_TRUE(deployed.success()) << deployed.describe();
  EXPECT_THAT(deployed.output, HasSubstr("live at 1/1 PoPs"));
  const Result<pop::RawResponse> answer = pop::request(pop.address(), "hello.test", "/");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value().body, "hi");
}

TEST_F(TlsProgramsTest, PopctlIsRefusedWithoutAGoodCertificate) {
  control_.start(flags(server_));
  rpc::TlsFiles foreign = foreign_ca_.issue({.name = "stranger"});
  foreign.ca = client_.ca;
  expect_refused({}, "if it speaks TLS, name its CA");
  expect_refused(flags(foreign), "must be signed by the CA");
  expect_refused(flags(expired_), "which has expired");
}

TEST_F(TlsProgramsTest, PopctlDoesNotBelieveAnotherServer) {
  rpc::TlsFiles elsewhere =
      ca_.issue({.name = "elsewhere", .alternative_names = "DNS:control.isopop.svc"});
  control_.start(flags(elsewhere));
  const CommandOutcome outcome = popctl_status(flags(client_));
  EXPECT_EQ(outcome.status.code, kUnreachable);
  EXPECT_THAT(outcome.errors, HasSubstr("its certificate is for another name"));
  EXPECT_EQ(control_.stop(SIGTERM).code, 0);
  control_.start();
  expect_refused(flags(client_), "it does not speak TLS");
}

TEST_F(TlsProgramsTest, PopctlTakesItsCertificateFromTheEnvironment) {
  control_.start(flags(server_));
  const std::string token =
      "POPCTL_TOKEN_FILE=" + (control_.state() / "pki" / "admin.token").string();
  const CommandOutcome outcome = run_command(
      program_path("popctl"), {"--endpoint", control_.endpoint(), "status"},
      {.environment = {"POPCTL_TLS_CERT=" + client_.certificate, "POPCTL_TLS_KEY=" + client_.key,
                       "POPCTL_TLS_CA=" + client_.ca, token}});
  EXPECT_TRUE(outcome.success()) << outcome.describe();
}

TEST_F(TlsProgramsTest, ACertificateThatNamesNoProgramOpensNothing) {
  control_.start(flags(server_));
  const rpc::TlsFiles nobody = ca_.issue({.name = "nobody", .alternative_names = "DNS:nobody"});
  const PopProcess pop(control_.endpoint(), {.executor = {}, .arguments = flags(nobody)});
  EXPECT_TRUE(wait_until([&pop] {
    return pop.log().find("wants to know who calls") != std::string::npos;
  })) << pop.log();
  EXPECT_TRUE(popctl_says("pops           0 ready, 0 starting"));
  // Nor does a program's let anybody do what people do.
  const CommandOutcome outcome = run_command(
      program_path("popctl"), {"--endpoint", control_.endpoint(), "--tls-cert", client_.certificate,
                               "--tls-key", client_.key, "--tls-ca", client_.ca, "status"});
  EXPECT_EQ(outcome.status.code, kDenied) << outcome.describe();
}

TEST_F(TlsProgramsTest, APopThatIsRefusedSaysWhyAndComesWithItsNewCertificate) {
  control_.start(flags(server_));
  const PopProcess pop(control_.endpoint(), {.executor = {}, .arguments = flags(expired_)});
  ASSERT_TRUE(wait_until([&pop] {
    return pop.log().find("it refuses the certificate in") != std::string::npos;
  })) << pop.log();
  EXPECT_TRUE(popctl_says("pops           0 ready, 0 starting"));
  ASSERT_EQ(ca_.issue({.name = "expired", .alternative_names = kAms}).certificate,
            expired_.certificate);
  EXPECT_TRUE(wait_until([this] { return popctl_says("1 ready"); }, std::chrono::seconds(60)))
      << pop.log();
}

TEST_F(TlsProgramsTest, APopInPlainTextIsRefusedAndSaysWhy) {
  control_.start(flags(server_));
  const PopProcess pop(control_.endpoint());
  EXPECT_TRUE(wait_until([&pop] {
    return pop.log().find("if it speaks TLS, name its CA") != std::string::npos;
  })) << pop.log();
  EXPECT_TRUE(popctl_says("pops           0 ready, 0 starting"));
}

// The router, and what of isopop asks the control plane.
class TlsRouterTest : public TlsProgramsTest {
 protected:
  void start_router(const rpc::TlsFiles& files) {
    const std::string cities = std::string(ISOPOP_SOURCE_DIR) + "/configs/data/cities.csv";
    router_ = start_server("isopop-router",
                           with({"--listen", "127.0.0.1:0", "--control", control_.endpoint(),
                                 "--state", control_.state().string(), "--cities", cities},
                                files),
                           control_.folder() / "router.log")
                  .value();
  }
  [[nodiscard]] std::string router_log() const {
    return read_file(control_.folder() / "router.log").value();
  }

  std::optional<Child> router_;
};

TEST_F(TlsRouterTest, ARouterThatIsRefusedSaysWhy) {
  control_.start(flags(server_));
  start_router(expired_);
  EXPECT_TRUE(wait_until([this] {
    return router_log().find("it refuses the certificate in") != std::string::npos;
  })) << router_log();
  EXPECT_TRUE(popctl_says("routers        none"));
}

TEST_F(TlsRouterTest, AReplayLearnsThePlacesOfPops) {
  control_.start(flags(server_));
  const PopProcess pop(control_.endpoint(), {.executor = {}, .arguments = flags(client_)});
  start_router(client_);
  ASSERT_TRUE(
      control_.deploy("hello", kCode, with({"--route", "hello.test/*"}, client_)).success());
  ASSERT_TRUE(wait_until([this] {
    return popctl_says("1 ready") &&
           router_log().find("the first PoP is ready") != std::string::npos;
  })) << router_log()
      << pop.log();
  const std::string trace =
      control_.write("trace.csv", "time,host,path\n0,hello.test,/\n").string();
  const std::string warning = "no places of PoPs";
  const CommandOutcome without = isopop({"replay", "--trace", trace});
  EXPECT_THAT(without.errors, HasSubstr(warning)) << without.describe();
  EXPECT_THAT(without.errors, HasSubstr("if it speaks TLS"));
  const CommandOutcome replayed = isopop(with({"replay", "--trace", trace}, client_));
  EXPECT_TRUE(replayed.success()) << replayed.describe();
  EXPECT_THAT(replayed.errors, Not(HasSubstr(warning)));
}

TEST_F(TlsProgramsTest, StatusAsksWithACertificateAndSaysWhyWithout) {
  control_.start(flags(server_));
  const sim::StateFolder state = sim::StateFolder::at(control_.state().string()).value();
  ASSERT_TRUE(state.write_record({.topology = "none", .control_rpc = control_.endpoint()}).ok());
  EXPECT_THAT(isopop({"status"}).output, HasSubstr("it hung up at once; if it speaks TLS"));
  const CommandOutcome outcome =
      isopop({"status"}, {"ISOPOP_TLS_CERT=" + client_.certificate, "ISOPOP_TLS_KEY=" + client_.key,
                          "ISOPOP_TLS_CA=" + client_.ca});
  EXPECT_THAT(outcome.output, HasSubstr("control plane  answers")) << outcome.describe();
}

// What every program does with files that it cannot use, and with fewer than three.
class TlsUsageTest : public TlsProgramsTest {
 protected:
  void expect_end(const std::string& program, const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment, int code,
                  const std::string& words) const {
    const CommandOutcome outcome =
        run_command(program_path(program), arguments, {.environment = environment});
    EXPECT_EQ(outcome.status.code, code) << program << outcome.describe();
    EXPECT_THAT(outcome.errors, HasSubstr(words)) << program;
  }
  // By flags, and by the environment with this prefix.
  void expect_checks(const std::string& program, const std::vector<std::string>& arguments,
                     const std::string& prefix) const {
    rpc::TlsFiles other_key = client_;
    other_key.key = server_.key;
    expect_end(program, with(arguments, other_key), {}, 1, other_key.key);
    expect_end(program, arguments,
               {prefix + "_TLS_CERT=/nowhere/tls.crt", prefix + "_TLS_KEY=" + client_.key,
                prefix + "_TLS_CA=" + client_.ca},
               1, "/nowhere/tls.crt");
    expect_end(program, arguments, {prefix + "_TLS_CERT=" + client_.certificate}, 2, "--tls-");
  }

  std::string state_ = (control_.folder() / "other").string();
};

TEST_F(TlsUsageTest, EveryProgramChecksItsFilesAtItsStart) {
  expect_checks("isopop-control",
                {"--state", state_, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"},
                "ISOPOP_CONTROL");
  expect_checks("isopop-pop", {"--id", "AMS", "--state", state_}, "ISOPOP_POP");
  expect_checks("isopop-router",
                {"--listen", "127.0.0.1:0", "--state", state_, "--cities",
                 std::string(ISOPOP_SOURCE_DIR) + "/configs/data/cities.csv"},
                "ISOPOP_ROUTER");
  expect_checks("popctl", {"status", "--endpoint", "127.0.0.1:1"}, "POPCTL");
  expect_checks("isopop", {"status", "--state", state_}, "ISOPOP");
  expect_checks("isopop",
                {"replay", "--state", state_, "--trace",
                 std::string(ISOPOP_SOURCE_DIR) + "/configs/traces/one_minute.combined.log"},
                "ISOPOP");
}

}  // namespace
}  // namespace isopop::test
