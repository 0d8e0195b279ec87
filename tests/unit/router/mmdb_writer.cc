#include "tests/unit/router/mmdb_writer.h"

#include <arpa/inet.h>

#include <array>
#include <bit>

#include "common/result/assert.h"
#include "common/text/text.h"

namespace isopop::router::testing {
namespace {

constexpr unsigned kTypeText = 2;
constexpr unsigned kTypeDouble = 3;
constexpr unsigned kTypeUint16 = 5;
constexpr unsigned kTypeUint32 = 6;
constexpr unsigned kTypeMap = 7;
constexpr unsigned kTypeUint64 = 9;
constexpr unsigned kTypeArray = 11;
constexpr unsigned kTypeFloat = 15;

std::string big_endian(std::uint64_t value, unsigned bytes) {
  std::string text;
  for (unsigned i = bytes; i > 0; --i) text.push_back(static_cast<char>(value >> (8 * (i - 1))));
  return text;
}

// The control byte or bytes: type and size (below 285 here).
std::string control(unsigned type, std::size_t size) {
  ISOPOP_ASSERT(size < 285, "a value of less than 285 bytes or entries");
  const auto small = static_cast<unsigned>(size < 29 ? size : 29);
  std::string text;
  text.push_back(static_cast<char>(((type > 7 ? 0 : type) << 5U) | small));
  if (type > 7) text.push_back(static_cast<char>(type - 7));
  if (size >= 29) text.push_back(static_cast<char>(size - 29));
  return text;
}

std::string unsigned_value(unsigned type, std::uint64_t value, unsigned bytes) {
  return control(type, bytes) + big_endian(value, bytes);
}

}  // namespace

std::string mmdb_text(std::string_view text) {
  return control(kTypeText, text.size()).append(text);
}

std::string mmdb_double(double value) {
  return control(kTypeDouble, 8) + big_endian(std::bit_cast<std::uint64_t>(value), 8);
}

std::string mmdb_float(float value) {
  return control(kTypeFloat, 4) + big_endian(std::bit_cast<std::uint32_t>(value), 4);
}

std::string mmdb_map(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string text = control(kTypeMap, entries.size());
  for (const auto& [key, value] : entries) text += mmdb_text(key) + value;
  return text;
}

MmdbWriter::MmdbWriter(IpVersion version) : version_(version) {}

void MmdbWriter::add(std::string_view network, std::string_view encoded_value) {
  const std::vector<std::string_view> parts = split(network, '/');
  ISOPOP_ASSERT(parts.size() == 2, "a network, as in 198.51.100.0/24");
  auto prefix = static_cast<unsigned>(parse_unsigned(parts[1]).value());
  const std::string host(parts[0]);
  std::array<unsigned char, 16> address{};
  const bool is_v6 = host.find(':') != std::string::npos;
  if (is_v6) {
    ISOPOP_ASSERT(version_ == IpVersion::kV6, "an IPv4 network for an IPv4 file");
    ISOPOP_ASSERT(inet_pton(AF_INET6, host.c_str(), address.data()) == 1, "an IPv6 address");
  } else if (version_ == IpVersion::kV6) {
    ISOPOP_ASSERT(inet_pton(AF_INET, host.c_str(), address.data() + 12) == 1, "an IPv4 address");
    prefix += 96;
  } else {
    ISOPOP_ASSERT(inet_pton(AF_INET, host.c_str(), address.data()) == 1, "an IPv4 address");
  }

  std::uint32_t node = 0;
  for (unsigned depth = 0; depth < prefix; ++depth) {
    const unsigned bit = (address.at(depth / 8) >> (7 - depth % 8)) & 1U;
    Record record = nodes_[node].branches[bit];
    ISOPOP_ASSERT(record.kind != Record::Kind::kValue, "networks that do not overlap");
    if (depth + 1 == prefix) {
      ISOPOP_ASSERT(record.kind == Record::Kind::kEmpty, "networks that do not overlap");
      record = {Record::Kind::kValue, static_cast<std::uint32_t>(data_.size())};
    } else if (record.kind == Record::Kind::kEmpty) {
      record = {Record::Kind::kNode, static_cast<std::uint32_t>(nodes_.size())};
      nodes_.emplace_back();
    }
    nodes_[node].branches[bit] = record;
    node = record.position;
  }
  data_.append(encoded_value);
}

std::string MmdbWriter::finish() const {
  const auto node_count = static_cast<std::uint32_t>(nodes_.size());
  std::string file;
  for (const Node& node : nodes_) {
    for (const Record& record : node.branches) {
      std::uint32_t value = node_count;  // means: not found
      if (record.kind == Record::Kind::kNode) value = record.position;
      if (record.kind == Record::Kind::kValue) value = node_count + 16 + record.position;
      file += big_endian(value, 3);
    }
  }
  file += std::string(16, '\0') + data_ + "\xAB\xCD\xEFMaxMind.com";
  file += mmdb_map({
      {"binary_format_major_version", unsigned_value(kTypeUint16, 2, 2)},
      {"binary_format_minor_version", unsigned_value(kTypeUint16, 0, 2)},
      {"build_epoch", unsigned_value(kTypeUint64, 1'700'000'000, 8)},
      {"database_type", mmdb_text("Test-City")},
      {"description", mmdb_map({{"en", mmdb_text("written by a test")}})},
      {"ip_version", unsigned_value(kTypeUint16, version_ == IpVersion::kV6 ? 6 : 4, 2)},
      {"languages", control(kTypeArray, 1) + mmdb_text("en")},
      {"node_count", unsigned_value(kTypeUint32, node_count, 4)},
      {"record_size", unsigned_value(kTypeUint16, 24, 2)},
  });
  return file;
}

}  // namespace isopop::router::testing
