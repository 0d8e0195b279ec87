#include "common/app/app.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "common/files/files.h"

namespace isopop {
namespace {

struct Outcome {
  int exit_code = 0;
  std::string listen;
  std::string error_text;
};

Outcome run_with(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "isopop-test");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  Outcome outcome;
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  outcome.exit_code = run_server_program(
      {.name = "isopop-test", .description = "A test."}, static_cast<int>(pointers.size()),
      pointers.data(),
      [&](CLI::App& app) { app.add_option("--listen", outcome.listen, "where")->required(); },
      [&]() -> Result<void> {
        if (outcome.listen == "taken") return unavailable("the address is taken");
        return {};
      });
  outcome.error_text = testing::internal::GetCapturedStderr();
  testing::internal::GetCapturedStdout();
  return outcome;
}

TEST(AppTest, FlagsComeBeforeEnvironmentAndEnvironmentBeforeFile) {
  const TempFolder folder = TempFolder::create("app-test-").value();
  const std::string file = (folder.path() / "c.yaml").string();
  ASSERT_TRUE(write_file_atomically(file, "listen: from-file\n").ok());
  EXPECT_EQ(run_with({"--config", file}).listen, "from-file");
  setenv("ISOPOP_TEST_LISTEN", "from-environment", 1);
  EXPECT_EQ(run_with({"--config", file}).listen, "from-environment");
  EXPECT_EQ(run_with({"--config", file, "--listen", "from-flag"}).listen, "from-flag");
  unsetenv("ISOPOP_TEST_LISTEN");
}

TEST(AppTest, AnUnknownKeyIsRefusedWithFileAndLine) {
  const TempFolder folder = TempFolder::create("app-test-").value();
  const std::string file = (folder.path() / "c.yaml").string();
  ASSERT_TRUE(write_file_atomically(file, "listen: x\nlistn: y\n").ok());
  const Outcome outcome = run_with({"--config", file});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.error_text.find("c.yaml:2: listn"), std::string::npos) << outcome.error_text;
}

TEST(AppTest, UsageErrorsExitWithTwoAndHelpWithZero) {
  EXPECT_EQ(run_with({}).exit_code, 2);
  EXPECT_EQ(run_with({"--listen", "x", "--bogus"}).exit_code, 2);
  EXPECT_EQ(run_with({"--help"}).exit_code, 0);
  EXPECT_EQ(run_with({"--version"}).exit_code, 0);
}

TEST(AppTest, AFaultIsOneSentenceAndExitCodeOne) {
  const Outcome outcome = run_with({"--listen", "taken"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.error_text, "error: the address is taken\n");
}

}  // namespace
}  // namespace isopop
