#include "pop_node/pool/frame_codec.h"

#include <utility>

namespace isopop::pop {
namespace {

constexpr std::size_t kLengthBytes = 4;
// Above this a buffer that is empty again gives its memory back.
constexpr std::size_t kBufferKeptBytes = 64 * 1024;

}  // namespace

std::string encode_frame(const v1::Frame& frame) {
  const std::size_t size = frame.ByteSizeLong();
  ISOPOP_ASSERT(size > 0 && size <= kLoadFrameBytesMax, "a frame that the wire can carry");
  std::string bytes;
  bytes.reserve(kLengthBytes + size);
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    bytes.push_back(static_cast<char>((size >> (8 * i)) & 0xFFU));
  }
  ISOPOP_ASSERT(frame.AppendToString(&bytes), "a frame serialises");
  return bytes;
}

void FrameReader::feed(std::string_view bytes) {
  buffer_.append(bytes);
}

Result<std::optional<v1::Frame>> FrameReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  std::size_t size = 0;
  if (rest.size() >= kLengthBytes) {
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
      size |= static_cast<std::size_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
    }
    if (size == 0 || size > kFrameBytesMax) {
      return Error{ErrorCode::kOutOfRange, "a frame of " + std::to_string(size) + " bytes"};
    }
  }
  if (rest.size() < kLengthBytes || rest.size() < kLengthBytes + size) {
    buffer_.erase(0, std::exchange(used_, 0));
    if (buffer_.empty() && buffer_.capacity() > kBufferKeptBytes) std::string().swap(buffer_);
    return std::optional<v1::Frame>();
  }
  v1::Frame frame;
  if (!frame.ParseFromArray(rest.data() + kLengthBytes, static_cast<int>(size))) {
    return invalid_argument("a frame that does not parse");
  }
  used_ += kLengthBytes + size;
  return std::optional<v1::Frame>(std::move(frame));
}

}  // namespace isopop::pop
