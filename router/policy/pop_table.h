#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/geo/geo_point.h"
#include "common/result/result.h"
#include "router/geo/geo_index.h"

namespace isopop::router {

// The router's view of a PoP; the control plane's, until a request finds out better.
enum class PopState {
  kStarting,  // connected, does not hold all workers yet: would answer 404
  kReady,
  kDown,  // its stream is lost, but it may well go on serving
};
[[nodiscard]] std::string_view to_string(PopState state);

struct Pop {
  std::string id;  // "AMS"
  std::string city;
  std::string country;
  std::string region;
  GeoPoint place;
  std::string http_address;  // "127.20.0.2:8080"
  PopState state = PopState::kStarting;
  bool is_drained = false;  // people want no new requests there
};

// All PoPs at one moment. An immutable snapshot: a change makes a new table, and a request keeps
// the one it began with, so pointers to its PoPs stay good while it holds the shared_ptr.
// Thread-safe.
class PopTable {
 public:
  // INVALID_ARGUMENT for an empty or repeated id or a place out of range. Empty is allowed.
  [[nodiscard]] static Result<std::shared_ptr<const PopTable>> create(std::vector<Pop> pops);

  // By id, ascending.
  [[nodiscard]] const std::vector<Pop>& pops() const { return pops_; }
  // Null when there is none.
  [[nodiscard]] const Pop* find(std::string_view id) const;

  // The PoPs a request may be sent to: the ready ones that are not drained, or, when there are
  // none, those that are down (the control plane's view may be what is broken; trying costs less
  // than refusing everybody), or else the drained ones, for the same reason. Positions in pops(),
  // ascending; the index holds exactly these, in this order.
  [[nodiscard]] const std::vector<std::size_t>& eligible() const { return eligible_; }
  [[nodiscard]] const GeoIndex& eligible_index() const { return *eligible_index_; }

 private:
  PopTable(std::vector<Pop> pops, std::vector<std::size_t> eligible,
           std::unique_ptr<const GeoIndex> eligible_index);

  std::vector<Pop> pops_;
  std::vector<std::size_t> eligible_;
  std::unique_ptr<const GeoIndex> eligible_index_;
};

}  // namespace isopop::router
