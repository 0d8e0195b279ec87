#include "control_plane/cli/worker_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/files/files.h"

namespace isopop::control::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WorkerConfigTest : public ::testing::Test {
 protected:
  Result<WorkerConfig> read(const std::string& text) {
    std::ofstream(folder_.path() / "worker.yaml", std::ios::binary) << text;
    return read_worker_config(folder_.path());
  }
  std::string refusal(const std::string& text) {
    const Result<WorkerConfig> config = read(text);
    return config.ok() ? "accepted" : config.error().message;
  }

  TempFolder folder_ = TempFolder::create("isopop-worker-").value();
};

TEST_F(WorkerConfigTest, SaysHowAWorkerIsToBeRun) {
  const Result<WorkerConfig> read_config = read(
      "name: shop\n"
      "main: src/app.js\n"
      "isolation: warm\n"
      "routes: [shop.example/*, 'www.shop.example/a']\n"
      "vars:\n"
      "  COUNTRY: NO\n"
      "  ITEMS: {json: '[1, 2]'}\n"
      "limits:\n"
      "  cpu: 20 ms\n"
      "  memory: 256 MiB\n");
  ASSERT_TRUE(read_config.ok()) << read_config.error().message;
  const WorkerConfig& config = read_config.value();
  EXPECT_EQ(config.name, "shop");
  EXPECT_EQ(config.main_module, "src/app.js");
  EXPECT_THAT(config.routes, ElementsAre("shop.example/*", "www.shop.example/a"));
  EXPECT_EQ(config.settings.isolation(), v1::ISOLATION_WARM);
  ASSERT_EQ(config.settings.variables_size(), 2);
  EXPECT_EQ(config.settings.variables(0).text(), "NO");
  EXPECT_EQ(config.settings.variables(1).json(), "[1, 2]");
  EXPECT_EQ(config.settings.limits().cpu_ms(), 20U);
  EXPECT_EQ(config.settings.limits().memory_mib(), 256U);
}

TEST_F(WorkerConfigTest, MayBeAbsent) {
  const Result<WorkerConfig> none = read_worker_config(folder_.path());
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none.value().name.empty());
  EXPECT_TRUE(read("").ok()) << "an empty file says nothing";
}

TEST_F(WorkerConfigTest, SaysInWhichLineWhatIsWrong) {
  EXPECT_THAT(refusal("name: a\nlimit: {}\n"),
              HasSubstr("worker.yaml:2: limit: unknown key; did you mean 'limits'?"));
  EXPECT_THAT(refusal("limits:\n  cpu: 5 ms\n  memroy: 1 GiB\n"),
              HasSubstr("worker.yaml:3: limits.memroy: unknown key; did you mean 'memory'?"));
  EXPECT_THAT(refusal("limits:\n  cpu: 50\n"), HasSubstr("worker.yaml:2: limits.cpu: '50' lacks"));
  EXPECT_THAT(refusal("limits:\n  cpu: 1 h\n"), HasSubstr("worker.yaml:2: limits.cpu: "));
  EXPECT_THAT(refusal("limits: {heap: 512 MiB, memory: 256 MiB}\n"), HasSubstr("worker.yaml:1: "));
  EXPECT_THAT(refusal("isolation: total\n"), HasSubstr("worker.yaml:1: isolation: 'total'"));
  EXPECT_THAT(refusal("name: Not A Name\n"), HasSubstr("worker.yaml:1: name: "));
  EXPECT_THAT(refusal("routes:\n  - a.example/*\n  - no-path\n"),
              HasSubstr("worker.yaml:3: routes[1]: "));
  EXPECT_THAT(refusal("vars:\n  a-b: 1\n"), HasSubstr("worker.yaml:2: vars.a-b: "));
  EXPECT_THAT(refusal("vars:\n  A: {json: '{'}\n"), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("vars:\n  A: [1]\n"), HasSubstr("worker.yaml:2: vars.A: "));
}

}  // namespace
}  // namespace isopop::control::cli
