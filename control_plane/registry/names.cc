#include "control_plane/registry/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/text/text.h"

namespace isopop::control {
namespace {

constexpr std::size_t kLabelBytesMax = 63;
constexpr std::size_t kHostBytesMax = 253;

bool is_lower_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return is_lower_alphanumeric(c) || c == '-' || c == '_';
         });
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax) return false;
  const std::vector<std::string_view> labels = split(host, '.');
  return std::all_of(labels.begin(), labels.end(), is_label);
}

Error route_error(std::string_view pattern, std::string_view why) {
  return invalid_argument(fmt::format("route {}: {}", in_quotes(pattern), why));
}

Result<void> check_host(std::string_view pattern, std::string_view host) {
  if (host == "*") return {};
  const bool wildcard = host.starts_with("*.");
  const std::string_view suffix = wildcard ? host.substr(2) : host;
  if (host.find(':') != std::string_view::npos) {
    return route_error(pattern, "a host has no port here; the pattern matches on every port");
  }
  if (!is_host(suffix)) {
    return route_error(pattern,
                       "the host must be a name such as \"shop.example\", \"*.example\" or \"*\"");
  }
  if (suffix == kDefaultDomain || suffix.ends_with(fmt::format(".{}", kDefaultDomain))) {
    return route_error(
        pattern, fmt::format("hosts under {} belong to the workers they name", kDefaultDomain));
  }
  return {};
}

Result<void> check_path(std::string_view pattern, std::string_view path) {
  const std::size_t star = path.find('*');
  if (star != std::string_view::npos && star + 1 != path.size()) {
    return route_error(pattern, "in the path, '*' may only be the last character");
  }
  const bool printable =
      std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!printable) {
    return route_error(pattern, "the path must be printable ASCII; percent-encode what is not");
  }
  if (path.find_first_of("?#") != std::string_view::npos) {
    return route_error(pattern, "a route matches host and path only, not '?' or '#'");
  }
  return {};
}

enum class Lines { kOne, kMany };

struct Words {
  std::string_view what;
  std::size_t bytes_max;
  Lines lines;
};

Result<void> check_words(const Words& rule, std::string_view text) {
  if (text.size() > rule.bytes_max) {
    return invalid_argument(fmt::format("the {} has {} bytes; at most {} are allowed", rule.what,
                                        text.size(), rule.bytes_max));
  }
  const bool clean = std::all_of(text.begin(), text.end(), [&rule](char c) {
    const bool is_control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    return !is_control || (rule.lines == Lines::kMany && (c == '\n' || c == '\t'));
  });
  if (clean) return {};
  return invalid_argument(
      fmt::format("the {} {} must not hold control characters", rule.what, in_quotes(text)));
}

}  // namespace

Result<void> check_author(std::string_view author) {
  return check_words({"author", kAuthorBytesMax, Lines::kOne}, author);
}

Result<void> check_message(std::string_view message) {
  return check_words({"message", kMessageBytesMax, Lines::kMany}, message);
}

Result<void> check_tag(std::string_view tag) {
  return check_words({"tag", kTagBytesMax, Lines::kOne}, tag);
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShownMax = 80;
  std::string shown = "'";
  for (const char c : text.substr(0, kShownMax)) {
    if (c >= ' ' && c <= '~') {
      shown += c;
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  shown += '\'';
  if (text.size() > kShownMax) shown += fmt::format("… ({} bytes)", text.size());
  return shown;
}

Result<void> check_worker_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= kLabelBytesMax &&
                    is_lower_alphanumeric(name.front()) &&
                    std::all_of(name.begin(), name.end(),
                                [](char c) { return is_lower_alphanumeric(c) || c == '-'; });
  if (fits) return {};
  return invalid_argument(
      fmt::format("worker name {}: must be 1 to 63 of a-z, 0-9 and '-', and not begin with '-'",
                  in_quotes(name)));
}

Result<std::string> canonical_route(std::string_view pattern) {
  if (pattern.size() > kRouteBytesMax) {
    return route_error(pattern, fmt::format("longer than {} bytes", kRouteBytesMax));
  }
  if (pattern.find("://") != std::string_view::npos) {
    return route_error(pattern, "leave out the scheme; write host and path only");
  }
  const std::size_t slash = pattern.find('/');
  if (slash == std::string_view::npos) {
    return route_error(pattern, "no path; for all of a host write \"host/*\"");
  }
  const std::string host = to_lower(pattern.substr(0, slash));
  const std::string_view path = pattern.substr(slash);
  ISOPOP_TRY(check_host(pattern, host));
  ISOPOP_TRY(check_path(pattern, path));
  return fmt::format("{}{}", host, path);
}

Result<std::vector<std::string>> canonical_routes(const std::vector<std::string>& patterns) {
  if (patterns.size() > kRoutesMax) {
    return invalid_argument(
        fmt::format("{} routes; a worker may have {}", patterns.size(), kRoutesMax));
  }
  std::vector<std::string> routes;
  routes.reserve(patterns.size());
  for (const std::string& pattern : patterns) {
    ISOPOP_TRY_ASSIGN(std::string route, canonical_route(pattern));
    routes.push_back(std::move(route));
  }
  std::sort(routes.begin(), routes.end());
  routes.erase(std::unique(routes.begin(), routes.end()), routes.end());
  return routes;
}

}  // namespace isopop::control
