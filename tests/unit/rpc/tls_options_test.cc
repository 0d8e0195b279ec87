#include "common/rpc/tls_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "common/app/app.h"

namespace isopop::rpc {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int exit_code = 0;
  TlsFiles files;
  std::string error_text;
};

Outcome run_with(std::vector<std::string> arguments, const std::string& environment_prefix = {}) {
  arguments.insert(arguments.begin(), "isopop-test");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  Outcome outcome;
  testing::internal::CaptureStderr();
  outcome.exit_code = run_server_program(
      {.name = "isopop-test", .description = "A test."}, static_cast<int>(pointers.size()),
      pointers.data(),
      [&](CLI::App& app) { add_tls_options(app, outcome.files, environment_prefix); },
      [&]() -> Result<void> { return {}; });
  outcome.error_text = testing::internal::GetCapturedStderr();
  return outcome;
}

// Set for as long as it lives.
class EnvironmentVariable final {
 public:
  EnvironmentVariable(std::string name, const std::string& value) : name_(std::move(name)) {
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~EnvironmentVariable() { unsetenv(name_.c_str()); }
  EnvironmentVariable(const EnvironmentVariable&) = delete;
  EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;

 private:
  std::string name_;
};

TEST(TlsOptionsTest, WithoutThemNothingIsEncrypted) {
  const Outcome outcome = run_with({});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error_text;
  EXPECT_FALSE(outcome.files.are_given());
}

TEST(TlsOptionsTest, TakesThreeFiles) {
  const Outcome outcome = run_with({"--tls-cert", "a", "--tls-key", "b", "--tls-ca", "c"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error_text;
  EXPECT_TRUE(outcome.files.are_given());
  EXPECT_EQ(outcome.files.certificate, "a");
  EXPECT_EQ(outcome.files.key, "b");
  EXPECT_EQ(outcome.files.ca, "c");
}

TEST(TlsOptionsTest, AnyButAllThreeIsAUsageError) {
  const std::vector<std::vector<std::string>> incomplete = {{"--tls-cert", "a"},
                                                            {"--tls-key", "b"},
                                                            {"--tls-ca", "c"},
                                                            {"--tls-cert", "a", "--tls-key", "b"},
                                                            {"--tls-cert", "a", "--tls-ca", "c"},
                                                            {"--tls-key", "b", "--tls-ca", "c"}};
  for (const std::vector<std::string>& arguments : incomplete) {
    const Outcome outcome = run_with(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.error_text, HasSubstr("requires --tls-"));
  }
}

TEST(TlsOptionsTest, AnEmptyNameIsAUsageErrorAndNotPlainText) {
  const Outcome outcome = run_with({"--tls-cert", "", "--tls-key", "", "--tls-ca", ""});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.error_text, HasSubstr("names no file"));
}

TEST(TlsOptionsTest, TheEnvironmentNamesThemToo) {
  const EnvironmentVariable certificate("ISOPOP_TEST_TLS_CERT", "a");
  EXPECT_EQ(run_with({}).exit_code, 2);
  const EnvironmentVariable key("ISOPOP_TEST_TLS_KEY", "b");
  const EnvironmentVariable ca("ISOPOP_TEST_TLS_CA", "c");
  const Outcome outcome = run_with({"--tls-key", "flag"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error_text;
  EXPECT_EQ(outcome.files.certificate, "a");
  EXPECT_EQ(outcome.files.key, "flag");
  EXPECT_FALSE(run_with({}, "OTHER").files.are_given());
}

TEST(TlsOptionsTest, APrefixRenamesTheEnvironment) {
  const EnvironmentVariable certificate("OTHER_TLS_CERT", "a");
  const EnvironmentVariable key("OTHER_TLS_KEY", "b");
  const EnvironmentVariable ca("OTHER_TLS_CA", "c");
  EXPECT_EQ(run_with({}, "OTHER").files.ca, "c");
}

}  // namespace
}  // namespace isopop::rpc
