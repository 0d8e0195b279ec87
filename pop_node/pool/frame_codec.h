#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "isopop/v1/executor.pb.h"

namespace isopop::pop {

// The byte form of frames between a PoP and its executors: a 4-byte little-endian length and so
// many bytes of a serialised Frame (proto/isopop/v1/executor.proto).

inline constexpr std::size_t kFrameBytesMax = 1024 * 1024;    // of every frame but Load
inline constexpr std::size_t kBodyPieceBytesMax = 64 * 1024;  // of one BodyChunk
inline constexpr std::uint32_t kBodyWindowBytes =
    256 * 1024;  // unacknowledged, per request and way
inline constexpr std::size_t kLoadFrameBytesMax = 64 * 1024 * 1024;

[[nodiscard]] std::string encode_frame(const v1::Frame& frame);

// Cuts an executor's bytes into frames. Holds at most one frame's bytes and what came behind it. An
// error is final: the stream cannot be read on.
class FrameReader {
 public:
  void feed(std::string_view bytes);
  // The next whole frame, nothing if there is none yet, an error if the bytes are no frames.
  [[nodiscard]] Result<std::optional<v1::Frame>> next();

 private:
  std::string buffer_;
  std::size_t used_ = 0;  // bytes at the front of buffer_ that are done with
};

}  // namespace isopop::pop
