#include "control_plane/cli/audit_text.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "common/text/text.h"
#include "control_plane/cli/arguments.h"
#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

// What was not written by this version may have members of other kinds: those count as absent.
std::string text_at(const Json& detail, const char* name) {
  const auto found = detail.find(name);
  return found != detail.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_at(const Json& detail, const char* name) {
  const auto found = detail.find(name);
  return found != detail.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string with_note(std::string text, const std::string& note) {
  return note.empty() ? text : fmt::format("{}: {}", text, first_line(note));
}

std::string summary_of_deployment(const Json& detail) {
  v1::Deployment deployment;
  for (const Json& share : detail["shares"]) {
    if (!share.is_object()) continue;
    v1::VersionShare& added = *deployment.add_shares();
    added.set_number(number_at(share, "version"));
    added.set_weight(static_cast<std::uint32_t>(number_at(share, "weight")));
  }
  std::string text = format_shares(deployment);
  const bool is_under_way = text_at(detail, "state") == "ROLLING_OUT";
  if (is_under_way) text += fmt::format(", wave {}", number_at(detail, "wave") + 1);
  if (const std::uint64_t from = number_at(detail, "rolled_back_from"); from != 0) {
    text += fmt::format(", back from deployment {}", from);
  }
  const std::string reason = text_at(detail, "reason");
  return with_note(std::move(text), reason.empty() ? text_at(detail, "message") : reason);
}

std::string summary_of_version(const Json& detail) {
  const std::string tag = text_at(detail, "tag");
  const std::string code = fmt::format("bundle {}", text_at(detail, "bundle_sha256").substr(0, 12));
  return with_note(tag.empty() ? code : fmt::format("tag {}", tag), text_at(detail, "message"));
}

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::vector<std::string> parts;
  for (const Json& part : value) parts.push_back(value_text(part));
  return join(parts, " ");
}

// "ci", "replaced", "keys 3", "expires 2026-11-23 05:54:00"; nothing of what says nothing.
std::string member_text(std::string_view name, const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? std::string(name) : std::string();
  const std::string text = value_text(value);
  if (name == "name" || text.empty()) return text;
  constexpr std::string_view kTime = "_at_ms";
  if (name.ends_with(kTime) && value.is_number_integer()) {
    name.remove_suffix(kTime.size());
    return fmt::format("{} {}", name, format_time(value.get<std::int64_t>()));
  }
  return fmt::format("{} {}", name, text);
}

}  // namespace

std::string summary_of_audit(const Json& detail) {
  if (detail.is_string()) return first_line(detail.get<std::string>());
  if (!detail.is_object()) return value_text(detail);
  if (detail.contains("shares") && detail["shares"].is_array()) {
    return summary_of_deployment(detail);
  }
  if (detail.contains("bundle_sha256")) return summary_of_version(detail);
  std::vector<std::string> parts;
  for (const auto& [name, value] : detail.items()) {
    std::string part = member_text(name, value);
    if (!part.empty()) parts.push_back(std::move(part));
  }
  return join(parts, ", ");
}

}  // namespace isopop::control::cli
