#include "control_plane/cli/worker_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/files/files.h"

namespace isopop::control::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class WorkerFolderTest : public ::testing::Test {
 protected:
  void add(const std::string& name, const std::string& content = "export default {}") {
    fs::create_directories((root() / name).parent_path());
    std::ofstream(root() / name, std::ios::binary) << content;
  }
  [[nodiscard]] fs::path root() const { return folder_.path() / "worker"; }

  Result<WorkerFolder> read(const WorkerFolderOptions& options = {}) {
    fs::create_directories(root());
    return read_worker_folder(root(), options);
  }
  std::string refusal(const WorkerFolderOptions& options = {}) {
    const Result<WorkerFolder> result = read(options);
    return result.ok() ? "accepted" : result.error().message;
  }
  static std::vector<std::string> names(const WorkerFolder& folder) {
    std::vector<std::string> all;
    for (const v1::Module& module : folder.bundle.modules()) all.push_back(module.name());
    return all;
  }

  TempFolder folder_ = TempFolder::create("isopop-worker-").value();
};

TEST_F(WorkerFolderTest, TakesCodeAndLeavesTheRest) {
  add("index.js");
  add("lib/a.mjs");
  add("page.html");
  add("add.wasm");
  add("data.json", "1");
  add("logo.png");
  add("README.md");
  add("worker.yaml");
  add("package-lock.json", "{}");
  add(".env.json", "{}");
  add(".git/config.js");
  add("node_modules/x/index.js");
  add("Makefile");
  const Result<WorkerFolder> result = read();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_THAT(names(result.value()), ElementsAre("add.wasm", "data.json", "index.js", "lib/a.mjs",
                                                 "logo.png", "page.html"));
  EXPECT_THAT(result.value().skipped, ElementsAre("Makefile"));
  EXPECT_EQ(result.value().bundle.main_module(), "index.js");
  EXPECT_EQ(result.value().bundle.modules(0).type(), v1::MODULE_TYPE_WASM);
  EXPECT_EQ(result.value().bundle.modules(1).type(), v1::MODULE_TYPE_JSON);
  EXPECT_EQ(result.value().bundle.modules(4).type(), v1::MODULE_TYPE_DATA);
  EXPECT_EQ(result.value().bundle.modules(5).type(), v1::MODULE_TYPE_TEXT);
}

TEST_F(WorkerFolderTest, FindsTheMainModule) {
  add("src/index.js");
  add("app.js");
  EXPECT_EQ(read().value().bundle.main_module(), "src/index.js");
  EXPECT_EQ(read({.main_module = "./app.js"}).value().bundle.main_module(), "app.js");
  add("package.json", R"({"main": "./app.js"})");
  EXPECT_EQ(read().value().bundle.main_module(), "app.js");
  EXPECT_EQ(read({.main_module = "src/index.js"}).value().bundle.main_module(), "src/index.js");
}

TEST_F(WorkerFolderTest, SaysWhyThereIsNoMainModule) {
  EXPECT_THAT(refusal(), HasSubstr("holds no module"));
  add("app.js");
  EXPECT_THAT(refusal(), HasSubstr("--main"));
  EXPECT_THAT(refusal({.main_module = "ap.js"}), HasSubstr("did you mean app.js?"));
  EXPECT_THAT(refusal({.main_module = "x.js", .main_named_by = "the file"}),
              HasSubstr("the file names "));
  EXPECT_THAT(refusal({.main_module = "../app.js"}), HasSubstr("not among the modules"));
  add("package.json", "{");
  EXPECT_THAT(refusal(), HasSubstr("not valid JSON"));
}

TEST_F(WorkerFolderTest, LinkThatLeavesTheFolderIsRefused) {
  add("index.js");
  std::ofstream(folder_.path() / "secret.txt") << "secret";
  fs::create_symlink("../secret.txt", root() / "a.txt");
  EXPECT_THAT(refusal(), HasSubstr("leaves the worker's folder"));
}

TEST_F(WorkerFolderTest, LinkToASiblingFolderWithTheSamePrefixIsRefused) {
  add("index.js");
  fs::create_directories(folder_.path() / "worker-other");
  std::ofstream(folder_.path() / "worker-other" / "a.txt") << "x";
  fs::create_symlink("../worker-other/a.txt", root() / "a.txt");
  EXPECT_THAT(refusal(), HasSubstr("leaves the worker's folder"));
}

TEST_F(WorkerFolderTest, LinkWithinTheFolderIsAFile) {
  add("index.js");
  fs::create_symlink("index.js", root() / "same.js");
  EXPECT_THAT(names(read().value()), ElementsAre("index.js", "same.js"));
}

TEST_F(WorkerFolderTest, LinkToItselfEnds) {
  add("index.js");
  fs::create_symlink(".", root() / "loop");
  EXPECT_THAT(names(read().value()), ElementsAre("index.js"));
  fs::create_symlink("nowhere", root() / "dangling.js");
  EXPECT_THAT(refusal(), HasSubstr("link to nowhere"));
}

TEST_F(WorkerFolderTest, PipesAreNotRead) {
  add("index.js");
  ASSERT_EQ(mkfifo((root() / "pipe.js").c_str(), 0600), 0);
  EXPECT_THAT(names(read().value()), ElementsAre("index.js"));
}

TEST_F(WorkerFolderTest, HundredMegabytesAreRefusedWithoutReadingThem) {
  add("index.js");
  for (int i = 0; i < 4; ++i) {
    const std::string name = "big" + std::to_string(i) + ".bin";
    add(name, "");
    fs::resize_file(root() / name, 25 << 20);
  }
  EXPECT_THAT(refusal(), HasSubstr("more than 10 MiB"));
}

TEST_F(WorkerFolderTest, TooManyModulesAreRefused) {
  add("index.js");
  for (int i = 0; i < 10; ++i) add("m" + std::to_string(i) + ".js");
  EXPECT_THAT(refusal({.main_module = {}, .limits = {.modules_max = 5}}),
              HasSubstr("more than 5 modules"));
}

TEST_F(WorkerFolderTest, TakesASingleFile) {
  add("only.js");
  const Result<WorkerFolder> result = read_worker_folder(root() / "only.js", {});
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(names(result.value()), ElementsAre("only.js"));
  add("page.html");
  EXPECT_FALSE(read_worker_folder(root() / "page.html", {}).ok());
  EXPECT_EQ(read_worker_folder(root() / "none", {}).error().code, ErrorCode::kNotFound);
}

TEST(ExampleWorkers, AreWholeFolders) {
  for (const char* name : {"hello", "echo", "gateway", "router-app", "wasm-add"}) {
    const fs::path path = fs::path(ISOPOP_SOURCE_DIR) / "workers" / name;
    const Result<WorkerFolder> folder = read_worker_folder(path, {});
    ASSERT_TRUE(folder.ok()) << folder.error().message;
    EXPECT_TRUE(canonical_bundle(folder.value().bundle, {}).ok());
    EXPECT_TRUE(folder.value().skipped.empty());
  }
}

}  // namespace
}  // namespace isopop::control::cli
