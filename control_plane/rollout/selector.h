#pragma once

#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "common/geo/geo_point.h"
#include "common/result/result.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// A set of PoPs in words, of which a wave of a rollout or the scope of a secret is made:
//   AMS,FRA                these ids, as they are spelled
//   region=eu, country=BR  whatever the case
//   near=52.4,4.9/1000km   around a place, great circle, the edge included
//   10%                    by a hash of the id and of nothing else: who is in 10% is in 20% too
//   all
// Immutable.
class Selector final {
 public:
  // INVALID_ARGUMENT says what is allowed.
  [[nodiscard]] static Result<Selector> parse(std::string_view text);
  // Every PoP.
  Selector() = default;

  [[nodiscard]] bool matches(const v1::PopIdentity& pop) const;
  // Whether it selects every PoP there can be.
  [[nodiscard]] bool is_all() const;

 private:
  struct All {};
  struct Ids {
    std::set<std::string, std::less<>> ids;
  };
  struct Region {
    std::string name;
  };
  struct Country {
    std::string code;
  };
  struct Near {
    GeoPoint centre;
    double radius_km = 0.0;
  };
  struct Share {
    double ratio = 0.0;  // 0 < ratio <= 1
  };
  using Rule = std::variant<All, Ids, Region, Country, Near, Share>;

  explicit Selector(Rule rule) : rule_(std::move(rule)) {}
  static Result<Rule> parse_rule(std::string_view text);
  static Result<Rule> parse_property(std::string_view key, std::string_view value);
  static Result<Rule> parse_near(std::string_view value);
  static Result<Rule> parse_share(std::string_view number);
  static Result<Rule> parse_ids(std::string_view text);

  Rule rule_;
};

}  // namespace isopop::control
