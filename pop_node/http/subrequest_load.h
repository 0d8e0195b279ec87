#pragma once

#include <cstddef>

#include "common/result/assert.h"

namespace isopop::pop {

// What the requests of workers to each other hold of a PoP, and how much they may: each takes some
// of its memory and a place in a line, and one client's request can make many. Fewer than the lines
// are long, so that a storm of them leaves room for clients. Lives on the PoP's event loop.
class SubrequestLoad {
 public:
  static constexpr std::size_t kUnderWayMax = 512;
  static constexpr std::size_t kBodyBytesMax = std::size_t{64} << 20U;  // of requests, held here

  // False: there are too many; each that was let in leaves.
  [[nodiscard]] bool enter() {
    if (under_way_ >= kUnderWayMax) return false;
    ++under_way_;
    return true;
  }
  void leave() {
    ISOPOP_ASSERT(under_way_ > 0, "one that was let in leaves");
    --under_way_;
  }

  // False: there is no room for them.
  [[nodiscard]] bool hold(std::size_t body_bytes) {
    if (body_bytes > kBodyBytesMax - body_bytes_) return false;
    body_bytes_ += body_bytes;
    return true;
  }
  void release(std::size_t body_bytes) {
    ISOPOP_ASSERT(body_bytes <= body_bytes_, "what was held is released");
    body_bytes_ -= body_bytes;
  }

 private:
  std::size_t under_way_ = 0;
  std::size_t body_bytes_ = 0;
};

}  // namespace isopop::pop
