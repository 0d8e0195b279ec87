#include "tests/tidy/include_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "common/text/text.h"

namespace isopop::tidy {
namespace {

// A folder and what its files may include; the first row that fits a file counts. "isopop/" is what
// the build generates from proto/isopop/.
struct Knows {
  std::string_view folder;
  std::vector<std::string_view> may_include;
  std::string_view because;
};

const std::vector<Knows>& include_table() {
  static const std::vector<Knows> table = {
      {"common/rpc/", {"common/", "isopop/"}, "how programs identify themselves is in proto"},
      {"common/", {"common/"}, "common knows none of the components"},
      {"router/geo/", {"common/", "router/geo/"}, "router/geo is a core"},
      {"router/network/", {"common/", "router/network/"}, "router/network is a core"},
      {"router/policy/",
       {"common/", "router/geo/", "router/network/", "router/policy/"},
       "router/policy is a core"},
      {"router/", {"common/", "isopop/", "router/"}, "components meet in proto only"},
      {"pop_node/executor/",
       {"common/", "pop_node/executor/", "pop_node/checkpoint/"},
       "the executor holds only what untrusted code may be near: no libprotobuf, nothing of the "
       "PoP"},
      {"pop_node/checkpoint/",
       {"common/", "pop_node/checkpoint/"},
       "the checkpoint knows nothing of V8 or of PoPs"},
      {"pop_node/",
       {"common/", "isopop/", "pop_node/cache/", "pop_node/http/", "pop_node/kv/", "pop_node/main/",
        "pop_node/pool/", "pop_node/rpc/", "pop_node/worker/"},
       "the PoP's process has no V8 in it, and components meet in proto only"},
      {"control_plane/", {"common/", "isopop/", "control_plane/"}, "components meet in proto only"},
      {"sim/",
       {"common/", "isopop/", "sim/", "router/geo/", "router/network/", "router/policy/"},
       "sim knows the router's cores and nothing else of the components"},
      {"docker/", {}, "what stands in the image for itself knows nothing of the components"},
      {"tests/",
       {"common/", "isopop/", "router/", "pop_node/", "control_plane/", "sim/", "tests/"},
       "headers are included by their path from the root"},
  };
  return table;
}

// A library's headers and the files that may see them: prefixes of paths, "*/x/" for a folder of
// that name in any component, "*/x.cc" for a file of that name anywhere.
struct Library {
  std::string_view name;
  std::vector<std::string_view> headers;  // prefixes of what stands in the #include
  std::vector<std::string_view> allowed;
  std::string_view instead;
};

const std::vector<Library>& libraries() {
  static const std::vector<Library> list = {
      {"V8", {"v8", "libplatform/", "node.h"}, {"pop_node/executor/"}, "speak to an executor"},
      {"gRPC",
       {"grpc"},
       {"common/rpc/", "*/rpc/", "control_plane/cli/", "control_plane/server/", "*/main/"},
       "use an adapter in an rpc folder"},
      {"Asio",
       {"boost/asio", "boost/beast", "common/event_loop/asio.h"},
       {"common/event_loop/", "common/http/", "*/http/", "*/rpc/", "*/main.cc",
        "control_plane/server/", "*/main/", "sim/replay/", "pop_node/pool/executor_",
        "pop_node/pool/signal.h"},
       "keep the logic in a core and the sockets in an adapter"},
      {"yaml-cpp", {"yaml-cpp/"}, {"common/config/"}, "use common/config"},
      {"SQLite", {"sqlite3"}, {"control_plane/"}, "ask the control plane"},
      {"spdlog", {"spdlog/"}, {"common/log/"}, "use common/log"},
      {"prometheus-cpp", {"prometheus/"}, {"common/metrics/"}, "use common/metrics"},
      {"OpenSSL",
       {"openssl/"},
       {"common/", "pop_node/executor/"},
       "use common/hash or common/random"},
      {"libprotobuf",
       {"google/protobuf/"},
       {"common/protobuf/", "common/rpc/", "control_plane/", "pop_node/http/", "pop_node/pool/",
        "pop_node/rpc/", "pop_node/worker/", "router/rpc/", "sim/rpc/"},
       "the executor speaks protozero, cores speak plain structs"},
      {"GoogleTest", {"gtest/", "gmock/"}, {}, "tests stand in tests/"},
      {"Google Benchmark", {"benchmark/"}, {}, "benchmarks stand in tests/bench/"},
  };
  return list;
}

struct Include {
  std::size_t line = 0;
  bool is_quoted = false;
  std::string path;
};

std::vector<Include> includes_of(const SourceFile& file) {
  std::vector<Include> includes;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    std::string_view line = trim(file.lines[i]);
    if (!line.starts_with("#include")) continue;
    line = trim(line.substr(std::string_view("#include").size()));
    if (line.size() < 3 || (line[0] != '"' && line[0] != '<')) continue;
    const std::size_t end = line.find(line[0] == '"' ? '"' : '>', 1);
    if (end == std::string_view::npos) continue;
    includes.push_back({i + 1, line[0] == '"', std::string(line.substr(1, end - 1))});
  }
  return includes;
}

bool starts_with_any(std::string_view path, const std::vector<std::string_view>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [path](std::string_view prefix) { return path.starts_with(prefix); });
}

// A path against "router/geo/", "*/rpc/" or "*/main.cc".
bool matches(std::string_view path, std::string_view pattern) {
  if (!pattern.starts_with('*')) return path.starts_with(pattern);
  const std::string_view rest = pattern.substr(1);
  if (rest.ends_with('/')) return path.find(rest) != std::string_view::npos;
  return path.ends_with(rest);
}

}  // namespace

std::vector<Finding> check_include_table(const SourceFile& file) {
  if (!file.is_cpp()) return {};
  const std::vector<Knows>& table = include_table();
  const auto row = std::find_if(table.begin(), table.end(), [&file](const Knows& knows) {
    return file.path.starts_with(knows.folder);
  });
  if (row == table.end()) {
    return {
        {"include-table", file.path, 0,
         "the folder is not in the table of who may include whom (tests/tidy/include_rules.cc)"}};
  }
  std::vector<Finding> findings;
  for (const Include& include : includes_of(file)) {
    if (!include.is_quoted || starts_with_any(include.path, row->may_include)) continue;
    findings.push_back({"include-table", file.path, include.line,
                        fmt::format("must not include \"{}\": {} may include {}; {}", include.path,
                                    row->folder, fmt::join(row->may_include, " "), row->because)});
  }
  return findings;
}

std::vector<Finding> check_library_headers(const SourceFile& file) {
  if (!file.is_cpp() || file.is_test()) return {};
  std::vector<Finding> findings;
  for (const Include& include : includes_of(file)) {
    for (const Library& library : libraries()) {
      // Generated services are gRPC's, whatever their path.
      const bool is_service = library.name == "gRPC" && include.path.ends_with(".grpc.pb.h");
      if (!is_service && !starts_with_any(include.path, library.headers)) continue;
      if (std::any_of(library.allowed.begin(), library.allowed.end(),
                      [&file](std::string_view pattern) { return matches(file.path, pattern); })) {
        continue;
      }
      findings.push_back(
          {"library-headers", file.path, include.line,
           fmt::format("must not see {} ({}): {}", library.name, include.path, library.instead)});
    }
  }
  return findings;
}

}  // namespace isopop::tidy
