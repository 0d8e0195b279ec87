#include "control_plane/rollout/selector.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>

#include "common/hash/hash.h"
#include "common/text/text.h"
#include "control_plane/rollout/quoted.h"

namespace isopop::control {
namespace {

constexpr std::size_t kTextBytesMax = 8192;  // 330 ids and room
constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kRegionBytesMax = 64;
constexpr double kEarthHalfRoundKm = 20'038.0;  // half the equator: no two places are farther apart

Error no_selector(std::string_view text, std::string_view why) {
  return invalid_argument(
      fmt::format("{} selects no PoPs: {}; give all, ids (AMS,FRA), region=NAME, country=CC, "
                  "near=LAT,LON/KMkm or a share (10%)",
                  quoted(text), why));
}

bool is_pop_id(std::string_view id) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  return !id.empty() && id.size() <= kIdBytesMax &&
         id.find_first_not_of(kAllowed) == std::string_view::npos;
}

// 0 <= place < 1, the same for an id for ever.
double place_of(std::string_view id) {
  constexpr unsigned kDroppedBits = 11;  // a double has 53
  return std::ldexp(static_cast<double>(hash64(id) >> kDroppedBits), -53);
}

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

Result<Selector> Selector::parse(std::string_view text) {
  text = trim(text);
  if (text.size() > kTextBytesMax) {
    return no_selector(text, fmt::format("it is longer than {} bytes", kTextBytesMax));
  }
  Result<Rule> rule = parse_rule(text);
  if (!rule.ok()) return no_selector(text, rule.error().message);
  return Selector(std::move(rule).value());
}

Result<Selector::Rule> Selector::parse_rule(std::string_view text) {
  if (text.empty()) return invalid_argument("it is empty");
  if (text == "all") return Rule(All{});
  if (const std::size_t equals = text.find('='); equals != std::string_view::npos) {
    return parse_property(trim(text.substr(0, equals)), trim(text.substr(equals + 1)));
  }
  if (text.ends_with('%')) return parse_share(trim(text.substr(0, text.size() - 1)));
  return parse_ids(text);
}

Result<Selector::Rule> Selector::parse_property(std::string_view key, std::string_view value) {
  if (key == "near") return parse_near(value);
  if (key == "region") {
    if (value.empty() || value.size() > kRegionBytesMax) {
      return invalid_argument(fmt::format("a region has 1 to {} bytes", kRegionBytesMax));
    }
    return Rule(Region{.name = std::string(value)});
  }
  if (key == "country") {
    const bool is_code =
        value.size() == 2 &&
        to_lower(value).find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos;
    if (!is_code) return invalid_argument("a country is two letters (ISO 3166-1)");
    return Rule(Country{.code = std::string(value)});
  }
  const std::string meant = did_you_mean(key, {"region", "country", "near"});
  return invalid_argument(
      fmt::format("{} is no property of a PoP{}", quoted(key),
                  meant.empty() ? std::string() : fmt::format(" (did you mean {}=?)", meant)));
}

Result<Selector::Rule> Selector::parse_near(std::string_view value) {
  const std::size_t slash = value.find('/');
  if (slash == std::string_view::npos || !value.ends_with("km")) {
    return invalid_argument("near= is a place and a distance, 52.4,4.9/1000km");
  }
  ISOPOP_TRY_ASSIGN(const GeoPoint centre, parse_geo_point(value.substr(0, slash)));
  const std::string_view distance = value.substr(slash + 1, value.size() - slash - 3);
  const std::optional<double> radius_km = parse_double(trim(distance));
  if (!radius_km || *radius_km <= 0.0 || *radius_km > kEarthHalfRoundKm) {
    return invalid_argument(
        fmt::format("a distance is above 0 and at most {} km", kEarthHalfRoundKm));
  }
  return Rule(Near{.centre = centre, .radius_km = *radius_km});
}

Result<Selector::Rule> Selector::parse_share(std::string_view number) {
  const std::optional<double> percent = parse_double(number);
  if (!percent || *percent <= 0.0 || *percent > 100.0) {
    return invalid_argument("a share is above 0% and at most 100%");
  }
  return Rule(Share{.ratio = *percent / 100.0});
}

Result<Selector::Rule> Selector::parse_ids(std::string_view text) {
  Ids rule;
  for (const std::string_view piece : split(text, ',')) {
    const std::string_view id = trim(piece);
    if (!is_pop_id(id)) {
      return invalid_argument(fmt::format("{} is no PoP's id", quoted(id)));
    }
    if (id == "all") {
      return invalid_argument("\"all\" stands alone");
    }
    rule.ids.emplace(id);
  }
  return Rule(std::move(rule));
}

bool Selector::is_all() const {
  if (const auto* share = std::get_if<Share>(&rule_)) return share->ratio >= 1.0;
  return std::holds_alternative<All>(rule_);
}

bool Selector::matches(const v1::PopIdentity& pop) const {
  const auto near = [&pop](const Near& rule) {
    return great_circle_km(rule.centre, {.latitude_deg = pop.latitude_deg(),
                                         .longitude_deg = pop.longitude_deg()}) <= rule.radius_km;
  };
  return std::visit(
      Overloaded{
          [](const All&) { return true; },
          [&](const Ids& rule) { return rule.ids.contains(pop.id()); },
          [&](const Region& rule) { return equals_ignoring_case(rule.name, pop.region()); },
          [&](const Country& rule) { return equals_ignoring_case(rule.code, pop.country()); },
          near,
          [&](const Share& rule) { return place_of(pop.id()) < rule.ratio; },
      },
      rule_);
}

}  // namespace isopop::control
