#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// A serialised v1::Bundle, shared by every stream that is sending it.
using BundleBytes = std::shared_ptr<const std::string>;

inline constexpr std::size_t kBundleChunkBytes = 256 * 1024;

// The bundles that one PoP asked for, sent chunk by chunk, the oldest that is here first. It shares
// the bytes with every other stream that sends them. Not thread-safe.
class BundleTransfers final {
 public:
  // Bundles at once. A PoP that asks for more breaks the contract.
  static constexpr std::size_t kTransfersMax = 128;

  // An offset at or past the end gets one empty chunk: "you have it all". False: too many at once.
  [[nodiscard]] bool begin(const std::string& sha256, std::uint64_t offset);
  // Whether one of them waits for these bytes.
  [[nodiscard]] bool wants(const std::string& sha256) const;
  void provide(const std::string& sha256, const BundleBytes& bytes);

  [[nodiscard]] bool has_chunk() const;
  // Only when there is one.
  [[nodiscard]] v1::ControlMessage next_chunk();

 private:
  struct Transfer {
    std::string sha256;
    std::uint64_t offset = 0;
    BundleBytes bytes;  // null until they are here
  };
  std::deque<Transfer> transfers_;
};

}  // namespace isopop::control
