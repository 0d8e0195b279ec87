#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isopop::router::testing {

// Values in the encoding of the MaxMind DB format 2.0 (https://maxmind.github.io/MaxMind-DB/), as
// far as location databases use it.
[[nodiscard]] std::string mmdb_text(std::string_view text);
[[nodiscard]] std::string mmdb_double(double value);
[[nodiscard]] std::string mmdb_float(float value);
[[nodiscard]] std::string mmdb_map(const std::vector<std::pair<std::string, std::string>>& entries);

enum class IpVersion { kV4, kV6 };

// Writes small MMDB files, so that tests need no database of anybody's. Records are 24 bits wide.
class MmdbWriter {
 public:
  explicit MmdbWriter(IpVersion version);

  // Maps a network, "198.51.100.0/24" or "2001:db8::/32", to an encoded value. No network may lie
  // within another. In a V6 file IPv4 networks go below ::/96, as the format says.
  void add(std::string_view network, std::string_view encoded_value);

  // The file's content.
  [[nodiscard]] std::string finish() const;

 private:
  struct Record {
    enum class Kind { kEmpty, kNode, kValue };
    Kind kind = Kind::kEmpty;
    std::uint32_t position = 0;  // of the node, or of the value in the data section
  };
  struct Node {
    Record branches[2];
  };

  IpVersion version_;
  std::vector<Node> nodes_{1};
  std::string data_;
};

}  // namespace isopop::router::testing
