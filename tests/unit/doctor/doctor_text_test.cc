#include "sim/doctor/doctor_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/doctor/sound_facts.h"

namespace isopop::sim::doctor {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<Finding> one_of_each() {
  return {{.name = "memory", .found = "22 GiB available", .needed = "4 GiB"},
          {.name = "somaxconn",
           .verdict = Verdict::kWarning,
           .found = "128",
           .needed = "4,096",
           .why = "Bursts would wait.",
           .fix = "sudo sysctl -w net.core.somaxconn=4096"},
          {.name = "port",
           .verdict = Verdict::kProblem,
           .found = "8080 is in use",
           .needed = "a free one",
           .why = "Another program listens.",
           .fix = "isopop up --port 8081",
           .launch = Launch::kIsBlocked},
          {.name = "image", .verdict = Verdict::kUnknown, .found = "cannot be read from Docker"}};
}

TEST(DoctorTable, AlignsLinesAndPutsProblemsBeforeWarnings) {
  EXPECT_EQ(format_table(one_of_each(), compose_plan(1'000)),
            "1,000 PoPs in 1,002 containers, control plane and router included\n"
            "\n"
            "  ok       memory     22 GiB available\n"
            "  warning  somaxconn  128; needed: 4,096\n"
            "  problem  port       8080 is in use; needed: a free one\n"
            "  unknown  image      cannot be read from Docker\n"
            "\n"
            "1 problem, 1 warning, 1 unknown\n"
            "\n"
            "  port (problem)\n"
            "    Another program listens.\n"
            "    fix:  isopop up --port 8081\n"
            "\n"
            "  somaxconn (warning)\n"
            "    Bursts would wait.\n"
            "    fix:  sudo sysctl -w net.core.somaxconn=4096\n");
}

TEST(DoctorTable, IsShortWhenAllIsWell) {
  const std::string table = format_table({{.name = "memory", .found = "plenty"}}, {.pops = 1});
  EXPECT_EQ(table,
            "1 PoP as processes of this machine\n\n  ok       memory  plenty\n\nno problem\n");
}

TEST(DoctorJson, HasStableKeys) {
  const auto json = nlohmann::json::parse(format_json(one_of_each(), compose_plan(6)));
  EXPECT_EQ(json["engine"], "compose");
  EXPECT_EQ(json["pops"], 6);
  EXPECT_EQ(json["containers"], 8);
  EXPECT_EQ(json["verdict"], "problem");
  EXPECT_EQ(json["counts"],
            nlohmann::json({{"ok", 1}, {"warning", 1}, {"problem", 1}, {"unknown", 1}}));
  ASSERT_EQ(json["findings"].size(), 4U);
  EXPECT_EQ(json["findings"][2], nlohmann::json({{"name", "port"},
                                                 {"verdict", "problem"},
                                                 {"found", "8080 is in use"},
                                                 {"needed", "a free one"},
                                                 {"why", "Another program listens."},
                                                 {"fix", "isopop up --port 8081"},
                                                 {"blocks_start", true}}));
}

TEST(DoctorJson, StandsWhateverAProgramPrinted) {
  const std::string text = format_json({{.name = "docker", .found = "\xff\xfe\"\n"}}, {});
  EXPECT_FALSE(nlohmann::json::parse(text, nullptr, false).is_discarded());
  EXPECT_EQ(nlohmann::json::parse(format_json({}, {}))["findings"], nlohmann::json::array());
}

TEST(DoctorScript, HoldsTheCommandsThatMend) {
  const std::string script = format_script(one_of_each());
  EXPECT_THAT(script,
              HasSubstr("set -e\n# somaxconn: 128\nsudo sysctl -w net.core.somaxconn=4096\n"));
  EXPECT_THAT(script, Not(HasSubstr("isopop up")));
}

TEST(Overall, CountsProblemsOnly) {
  std::vector<Finding> findings = one_of_each();
  EXPECT_EQ(overall(findings), Verdict::kProblem);
  findings.erase(findings.begin() + 2);
  EXPECT_EQ(overall(findings), Verdict::kOk);
}

}  // namespace
}  // namespace isopop::sim::doctor
