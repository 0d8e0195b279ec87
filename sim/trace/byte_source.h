#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <streambuf>
#include <string>
#include <string_view>

#include "common/files/files.h"
#include "common/result/result.h"

struct z_stream_s;

namespace isopop::sim {

// The bytes of a trace file from first to last; gzip, told by its first two bytes, is unpacked on
// the way, also when it is several streams one after another. Memory is two buffers of 64 KiB
// whatever the file's size. Not thread-safe.
class ByteSource final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ByteSource>> open(const std::string& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // What comes next, without taking it: up to 64 KiB.
  [[nodiscard]] Result<std::string_view> peek();
  // The next bytes, taken, valid until the next call; "" at the end. DATA_LOSS: the gzip stream is
  // damaged or ends too soon.
  [[nodiscard]] Result<std::string_view> next();

 private:
  explicit ByteSource(UniqueFd fd);
  // Fills input_ from the file; input_size_ is 0 at its end.
  Result<void> refill();
  // Unpacks into output_ until there is something in it or the input ends.
  Result<void> unpack();

  static constexpr std::size_t kBufferBytes = 64 * 1024;

  UniqueFd fd_;
  std::unique_ptr<z_stream_s> inflater_;  // null: plain text
  bool between_streams_ = true;
  std::array<char, kBufferBytes> input_{};
  std::size_t input_begin_ = 0;
  std::size_t input_size_ = 0;
  std::array<char, kBufferBytes> output_{};
  std::string_view pending_;  // read, not yet taken; points into input_ or output_
};

// A ByteSource as the standard library's stream buffer. An error reads as the end of the stream and
// is kept: ask outcome() afterwards.
class ByteSourceStream final : public std::streambuf {
 public:
  explicit ByteSourceStream(ByteSource& source) : source_(source) {}
  [[nodiscard]] const Result<void>& outcome() const { return outcome_; }

 protected:
  int_type underflow() override;

 private:
  ByteSource& source_;
  Result<void> outcome_;
};

}  // namespace isopop::sim
