#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace isopop::pop {

// Which worker answers a request, by host and path. Routes are "host/path" patterns; the most
// specific one wins: an exact host before "*.example" (the longer suffix first) before "*"; within
// one host the longer path first, and of two equally long ones the exact path before the prefix. A
// host whose paths do not fit falls through to the next less specific host. Values; not
// thread-safe.

struct RoutePattern {
  enum class HostKind { kExact, kSuffix, kAny };
  enum class PathKind { kExact, kPrefix };

  HostKind host_kind = HostKind::kAny;
  std::string host;  // lower case; of kSuffix the part behind "*", with its dot: ".example"
  PathKind path_kind = PathKind::kPrefix;
  std::string path;  // starts with '/'; of kPrefix without the '*'
};

// "hello.example/*", "*.example/api/*", "*/health". Without a path the pattern means every path.
[[nodiscard]] Result<RoutePattern> parse_route(std::string_view text);

// The name part of a Host header or authority: lower case, without port and trailing dot. An IPv6
// literal keeps its brackets.
[[nodiscard]] std::string host_name(std::string_view authority);

class RouteIndex {
 public:
  // Of two equal patterns the one added first stays.
  void add(const RoutePattern& pattern, std::string_view worker);

  // The worker's name, or null. `host` as host_name() gives it; `path` without the query.
  [[nodiscard]] const std::string* find(std::string_view host, std::string_view path) const;

 private:
  struct PathRoute {
    RoutePattern::PathKind kind = RoutePattern::PathKind::kPrefix;
    std::string path;
    std::string worker;
  };
  using PathRoutes = std::vector<PathRoute>;  // most specific first
  using HostRoutes = std::map<std::string, PathRoutes, std::less<>>;

  static const std::string* find_path(const PathRoutes& routes, std::string_view path);

  HostRoutes exact_;
  HostRoutes suffix_;
  PathRoutes any_;
};

}  // namespace isopop::pop
