#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isopop::sim {

// An IPv4 network in CIDR form.
struct Subnet {
  std::uint32_t address = 0;  // of the network, in host order
  int prefix = 32;

  [[nodiscard]] bool overlaps(const Subnet& other) const;
  [[nodiscard]] std::string text() const;  // "10.220.0.0/20"

  friend bool operator==(const Subnet&, const Subnet&) = default;
};

// Nothing when it is no IPv4 network; host bits are cut off.
[[nodiscard]] std::optional<Subnet> parse_subnet(std::string_view text);

// The networks that this machine has routes to, from the text of /proc/net/route.
[[nodiscard]] std::vector<Subnet> parse_routes(std::string_view text);

// A private network of 4,094 addresses that none of these overlaps: the first free one of
// 10.220.0.0/20, 10.220.16.0/20 … 10.251.240.0/20. Nothing when all are taken. The search begins at
// the `first`-th, so that several that look at the same moment need not find the same.
[[nodiscard]] std::optional<Subnet> free_subnet(const std::vector<Subnet>& taken,
                                                std::uint32_t first = 0);

}  // namespace isopop::sim
