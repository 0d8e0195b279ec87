#include "control_plane/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "control_plane/cli/completion.h"

namespace isopop::control::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A small popctl: `thing list`, `thing` alone and `copy FILE --to FILE`.
class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() {
    CLI::App& group = line_.add_group("thing", "What things there are");
    line_.on_run(group, [this](const GlobalOptions&) { return done("thing"); });
    line_.on_run(line_.add(group, "list", "All of them"), [this](const GlobalOptions& global) {
      format_ = global.output.format;
      return done("thing list");
    });
    CLI::App& copy = line_.add("copy", "Somebody's \"copy\" it's");
    copy.add_option("file", file_, "A file")->required();
    add_repeated(copy, "--to", to_, "Where to");
    line_.on_run(copy, [this](const GlobalOptions&) { return done("copy"); });
  }

  int run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "popctl");
    ::testing::internal::CaptureStderr();
    const int code = line_.run(static_cast<int>(arguments.size()), arguments.data());
    errors_ = ::testing::internal::GetCapturedStderr();
    return code;
  }
  ExitCode done(const std::string& what) {
    done_ = what;
    return ExitCode::kDone;
  }

  CommandLine line_;
  std::string done_;
  std::string errors_;
  std::string file_;
  std::vector<std::string> to_;
  OutputFormat format_ = OutputFormat::kTable;
};

TEST_F(CommandLineTest, RunsWhatWasChosen) {
  EXPECT_EQ(run({"thing", "list", "-o", "ndjson"}), 0);
  EXPECT_EQ(done_, "thing list");
  EXPECT_EQ(format_, OutputFormat::kNdjson);
}

TEST_F(CommandLineTest, GroupMayDoSomethingAlone) {
  EXPECT_EQ(run({"thing"}), 0);
  EXPECT_EQ(done_, "thing");
}

TEST_F(CommandLineTest, RepeatedOptionLeavesWhatFollowsAlone) {
  EXPECT_EQ(run({"copy", "--to", "a", "--to", "b", "list"}), 0);
  EXPECT_EQ(file_, "list");
  EXPECT_EQ(to_.size(), 2U);
}

TEST_F(CommandLineTest, SaysWhatWasProbablyMeant) {
  EXPECT_EQ(run({"thng"}), 2);
  EXPECT_THAT(errors_, HasSubstr("popctl has no command 'thng'; did you mean thing?"));
}

TEST_F(CommandLineTest, SaysItOfCommandsInGroupsAndOfOptions) {
  EXPECT_EQ(run({"thing", "lst"}), 2);
  EXPECT_THAT(errors_, HasSubstr("popctl thing has no command 'lst'; did you mean list?"));
}

TEST_F(CommandLineTest, SaysItOfOptions) {
  EXPECT_EQ(run({"copy", "x", "--ot", "y"}), 2);
  EXPECT_THAT(errors_, HasSubstr("popctl copy has no option '--ot'; did you mean --to?"));
}

TEST_F(CommandLineTest, TooManyArgumentsAreNamed) {
  EXPECT_EQ(run({"copy", "x", "y"}), 2);
  EXPECT_THAT(errors_, HasSubstr("takes no more arguments: 'y'"));
}

TEST_F(CommandLineTest, UnknownFormatIsRefused) {
  EXPECT_EQ(run({"thing", "-o", "xml"}), 2);
  EXPECT_THAT(errors_, HasSubstr("must be table, wide, json, ndjson or yaml"));
}

TEST_F(CommandLineTest, CompletionKnowsEveryCommandAndOption) {
  for (const Shell shell : {Shell::kBash, Shell::kZsh, Shell::kFish}) {
    const std::string script = completion_script(line_.root(), shell);
    for (const char* word : {"thing", "list", "copy", "no-headers", "output", "ndjson"}) {
      EXPECT_THAT(script, HasSubstr(word));
    }
    EXPECT_THAT(script, Not(HasSubstr("{}")));
  }
  // Quotes in descriptions stay within theirs.
  EXPECT_THAT(completion_script(line_.root(), Shell::kZsh), HasSubstr("\"copy\" it'\\''s"));
  EXPECT_THAT(completion_script(line_.root(), Shell::kFish), HasSubstr("\"copy\" it\\'s"));
}

}  // namespace
}  // namespace isopop::control::cli
