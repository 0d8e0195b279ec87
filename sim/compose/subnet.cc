#include "sim/compose/subnet.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <string>

#include "common/text/text.h"

namespace isopop::sim {
namespace {

constexpr int kPrefixMax = 32;
constexpr int kOwnPrefix = 20;  // 4,094 addresses: a Linux bridge has no more than 1,023 ports
constexpr std::uint32_t kFirst = (10U << 24U) | (220U << 16U);
constexpr std::uint32_t kEnd = (10U << 24U) | (252U << 16U);

std::uint32_t mask_of(int prefix) {
  return prefix == 0 ? 0 : ~std::uint32_t{0} << static_cast<unsigned>(kPrefixMax - prefix);
}

// As in /proc/net/route: hexadecimal, in network order as this machine would read it.
std::optional<std::uint32_t> parse_route_word(std::string_view text) {
  std::uint32_t word = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), word, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return ntohl(word);
}

}  // namespace

bool Subnet::overlaps(const Subnet& other) const {
  const std::uint32_t mask = mask_of(std::min(prefix, other.prefix));
  return (address & mask) == (other.address & mask);
}

std::string Subnet::text() const {
  return fmt::format("{}.{}.{}.{}/{}", address >> 24U, (address >> 16U) & 0xFFU,
                     (address >> 8U) & 0xFFU, address & 0xFFU, prefix);
}

std::optional<Subnet> parse_subnet(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<long long> prefix =
      slash == std::string_view::npos ? std::nullopt : parse_integer(text.substr(slash + 1));
  in_addr parsed{};
  if (!prefix || *prefix < 0 || *prefix > kPrefixMax ||
      inet_pton(AF_INET, std::string(text.substr(0, slash)).c_str(), &parsed) != 1) {
    return std::nullopt;
  }
  const int bits = static_cast<int>(*prefix);
  return Subnet{.address = ntohl(parsed.s_addr) & mask_of(bits), .prefix = bits};
}

std::vector<Subnet> parse_routes(std::string_view text) {
  constexpr std::size_t kDestination = 1;
  constexpr std::size_t kMask = 7;
  std::vector<Subnet> routes;
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> fields = split(line, '\t');
    if (fields.size() <= kMask) continue;
    const std::optional<std::uint32_t> address = parse_route_word(trim(fields[kDestination]));
    const std::optional<std::uint32_t> mask = parse_route_word(trim(fields[kMask]));
    // The default route leads everywhere and is nobody's network.
    if (!address || !mask || *mask == 0) continue;
    routes.push_back({.address = *address, .prefix = std::popcount(*mask)});
  }
  return routes;
}

std::optional<Subnet> free_subnet(const std::vector<Subnet>& taken, std::uint32_t first) {
  constexpr std::uint32_t kStep = 1U << static_cast<unsigned>(kPrefixMax - kOwnPrefix);
  constexpr std::uint32_t kCount = (kEnd - kFirst) / kStep;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const Subnet subnet{.address = kFirst + (first % kCount + i) % kCount * kStep,
                        .prefix = kOwnPrefix};
    const bool is_taken = std::any_of(taken.begin(), taken.end(), [&subnet](const Subnet& other) {
      return subnet.overlaps(other);
    });
    if (!is_taken) return subnet;
  }
  return std::nullopt;
}

}  // namespace isopop::sim
