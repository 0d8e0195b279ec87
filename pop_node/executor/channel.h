#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "pop_node/checkpoint/surviving_memory.h"

namespace isopop::executor {

// The executor's end of the socket to its PoP: bytes in, cut into frames; frames out, gathered and
// written with one call. Borrows the descriptor. Lives on one thread.
//
// Invariant: a frame's length is checked before any memory is taken for it.
class Channel {
 public:
  // An error when the descriptor is none.
  [[nodiscard]] static Result<Channel> open(int descriptor);

  // From now on what was received and not handed out yet survives the restore of a checkpoint:
  // bytes that were read from the socket cannot be read again. What is handed out is wiped before
  // more is received. After the first frame.
  void keep_input_in(checkpoint::SurvivingMemory& memory);

  enum class Input { kMore, kNothing, kEnd };
  enum class Wait { kNo, kForInput };

  // Takes in what is there, at most one buffer full. kEnd: the peer has closed.
  [[nodiscard]] Result<Input> receive(Wait wait);

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
  // What was received and not handed out is [begin, end) of data; the rest is room.
  struct InputBuffer {
    char* data = nullptr;
    std::size_t size = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool first_frame = true;
  };

  explicit Channel(int descriptor)
      : descriptor_(descriptor),
        own_input_(std::make_unique<InputBuffer>()),
        input_(own_input_.get()) {}

  void make_room();

  int descriptor_;
  std::unique_ptr<char[]> own_bytes_;  // NOLINT(*-c-arrays): of own_input_, not zeroed
  std::unique_ptr<InputBuffer> own_input_;
  InputBuffer* input_;  // own_input_, or one that survives
  std::string output_;
  std::size_t sent_ = 0;  // of output_
};

}  // namespace isopop::executor
