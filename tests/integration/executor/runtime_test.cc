#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/files/files.h"
#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

// Each file in workers/ is a worker that tests one part of the runtime from inside: it answers with
// [{name, ok, message}, …] (see workers/harness.js).

std::vector<std::string> worker_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(ISOPOP_WORKERS_DIR)) {
    const std::string name = entry.path().stem().string();
    if (name != "harness") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string source_of(const std::string& name) {
  const Result<std::string> text =
      read_file(std::filesystem::path(ISOPOP_WORKERS_DIR) / (name + ".js"));
  EXPECT_TRUE(text.ok()) << name;
  return text.ok() ? text.value() : std::string();
}

class Runtime : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Workers, Runtime, testing::ValuesIn(worker_names()),
                         [](const auto& entry) { return entry.param; });

TEST_P(Runtime, KeepsItsPromises) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Loaded loaded = executor.load(
      make_load(make_bundle({{.name = "index.js", .content = source_of(GetParam())},
                             {.name = "harness.js", .content = source_of("harness")}}),
                v1::ISOLATION_FRESH));
  ASSERT_TRUE(loaded.ok()) << loaded.ShortDebugString();

  v1::RequestHead request = make_request(1, "/some/path?a=1&b=two");
  request.set_method("POST");
  for (const auto& [name, value] :
       {std::pair("x-one", "1"), std::pair("x-two", "2, 3"), std::pair("cookie", "a=b")}) {
    v1::Header& header = *request.add_headers();
    header.set_name(name);
    header.set_value(value);
  }
  request.set_has_body(true);
  request.set_body(R"({"hello":"wörld"})");
  request.set_body_complete(true);
  const Answer answer = executor.fetch(request);

  ASSERT_TRUE(answer.head && answer.finished) << answer.describe();
  const nlohmann::json results = nlohmann::json::parse(answer.body, nullptr, false);
  ASSERT_TRUE(results.is_array()) << answer.describe();
  EXPECT_FALSE(results.empty()) << "a worker that tests nothing";
  for (const nlohmann::json& result : results) {
    EXPECT_EQ(result["ok"], true) << result["name"] << ": " << result["message"];
  }
}

}  // namespace
}  // namespace isopop::test
