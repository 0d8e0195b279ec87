#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/geo/geo_point.h"
#include "common/result/result.h"

namespace isopop::sim {

// One point of presence as a topology file describes it.
struct PopSite {
  std::string id;       // "AMS": 2 to 16 letters and digits, unique
  std::string city;     // "Amsterdam"
  std::string country;  // ISO 3166-1 alpha-2
  std::string region;   // "Europe"; may be empty
  GeoPoint place;

  friend bool operator==(const PopSite&, const PopSite&) = default;
};

// How the router is run. The values are what isopop-router takes under the same names.
struct RouterSettings {
  std::string policy = "nearest";
  std::string net = "real";  // real: modelled delays are waited; account: only told
  std::string access_profile = "default";

  friend bool operator==(const RouterSettings&, const RouterSettings&) = default;
};

// How every PoP is run: isopop-pop's options of the same names. What is absent is left to its
// defaults.
struct PopSettings {
  std::string isolation = "pristine";                // of workers that do not say
  std::optional<std::uint64_t> memory_budget_bytes;  // of all executors of a PoP
  std::optional<std::int64_t> executors_max;
  std::optional<std::int64_t> executors_per_worker_max;
  std::optional<std::int64_t> queue_max;
  std::optional<std::chrono::nanoseconds> queue_deadline;
  std::optional<std::chrono::nanoseconds> executor_idle_timeout;
  std::optional<std::chrono::nanoseconds> wall_limit;
  std::optional<std::uint64_t> body_bytes_max;

  friend bool operator==(const PopSettings&, const PopSettings&) = default;
};

// A whole network: what `isopop up` starts. A plain value; load() has checked it. The file's format
// is documented in docs/topology.md.
struct Topology {
  std::string name;
  std::uint64_t seed = 1;  // root of everything the router draws
  std::string provenance;  // where the list of PoPs comes from, for people
  PopSettings pop;
  RouterSettings router;
  std::vector<PopSite> pops;  // ordered so that the first N are a sensible network of N

  friend bool operator==(const Topology&, const Topology&) = default;
};

// More processes than one machine is asked to run.
inline constexpr std::size_t kPopsMax = 2000;
inline constexpr std::size_t kPopIdBytesMax = 16;

// Two to sixteen capital letters and digits, a letter first. Ids go into file names, header fields
// and gRPC: such ones are harmless everywhere.
[[nodiscard]] bool is_pop_id(std::string_view text);
// ISO 3166-1 alpha-2 by its form: two capital letters.
[[nodiscard]] bool is_country_code(std::string_view text);
// One line of 1 to 200 bytes without control characters, as a city's name is.
[[nodiscard]] bool is_short_line(std::string_view text);

// Strict: "file:line: key: what is wrong" for an unknown key, a wrong type or range, a PoP that is
// there twice. kNotFound when there is no such file.
[[nodiscard]] Result<Topology> load_topology(const std::string& path);
[[nodiscard]] Result<Topology> parse_topology(std::string_view text, std::string_view name);

// The network of the first `count` PoPs; OUT_OF_RANGE when there are fewer.
[[nodiscard]] Result<Topology> first_pops(Topology topology, std::size_t count);

}  // namespace isopop::sim
