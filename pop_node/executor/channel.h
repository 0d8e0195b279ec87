#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace isopop::executor {

// The executor's end of the socket to its PoP: bytes in, cut into frames; frames out, gathered and
// written with one call. Does not block and does not wait: the event loop does. Borrows the
// descriptor. Lives on one thread.
//
// Invariant: a frame's length is checked before any memory is taken for it.
class Channel {
 public:
  // Makes the descriptor non-blocking.
  [[nodiscard]] static Result<Channel> open(int descriptor);

  enum class Input { kMore, kNothing, kEnd };

  // Takes in what is there, at most one buffer full. kEnd: the peer has closed.
  [[nodiscard]] Result<Input> receive();

  // The next whole frame, without its length. The view is good until the next receive(). nullopt:
  // not all of it is here yet. Only the first frame may be above kFrameBytesMax.
  [[nodiscard]] Result<std::optional<std::string_view>> next_frame();

  // Frames to be sent are appended here (append_… of frames.h).
  [[nodiscard]] std::string& output() { return output_; }
  [[nodiscard]] bool has_output() const { return sent_ < output_.size(); }

  // Writes what the socket takes. Afterwards has_output() tells whether something is left.
  [[nodiscard]] Result<void> send();
  // The same, but waits until all of it is written or the peer is gone: before the process ends.
  void send_all_then_stop();

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  explicit Channel(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
  // What was received and not handed out is [input_begin_, input_end_) of input_; the rest is room.
  std::string input_;
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  bool first_frame_ = true;
  std::string output_;
  std::size_t sent_ = 0;  // of output_
};

}  // namespace isopop::executor
