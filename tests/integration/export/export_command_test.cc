// `isopop topology export` as people type it, and the files it has written that are checked in.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"
#include "tests/support/command.h"

namespace isopop::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kSource = ISOPOP_SOURCE_DIR;

CommandOutcome export_topology(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"topology", "export"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_command(program_path("isopop"), arguments,
                     {.environment = {"ISOPOP_CONFIGS=" + (kSource / "configs").string()}});
}

std::string text_of(const fs::path& file) {
  const Result<std::string> text = read_file(file);
  return text.ok() ? text.value() : text.error().message;
}

// A file or folder in docker/ and the arguments that write it.
struct CheckedIn {
  std::string path;
  std::vector<std::string> arguments;
};

void PrintTo(const CheckedIn& checked_in, std::ostream* out) {
  *out << checked_in.path;
}

const std::vector<CheckedIn>& checked_in() {
  static const std::vector<CheckedIn> list = {
      {"compose/world.yaml", {"--target", "compose", "--topology", "world"}},
      {"compose/continents.yaml", {"--target", "compose", "--topology", "continents"}},
      {"compose/tiny.yaml", {"--target", "compose", "--topology", "tiny"}},
      {"swarm/world.yaml", {"--target", "swarm", "--topology", "world"}},
      {"swarm/continents.yaml", {"--target", "swarm", "--topology", "continents"}},
      {"swarm/tiny.yaml", {"--target", "swarm", "--topology", "tiny"}},
      {"k8s/overlays/thousand", {"--target", "k8s", "--topology", "world", "--pops", "1000"}},
      {"k8s/overlays/world", {"--target", "k8s", "--topology", "world"}},
      {"k8s/overlays/continents", {"--target", "k8s", "--topology", "continents"}},
      {"k8s/overlays/kind", {"--target", "k8s", "--topology", "tiny"}},
  };
  return list;
}

// A copy of docker/ with what an export needs there: relative names in the files stay the same.
class Checkout final {
 public:
  Checkout() : folder_(TempFolder::create("isopop-export-").value()) {
    fs::create_directories(folder_.path() / "docker/k8s/overlays");
    fs::create_directories(folder_.path() / "docker/compose");
    fs::create_directories(folder_.path() / "docker/swarm");
    fs::copy(kSource / "docker/k8s/base", folder_.path() / "docker/k8s/base");
    fs::copy(kSource / "configs", folder_.path() / "configs", fs::copy_options::recursive);
  }
  [[nodiscard]] fs::path docker() const { return folder_.path() / "docker"; }
  [[nodiscard]] fs::path configs() const { return folder_.path() / "configs"; }

 private:
  TempFolder folder_;
};

class CheckedInFile : public ::testing::TestWithParam<CheckedIn> {};

TEST_P(CheckedInFile, IsWhatTheProgramWritesNow) {
  const Checkout checkout;
  std::vector<std::string> arguments = {"topology", "export"};
  arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  arguments.insert(arguments.end(), {"--output", (checkout.docker() / GetParam().path).string()});
  const CommandOutcome outcome =
      run_command(program_path("isopop"), arguments,
                  {.environment = {"ISOPOP_CONFIGS=" + checkout.configs().string()}});
  ASSERT_TRUE(outcome.success()) << outcome.describe();

  const fs::path written = checkout.docker() / GetParam().path;
  std::vector<fs::path> files = {written};
  if (fs::is_directory(written)) {
    files.assign(fs::directory_iterator(written), fs::directory_iterator());
    EXPECT_EQ(files.size(), 3U);
  }
  for (const fs::path& file : files) {
    const fs::path ours = kSource / "docker" / file.lexically_relative(checkout.docker());
    // Not EXPECT_EQ: the difference of two files of 300 services takes minutes to print.
    EXPECT_TRUE(text_of(ours) == text_of(file))
        << ours.string()
        << " is not up to date. In the project's folder:\n  isopop topology export "
        << join(GetParam().arguments, " ") << " --output docker/" << GetParam().path;
  }
}

INSTANTIATE_TEST_SUITE_P(Export, CheckedInFile, ::testing::ValuesIn(checked_in()),
                         [](const auto& instance) {
                           std::string name;
                           for (const char c : instance.param.path) {
                             if (c != '/' && c != '.') name += c;
                           }
                           return name;
                         });

TEST(ExportCommand, WritesToStandardOutputUnlessToldOtherwise) {
  const CommandOutcome outcome = export_topology({"--target", "compose", "--topology", "tiny"});
  ASSERT_TRUE(outcome.success()) << outcome.describe();
  EXPECT_TRUE(outcome.output == text_of(kSource / "docker/compose/tiny.yaml"));
}

TEST(ExportCommand, BeyondTheListAreFurtherPopsInTheSameCities) {
  const CommandOutcome outcome =
      export_topology({"--target", "compose", "--topology", "tiny", "--pops", "8"});
  ASSERT_TRUE(outcome.success()) << outcome.describe();
  EXPECT_THAT(outcome.output, HasSubstr("  pop-gru2:\n"));
  EXPECT_THAT(outcome.output, HasSubstr("POP_ID: \"AMS2\", POP_CITY: \"Amsterdam\""));
}

TEST(ExportCommand, ATopologyOfOnesOwnIsMountedWhereContainersReadIt) {
  const TempFolder folder = TempFolder::create("isopop-export-").value();
  const fs::path mine = folder.path() / "mine.yaml";
  fs::copy_file(kSource / "configs/topologies/tiny.yaml", mine);
  const CommandOutcome dense = export_topology(
      {"--target", "compose", "--topology", mine.string(), "--pops-per-container", "3"});
  ASSERT_TRUE(dense.success()) << dense.describe();
  EXPECT_THAT(dense.output, HasSubstr("source: \"" + mine.string() + "\""));
  const CommandOutcome swarm =
      export_topology({"--target", "swarm", "--topology", mine.string(), "--output",
                       (folder.path() / "stack.yaml").string()});
  ASSERT_TRUE(swarm.success()) << swarm.describe();
  EXPECT_THAT(text_of(folder.path() / "stack.yaml"), HasSubstr("file: \"mine.yaml\"\n"));
}

struct Refused {
  std::vector<std::string> arguments;
  int code = 0;
  std::string message;
};

TEST(ExportCommand, SaysWhatIsWrong) {
  const TempFolder folder = TempFolder::create("isopop-export-").value();
  const std::string path = folder.path().string();
  const std::vector<Refused> cases = {
      {{}, 2, "--target is required"},
      {{"--target", "nomad"}, 2, "nomad not in {compose,swarm,k8s}"},
      {{"--target", "compose", "--topology", "atlantis"}, 4, "atlantis: no such topology file"},
      {{"--target", "compose", "--pops", "0"}, 2, "--pops: "},
      {{"--target", "compose", "--pops", "2001"}, 2, "--pops: "},
      {{"--target", "compose", "--pops-per-container", "0"}, 2, "a container takes 1 to 330 PoPs"},
      {{"--target", "compose", "--pops-per-container", "331"}, 2, "takes 1 to 330 PoPs"},
      {{"--target", "compose", "--pops", "1500"}, 2, "put 2 PoPs or more into each"},
      {{"--target", "compose", "--scaled", "--pops-per-container", "2"}, 2, "a scaled service"},
      {{"--target", "swarm", "--pops-per-container", "2"}, 2, "is for --target compose only"},
      {{"--target", "k8s", "--scaled", "--output", path}, 2, "is for --target compose only"},
      {{"--target", "k8s"}, 2, "name a folder with --output"},
      {{"--target", "k8s", "--output", path + "/a/b"}, 1, "base/kustomization.yaml is not there"},
      {{"--target", "compose", "--output", path + "/no/such/folder.yaml"}, 1, "--output: "},
      {{"--target", "compose", "--output", path}, 1, "--output: "},
  };
  for (const Refused& refused : cases) {
    const CommandOutcome outcome = export_topology(refused.arguments);
    EXPECT_EQ(outcome.status.code, refused.code) << outcome.describe();
    EXPECT_THAT(outcome.errors, HasSubstr(refused.message)) << outcome.describe();
    EXPECT_EQ(outcome.output, "");
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(ExportCommand, AWrongTopologyIsNamedByFileAndLine) {
  const TempFolder folder = TempFolder::create("isopop-export-").value();
  const fs::path file = folder.path() / "mine.yaml";
  ASSERT_TRUE(write_file_atomically(file, "name: mine\npops:\n  - {id: ams}\n").ok());
  const CommandOutcome outcome =
      export_topology({"--target", "compose", "--topology", file.string()});
  EXPECT_EQ(outcome.status.code, 4);
  EXPECT_THAT(outcome.errors, HasSubstr("mine.yaml:3:"));
}

// Words of the text that begin so, up to what cannot be part of an option's name.
std::set<std::string> words_with(const std::string& text, const std::string& beginning) {
  std::set<std::string> words;
  for (std::size_t at = text.find(beginning); at != std::string::npos;
       at = text.find(beginning, at + 1)) {
    std::size_t end = at;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                 text[end] == '_' || text[end] == '-')) {
      ++end;
    }
    words.insert(text.substr(at, end - at));
  }
  return words;
}

TEST(ExportedOptions, AreOnesThatTheProgramsKnow) {
  const auto help = [](const std::string& program) {
    return run_command(program_path(program), {"--help"}).output;
  };
  const std::string all = help("isopop-control") + help("isopop-router") + help("isopop-pop");
  std::string files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kSource / "docker")) {
    if (entry.path().extension() == ".yaml") files += text_of(entry.path());
  }
  std::size_t checked = 0;
  for (const char* beginning :
       {"ISOPOP_POP_", "ISOPOP_ROUTER_", "ISOPOP_CONTROL_", "--listen", "--http-", "--control",
        "--state", "--cities", "--net", "--seed", "--policy", "--access", "--log"}) {
    const std::set<std::string> known = words_with(all, beginning);
    for (const std::string& word : words_with(files, beginning)) {
      EXPECT_TRUE(known.contains(word)) << word << " is no option of the programs";
      ++checked;
    }
  }
  EXPECT_GT(checked, 20U);
}

}  // namespace
}  // namespace isopop::test
