#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/command.h"

// What a process can still do behind each wall, asked of a process that tries it (sandbox_probe).
// A wall that the kernel or a container refuses here skips the tests that need it.

namespace isopop::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// An attempt and how it ended: "done", the name of an error, or "signal NUMBER".
using Outcomes = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kKilledByFilter = "signal 31";  // SIGSYS
constexpr const char* kFault = "signal 11";

Outcomes all_ending(const std::string& how, const std::vector<std::string>& attempts) {
  Outcomes outcomes;
  for (const std::string& attempt : attempts) outcomes.emplace_back(attempt, how);
  return outcomes;
}

enum class Role { kRoot, kUser, kContainerRoot, kContainerUser };

bool is_root(Role role) {
  return role == Role::kRoot || role == Role::kContainerRoot;
}
bool is_contained(Role role) {
  return role == Role::kContainerRoot || role == Role::kContainerUser;
}

class Sandbox : public testing::TestWithParam<Role> {
 protected:
  void SetUp() override {
    if (is_root(GetParam()) && geteuid() != 0) GTEST_SKIP() << "these tests run as a user";
  }

  static CommandOutcome probe(const std::vector<std::string>& task) {
    std::vector<std::string> arguments;
    if (!is_root(GetParam()) && geteuid() == 0) arguments.emplace_back("--as-user");
    if (is_contained(GetParam())) arguments.emplace_back("--in-container");
    arguments.insert(arguments.end(), task.begin(), task.end());
    const std::filesystem::path program =
        std::filesystem::path(ISOPOP_BIN_DIR).parent_path() / "tests" / "sandbox_probe";
    return run_command(program, arguments, {.environment = {"ISOPOP_SECRET=x"}});
  }

  // "on", or "off" and why.
  static std::map<std::string, std::string> report() {
    const CommandOutcome outcome = probe({"report"});
    EXPECT_TRUE(outcome.success()) << outcome.describe();
    std::map<std::string, std::string> measures;
    std::istringstream lines(outcome.output);
    for (std::string name, rest; lines >> name && std::getline(lines, rest);) {
      measures[name] = rest.substr(1);
    }
    return measures;
  }

  // Each attempt of `expected` made behind the walls of `stage` ends as it says there.
  static void expect_outcomes(const std::string& stage, const Outcomes& expected) {
    std::vector<std::string> task = {stage};
    for (const auto& [attempt, how] : expected) task.push_back(attempt);
    const CommandOutcome outcome = probe(task);
    ASSERT_TRUE(outcome.success()) << outcome.describe();
    Outcomes found;
    std::istringstream lines(outcome.output);
    for (std::string attempt, how; lines >> attempt && std::getline(lines, how);) {
      found.emplace_back(attempt, how.substr(1));
    }
    EXPECT_EQ(found, expected);
  }
};

std::string name_of(const testing::TestParamInfo<Role>& info) {
  return std::string(is_root(info.param) ? "Root" : "User") +
         (is_contained(info.param) ? "InAContainer" : "");
}

INSTANTIATE_TEST_SUITE_P(As, Sandbox,
                         testing::Values(Role::kRoot, Role::kUser, Role::kContainerRoot,
                                         Role::kContainerUser),
                         name_of);

#define NEEDS(measure)                                             \
  if (const std::string state = report()[measure]; state != "on ") \
  GTEST_SKIP() << (measure) << ": " << state

TEST_P(Sandbox, KeepsFromNothingAsLongAsThereIsNone) {
  expect_outcomes("open", all_ending("done", {"open-for-reading",
                                              "open-for-writing",
                                              "open-proc",
                                              "find-files",
                                              "connect-tcp",
                                              "connect-kept-socket",
                                              "connect-abstract",
                                              "run-program",
                                              "signal-parent",
                                              "signal-itself",
                                              "catch-own-signal",
                                              "see-secret",
                                              "use-some-memory",
                                              "use-much-memory",
                                              "use-much-memory-by-protection",
                                              "use-much-memory-by-break",
                                              "use-much-memory-by-malloc",
                                              "map-private",
                                              "map-shared",
                                              "map-growing",
                                              "find-descriptors",
                                              "fork",
                                              "socket",
                                              "duplicate",
                                              "raise-limit",
                                              "memory-file",
                                              "compute-and-answer"}));
}

TEST_P(Sandbox, TellsOfEachMeasureWhetherItIsThere) {
  std::vector<std::string> names;
  for (const auto& [name, state] : report()) {
    names.push_back(name);
    EXPECT_TRUE(state == "on " || (state.starts_with("off ") && state.size() > 8))
        << name << ": " << state;
  }
  EXPECT_THAT(names, ElementsAre("capabilities", "cgroup-namespace", "ipc-namespace", "landlock",
                                 "memory-limit", "mount-namespace", "network-namespace",
                                 "no-new-privileges", "pid-namespace", "seccomp",
                                 "unprivileged-user", "user-namespace", "uts-namespace"));
}

TEST_P(Sandbox, TellsWhatAContainerRefused) {
  if (!is_contained(GetParam())) GTEST_SKIP() << "not in a container";
  std::map<std::string, std::string> measures = report();
  for (const char* name : {"user-namespace", "network-namespace", "ipc-namespace", "uts-namespace",
                           "cgroup-namespace", "mount-namespace"}) {
    EXPECT_THAT(measures[name], HasSubstr("off make a")) << name;
    EXPECT_THAT(measures[name], HasSubstr("Operation not permitted")) << name;
  }
  EXPECT_EQ(measures["no-new-privileges"], "on ");
  EXPECT_EQ(measures["capabilities"], "on ");
}

// --- the zygote ---

TEST_P(Sandbox, HidesTheFileSystem) {
  NEEDS("mount-namespace");
  expect_outcomes("confined", {{"open-for-reading", "ENOENT"},
                               {"open-for-writing", "ENOENT"},
                               {"open-proc", "ENOENT"},
                               {"leave-root", "ENOENT"},
                               {"run-program", "ENOENT"},
                               {"write-root", "EROFS"},
                               {"find-files", "EPERM"}});
}

TEST_P(Sandbox, HidesTheNetwork) {
  NEEDS("network-namespace");
  expect_outcomes("confined",
                  {{"connect-tcp", "ENETUNREACH"}, {"connect-abstract", "ECONNREFUSED"}});
}

TEST_P(Sandbox, IsNobody) {
  NEEDS("unprivileged-user");
  expect_outcomes("confined", {{"be-root", "EPERM"}, {"have-groups", "EPERM"}});
  NEEDS("user-namespace");
  expect_outcomes("confined", {{"become-root", "EINVAL"}});
}

TEST_P(Sandbox, ForgetsTheEnvironment) {
  expect_outcomes("confined", {{"see-secret", "EPERM"}});
}

TEST_P(Sandbox, EndsWithThePop) {
  const CommandOutcome outcome = probe({"orphan"});
  EXPECT_EQ(outcome.output, "orphans ended\n") << outcome.describe();
}

// --- its children ---

TEST_P(Sandbox, HidesOtherProcesses) {
  NEEDS("pid-namespace");
  expect_outcomes(
      "forked",
      {{"signal-parent", "ESRCH"}, {"trace-parent", "ESRCH"}, {"be-first-process", "done"}});
}

TEST_P(Sandbox, GivesChildrenAThreadNumberOfTheirOwn) {
  expect_outcomes("forked", all_ending("done", {"know-own-thread", "catch-own-signal"}));
}

TEST_P(Sandbox, ForksOneChildAfterAnother) {
  expect_outcomes("sealed", all_ending("done", std::vector<std::string>(20, "compute-and-answer")));
}

// --- behind the seal ---

TEST_P(Sandbox, LeavesWhatAnExecutorNeeds) {
  expect_outcomes("sealed",
                  all_ending("done", {"compute-and-answer", "read-page-map", "fill-and-seal-file",
                                      "use-some-memory", "map-private"}));
}

TEST_P(Sandbox, ClosesWhatWasNotKept) {
  expect_outcomes("sealed", {{"find-descriptors", "EPERM"}});
}

TEST_P(Sandbox, RefusesFilesQuietly) {
  NEEDS("seccomp");
  expect_outcomes("sealed", all_ending("EACCES", {"open-for-reading", "open-for-writing",
                                                  "open-proc", "find-files"}));
}

TEST_P(Sandbox, EndsWhoCallsTheKernelForMore) {
  NEEDS("seccomp");
  expect_outcomes("sealed", all_ending(kKilledByFilter, {"socket",
                                                         "connect-tcp",
                                                         "connect-kept-socket",
                                                         "run-program",
                                                         "fork",
                                                         "start-thread",
                                                         "signal-parent",
                                                         "trace-parent",
                                                         "read-memory-of-parent",
                                                         "be-root",
                                                         "become-root",
                                                         "unshare",
                                                         "mount",
                                                         "write-root",
                                                         "leave-root",
                                                         "duplicate",
                                                         "terminal-ioctl",
                                                         "raise-limit",
                                                         "memory-file",
                                                         "timer",
                                                         "map-shared",
                                                         "map-growing",
                                                         "bpf",
                                                         "io-uring",
                                                         "userfaultfd",
                                                         "keyctl",
                                                         "perf",
                                                         "shared-segment",
                                                         "take-descriptor",
                                                         "new-privileges",
                                                         "unknown-call",
                                                         "cut-log",
                                                         "write-over-log",
                                                         "descriptor-flags"}));
}

TEST_P(Sandbox, LetsNobodySignalNotEvenItself) {
  NEEDS("seccomp");
  expect_outcomes("sealed", {{"signal-itself", "EPERM"}, {"abort", kFault}});
}

#if defined(__x86_64__)
TEST_P(Sandbox, KnowsTheOtherWaysIntoTheKernel) {
  NEEDS("seccomp");
  expect_outcomes("sealed", {{"call-as-x32", kKilledByFilter}});
  // A kernel without 32-bit programs answers with a fault.
  const CommandOutcome outcome = probe({"sealed", "call-as-32-bit"});
  EXPECT_THAT(outcome.output, HasSubstr("signal ")) << outcome.describe();
}
#endif

TEST_P(Sandbox, BoundsAllPrivateMemory) {
  NEEDS("memory-limit");
  expect_outcomes("sealed",
                  all_ending("ENOMEM", {"use-much-memory", "use-much-memory-by-protection",
                                        "use-much-memory-by-break", "use-much-memory-by-malloc"}));
}

TEST_P(Sandbox, ShowsInTheKernelsOwnWords) {
  NEEDS("seccomp");
  const CommandOutcome outcome = probe({"show"});
  ASSERT_TRUE(outcome.success()) << outcome.describe();
  for (const char* line : {"Others:\tkept out\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
                           "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
                           "CapInh:\t0000000000000000\n", "CapAmb:\t0000000000000000\n"}) {
    EXPECT_THAT(outcome.output, HasSubstr(line));
  }
  for (const char* limit : {"Max core file size", "Max processes", "Max locked memory"}) {
    const std::size_t at = outcome.output.find(limit);
    ASSERT_NE(at, std::string::npos) << limit;
    std::istringstream rest(outcome.output.substr(at + 25));
    std::string soft;
    std::string hard;
    rest >> soft >> hard;
    EXPECT_EQ(soft + " " + hard, "0 0") << limit;
  }
}

TEST_P(Sandbox, NeedsNoNamespaceToForbidFiles) {
  NEEDS("landlock");
  expect_outcomes("landlock", all_ending("EACCES", {"open-for-reading", "open-for-writing",
                                                    "open-proc", "write-root", "find-files"}));
}

}  // namespace
}  // namespace isopop::test
