#include "pop_node/worker/route_index.h"

#include <algorithm>

#include "common/text/text.h"

namespace isopop::pop {
namespace {

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
         c == '[' || c == ']' || c == ':';
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 &&
         std::all_of(host.begin(), host.end(), is_host_character);
}

}  // namespace

Result<RoutePattern> parse_route(std::string_view text) {
  const auto bad = [text](std::string_view why) {
    return invalid_argument("route '" + std::string(text) + "': " + std::string(why));
  };
  RoutePattern pattern;
  const std::size_t slash = text.find('/');
  std::string host = to_lower(text.substr(0, slash));
  if (host == "*") {
    pattern.host_kind = RoutePattern::HostKind::kAny;
  } else if (host.starts_with("*.")) {
    pattern.host_kind = RoutePattern::HostKind::kSuffix;
    pattern.host = host.substr(1);
    if (!is_host(std::string_view(pattern.host).substr(1))) return bad("no host behind '*.'");
  } else {
    pattern.host_kind = RoutePattern::HostKind::kExact;
    if (!is_host(host)) return bad("the part before '/' is not a host, '*.host' or '*'");
    pattern.host = std::move(host);
  }
  std::string_view path = slash == std::string_view::npos ? "/*" : text.substr(slash);
  if (path.ends_with('*')) {
    path.remove_suffix(1);
  } else {
    pattern.path_kind = RoutePattern::PathKind::kExact;
  }
  if (path.find('*') != std::string_view::npos) return bad("'*' may only end the path");
  if (path.find('?') != std::string_view::npos) return bad("a route has no query");
  pattern.path = std::string(path);
  return pattern;
}

std::string host_name(std::string_view authority) {
  std::string_view host = trim(authority);
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end != std::string_view::npos) host = host.substr(0, end + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return to_lower(host);
}

void RouteIndex::add(const RoutePattern& pattern, std::string_view worker) {
  PathRoutes* routes = &any_;
  if (pattern.host_kind == RoutePattern::HostKind::kExact) routes = &exact_[pattern.host];
  if (pattern.host_kind == RoutePattern::HostKind::kSuffix) routes = &suffix_[pattern.host];

  const auto is_before = [](const PathRoute& a, const RoutePattern& b) {
    if (a.path.size() != b.path.size()) return a.path.size() > b.path.size();
    if (a.kind != b.path_kind) return a.kind == RoutePattern::PathKind::kExact;
    return a.path <= b.path;
  };
  const auto same = [&pattern](const PathRoute& route) {
    return route.kind == pattern.path_kind && route.path == pattern.path;
  };
  if (std::any_of(routes->begin(), routes->end(), same)) return;
  const auto place = std::lower_bound(routes->begin(), routes->end(), pattern, is_before);
  routes->insert(place, {pattern.path_kind, pattern.path, std::string(worker)});
}

const std::string* RouteIndex::find_path(const PathRoutes& routes, std::string_view path) {
  for (const PathRoute& route : routes) {
    const bool fits = route.kind == RoutePattern::PathKind::kExact ? path == route.path
                                                                   : path.starts_with(route.path);
    if (fits) return &route.worker;
  }
  return nullptr;
}

const std::string* RouteIndex::find(std::string_view host, std::string_view path) const {
  if (const auto found = exact_.find(host); found != exact_.end()) {
    if (const std::string* worker = find_path(found->second, path)) return worker;
  }
  // Every suffix that starts with a dot, the longest first. "*.example" does not match "example".
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos && !suffix_.empty();
       dot = host.find('.', dot + 1)) {
    if (dot == 0) continue;
    if (const auto found = suffix_.find(host.substr(dot)); found != suffix_.end()) {
      if (const std::string* worker = find_path(found->second, path)) return worker;
    }
  }
  return find_path(any_, path);
}

}  // namespace isopop::pop
