// The files in docker/ against those who read them: the schemas of Kubernetes and Compose, and
// kubectl and docker-compose where they are installed.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
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
const fs::path kChecks = ISOPOP_EXPORT_CHECKS;

CommandOutcome check(const std::string& script, const fs::path& path) {
  return run_command(ISOPOP_NODE, {(kChecks / script).string(), path.string()});
}

// Whether there is such a program at all; some are only on some machines.
bool is_installed(const std::string& program) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  for (const std::string_view folder : split(path == nullptr ? "" : path, ':')) {
    std::error_code ignored;
    if (fs::exists(fs::path(folder) / program, ignored)) return true;
  }
  return false;
}

// docker/k8s, to be spoilt.
class ManifestsCopy final {
 public:
  ManifestsCopy() : folder_(TempFolder::create("isopop-k8s-").value()) {
    fs::copy(kSource / "docker/k8s", folder_.path(), fs::copy_options::recursive);
  }
  [[nodiscard]] fs::path overlay(const std::string& name) const {
    return folder_.path() / "overlays" / name;
  }
  void replace(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = read_file(folder_.path() / file).value();
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " is not in " << file;
    text.replace(at, from.size(), to);
    ASSERT_TRUE(write_file_atomically(folder_.path() / file, text).ok());
  }

 private:
  TempFolder folder_;
};

class Overlay : public ::testing::TestWithParam<std::string> {};

TEST_P(Overlay, IsWhatAClusterTakes) {
  const CommandOutcome outcome =
      check("check_kubernetes.mjs", kSource / "docker/k8s/overlays" / GetParam());
  EXPECT_TRUE(outcome.success()) << outcome.describe();
  EXPECT_THAT(outcome.output, HasSubstr(" objects, 0 problems\n"));
}

TEST_P(Overlay, IsRenderedByKustomize) {
  if (!is_installed("kubectl")) GTEST_SKIP() << "kubectl is not installed here";
  const CommandOutcome outcome = run_command(
      "kubectl", {"kustomize", (kSource / "docker/k8s/overlays" / GetParam()).string()});
  ASSERT_TRUE(outcome.success()) << outcome.describe();
  // The generated maps' names end in a digest, where they are made and where they are used.
  EXPECT_THAT(outcome.output, ::testing::Not(HasSubstr("name: isopop-topology\n")));
  EXPECT_THAT(outcome.output, HasSubstr("name: isopop-topology-"));
  EXPECT_THAT(outcome.output, HasSubstr("secretName: isopop-join"));
  EXPECT_THAT(outcome.output, HasSubstr("image: isopop:latest"));
}

INSTANTIATE_TEST_SUITE_P(Kubernetes, Overlay,
                         ::testing::Values("kind", "continents", "world", "thousand"),
                         [](const auto& instance) { return instance.param; });

// A change to the manifests, and what has to be said of it.
struct Spoilt {
  std::string name;
  std::string file;
  std::string from;
  std::string to;
  std::string message;
};

void PrintTo(const Spoilt& spoilt, std::ostream* out) {
  *out << spoilt.name;
}

class SpoiltManifest : public ::testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltManifest, IsRefused) {
  const ManifestsCopy copy;
  const Spoilt& spoilt = GetParam();
  copy.replace(spoilt.file, spoilt.from, spoilt.to);
  const CommandOutcome outcome = check("check_kubernetes.mjs", copy.overlay("kind"));
  EXPECT_EQ(outcome.status.code, 1) << outcome.describe();
  EXPECT_THAT(outcome.output, HasSubstr(spoilt.message)) << outcome.describe();
}

INSTANTIATE_TEST_SUITE_P(
    Kubernetes, SpoiltManifest,
    ::testing::Values(
        Spoilt{"AFieldThatTheApiDoesNotKnow", "base/router.yaml", "replicas: 2", "replica: 2",
               "Deployment router: the API knows no /spec/replica"},
        Spoilt{"AFieldUnknownDeepInside", "overlays/kind/pops.yaml", "periodSeconds: 10",
               "period: 10", "containers/0/readinessProbe/period"},
        Spoilt{"AWrongType", "base/control.yaml", "replicas: 1", "replicas: one",
               "StatefulSet control: "},
        Spoilt{"NoQuantity", "overlays/kind/pops.yaml", "memory: 32Mi", "memory: 32Mb",
               "StatefulSet pop-africa: "},
        Spoilt{"AnUnknownKind", "base/pop.yaml", "kind: Service", "kind: Services",
               "the API has no Services in v1"},
        Spoilt{"AnOldVersion", "base/router.yaml", "apiVersion: policy/v1", "apiVersion: policy/v0",
               "the API has no PodDisruptionBudget in policy/v0"},
        Spoilt{"ASelectorThatMissesItsPods", "overlays/kind/pops.yaml",
               "    matchLabels:\n      app.kubernetes.io/name: isopop",
               "    matchLabels:\n      app.kubernetes.io/name: other",
               "its selector does not match its own pods"},
        Spoilt{"AServiceOfNobody", "base/pop.yaml",
               "  selector:\n    app.kubernetes.io/name: isopop",
               "  selector:\n    app.kubernetes.io/name: nobody", "Service pop: selects no pods"},
        Spoilt{"APortThatPodsDoNotHave", "base/router.yaml", "targetPort: http",
               "targetPort: https", "Service router: port https is none of Deployment router"},
        Spoilt{"AProbeOfAPortThatIsNotThere", "base/control.yaml", "port: http\n", "port: status\n",
               "StatefulSet control: its startupProbe asks port status"},
        Spoilt{"APolicyForAPortThatIsNotThere", "base/network-policy.yaml", "port: grpc",
               "port: rpc", "NetworkPolicy control: port rpc is none of StatefulSet control"},
        Spoilt{"AMissingFile", "overlays/kind/kustomization.yaml", "  - pops.yaml", "  - pop.yaml",
               "pop.yaml: is not there"},
        Spoilt{"AMissingConfigMap", "overlays/kind/kustomization.yaml", "name: isopop-pop",
               "name: isopop-pops", "there is no ConfigMap isopop-pop"},
        Spoilt{"AMissingKey", "overlays/kind/pops.yaml", "subPath: topology.yaml",
               "subPath: list.yaml", "ConfigMap isopop-topology has no key list.yaml"},
        Spoilt{"TooManyPods", "overlays/kind/pops.yaml", "replicas: 1", "replicas: 2",
               "PoP 1 is also"},
        Spoilt{"AWrongBase", "overlays/kind/pops.yaml", "value: \"5\"", "value: \"6\"",
               "the topology has no PoP 6"},
        Spoilt{"APodThatMayBeRoot", "overlays/kind/pops.yaml", "runAsNonRoot: true",
               "runAsNonRoot: false", "StatefulSet pop-africa: may run as root"},
        Spoilt{"ARootThatCanBeWritten", "base/router.yaml", "readOnlyRootFilesystem: true",
               "readOnlyRootFilesystem: false",
               "Deployment router: may write its root file system"}),
    [](const auto& instance) { return instance.param.name; });

// Writes compose's forms that are not checked in to a folder.
fs::path exported(const TempFolder& folder, const std::vector<std::string>& more) {
  const fs::path file = folder.path() / "compose.yaml";
  std::vector<std::string> arguments = {"topology",   "export",     "--target", "compose",
                                        "--topology", "continents", "--output", file.string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const CommandOutcome outcome =
      run_command(program_path("isopop"), arguments,
                  {.environment = {"ISOPOP_CONFIGS=" + (kSource / "configs").string()}});
  EXPECT_TRUE(outcome.success()) << outcome.describe();
  return file;
}

std::vector<fs::path> compose_files(const TempFolder& dense, const TempFolder& scaled) {
  return {kSource / "docker/compose/world.yaml", kSource / "docker/compose/continents.yaml",
          kSource / "docker/compose/tiny.yaml", exported(dense, {"--pops-per-container", "7"}),
          exported(scaled, {"--scaled"})};
}

TEST(ComposeFile, FitsTheComposeSpecification) {
  const TempFolder dense = TempFolder::create("isopop-dense-").value();
  const TempFolder scaled = TempFolder::create("isopop-scaled-").value();
  for (const fs::path& file : compose_files(dense, scaled)) {
    const CommandOutcome outcome = check("check_compose.mjs", file);
    EXPECT_TRUE(outcome.success()) << file << outcome.describe();
  }
}

TEST(ComposeFile, IsReadByCompose) {
  if (!is_installed("docker-compose")) GTEST_SKIP() << "docker-compose is not installed here";
  const TempFolder dense = TempFolder::create("isopop-dense-").value();
  const TempFolder scaled = TempFolder::create("isopop-scaled-").value();
  for (const fs::path& file : compose_files(dense, scaled)) {
    const CommandOutcome outcome =
        run_command("docker-compose", {"--file", file.string(), "config", "--quiet"});
    EXPECT_TRUE(outcome.success()) << file << outcome.describe();
  }
}

TEST(ComposeFile, WhatTheSpecificationDoesNotKnowIsRefused) {
  const TempFolder folder = TempFolder::create("isopop-spoilt-").value();
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"  mem_limit: 384m", "  memory_limit: 384m"},
      {"POP_COUNTRY: \"NL\"", "POP_COUNTRY: NO"},
      {"\nservices:\n", "\nversion: \"3.8\"\nservices:\n"},
  };
  for (const auto& [from, to] : changes) {
    std::string text = read_file(kSource / "docker/compose/tiny.yaml").value();
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const fs::path file = folder.path() / "compose.yaml";
    ASSERT_TRUE(write_file_atomically(file, text).ok());
    EXPECT_EQ(check("check_compose.mjs", file).status.code, 1) << to;
  }
}

TEST(Dashboard, AsksForMetricsThatThereAre) {
  std::string sources;
  for (const char* component : {"control_plane", "router", "pop_node"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kSource / component)) {
      if (entry.path().extension() == ".cc") sources += read_file(entry.path()).value();
    }
  }
  const std::string text =
      read_file(kSource / "docker/monitoring/grafana/dashboards/isopop.json").value();
  const nlohmann::json dashboard = nlohmann::json::parse(text);
  std::size_t asked = 0;
  for (const nlohmann::json& panel : dashboard.at("panels")) {
    for (const nlohmann::json& target : panel.at("targets")) {
      const std::string expression = target.at("expr");
      for (std::size_t at = expression.find("isopop_"); at != std::string::npos;
           at = expression.find("isopop_", at + 1)) {
        std::string name = expression.substr(at, expression.find_first_of("{[) ", at) - at);
        if (name.ends_with("_bucket")) name.resize(name.size() - std::string("_bucket").size());
        EXPECT_THAT(sources, HasSubstr("\"" + name + "\"")) << "in " << panel.at("title");
        ++asked;
      }
    }
  }
  EXPECT_GT(asked, 15U);
}

}  // namespace
}  // namespace isopop::test
