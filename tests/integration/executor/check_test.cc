#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/integration/executor/executor_client.h"
#include "tests/support/command.h"

namespace isopop::test {
namespace {

struct Verdict {
  int exit_code = -1;
  nlohmann::json json;
};

Verdict check_bytes(const std::string& bundle) {
  CommandOptions options;
  options.input = bundle;
  const CommandOutcome outcome = run_command(program_path("isopop-executor"), {"--check"}, options);
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_EQ(outcome.status.signal, 0) << outcome.describe();
  Verdict verdict{.exit_code = outcome.status.code,
                  .json = nlohmann::json::parse(outcome.output, nullptr, false)};
  EXPECT_FALSE(verdict.json.is_discarded()) << outcome.describe();
  return verdict;
}

Verdict check(const std::string& source) {
  return check_bytes(make_bundle({{.name = "index.js", .content = source}}).SerializeAsString());
}

void expect_refused(const Verdict& verdict, int line, const std::string& message_part) {
  EXPECT_EQ(verdict.exit_code, 9);
  EXPECT_EQ(verdict.json["ok"], false);
  EXPECT_EQ(verdict.json["module"], "index.js") << verdict.json;
  EXPECT_EQ(verdict.json["line"], line) << verdict.json;
  EXPECT_NE(verdict.json["message"].get<std::string>().find(message_part), std::string::npos)
      << verdict.json;
}

TEST(Check, AcceptsAWorker) {
  const Verdict verdict = check("export default { fetch() { return new Response('x'); } };");
  EXPECT_EQ(verdict.exit_code, 0);
  EXPECT_EQ(verdict.json["ok"], true);
  EXPECT_EQ(verdict.json["message"], "");
  EXPECT_GT(verdict.json["compile_us"], 0);
  EXPECT_TRUE(verdict.json["top_level_us"].is_number_unsigned());
}

TEST(Check, AcceptsAClassInstanceAsHandler) {
  EXPECT_EQ(
      check("class W { fetch() { return new Response('x'); } }\nexport default new W();").exit_code,
      0);
}

TEST(Check, NamesTheLineOfASyntaxError) {
  const Verdict verdict = check("export default {\n  fetch() {\n    let x = ;\n  }\n};");
  expect_refused(verdict, 3, "SyntaxError");
  EXPECT_EQ(verdict.json["column"], 13);
}

TEST(Check, NamesTheLineOfAnException) {
  expect_refused(check("\n\nundefined.x;\nexport default { fetch() {} };"), 3, "TypeError");
  expect_refused(check("\nawait Promise.reject(new Error('no'));\nexport default {};"), 2, "no");
}

TEST(Check, NamesTheLineOfAnEndlessLoop) {
  expect_refused(check("\nlet x = 0;\nfor (;;) x += 1;\nexport default { fetch() {} };"), 3,
                 "CPU time limit of 400 ms");
}

TEST(Check, NamesTheLineOfAnImportThatIsNotThere) {
  expect_refused(check("const a = 1;\nimport x from './nope.js';\nexport default {};"), 2,
                 "./nope.js");
}

TEST(Check, WantsAHandler) {
  for (const char* source : {"export default 1;", "export const fetch = 1;", "",
                             "export default { fetch: 1 };", "export default null;"}) {
    expect_refused(check(source), 0, "no default export with a fetch() handler");
  }
}

TEST(Check, RefusesATopLevelThatNeverEnds) {
  expect_refused(check("await new Promise(() => {});\nexport default { fetch() {} };"), 0,
                 "nothing will settle");
}

TEST(Check, RefusesATopLevelThatNeedsTooMuchMemory) {
  const Verdict slow = check("const a = [];\nfor (;;) a.push(new Array(100000).fill(1));");
  EXPECT_EQ(slow.exit_code, 9);
  EXPECT_NE(slow.json["message"].get<std::string>().find("limit"), std::string::npos);
  const Verdict sudden = check("const a = [];\nfor (;;) a.push(new Array(30000000).fill(1));");
  EXPECT_EQ(sudden.exit_code, 9);
}

TEST(Check, RefusesWhatATopLevelMayNotDo) {
  expect_refused(check("setTimeout(() => {}, 1);\nexport default { fetch() {} };"), 1, "top level");
  expect_refused(check("crypto.randomUUID();\nexport default { fetch() {} };"), 1, "top level");
  expect_refused(check("eval('1');\nexport default { fetch() {} };"), 1, "eval");
  expect_refused(check("new Function('1');\nexport default { fetch() {} };"), 1, "not allowed");
}

TEST(Check, RefusesBytesThatAreNoBundle) {
  for (const std::string& bytes : {std::string("garbage\xFF\xFF"), std::string()}) {
    const Verdict verdict = check_bytes(bytes);
    EXPECT_EQ(verdict.exit_code, 9);
    EXPECT_EQ(verdict.json["ok"], false);
    EXPECT_NE(verdict.json["message"], "");
  }
}

TEST(CommandLine, ExplainsItself) {
  const CommandOutcome help = run_command(program_path("isopop-executor"), {"--help"});
  EXPECT_TRUE(help.success()) << help.describe();
  EXPECT_NE(help.output.find("--check"), std::string::npos);
  const CommandOutcome wrong = run_command(program_path("isopop-executor"), {"--nonsense"});
  EXPECT_EQ(wrong.status.code, 2) << wrong.describe();
}

TEST(CommandLine, SaysThatThereIsNoPop) {
  const CommandOutcome outcome = run_command(program_path("isopop-executor"), {});
  EXPECT_EQ(outcome.status.code, 2) << outcome.describe();
  EXPECT_NE(outcome.errors.find("descriptor 3"), std::string::npos) << outcome.describe();
}

}  // namespace
}  // namespace isopop::test
