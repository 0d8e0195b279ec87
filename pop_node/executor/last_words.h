#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace isopop::executor {

// What the process says when it must end at once: from V8's out-of-memory handler, where no
// JavaScript can run any more, and from the signal handler of the CPU clock, where hardly anything
// is allowed. The texts are made beforehand; to say one is a copy, a patch of the request's id and
// a write(). Thread-safe in the sense of a signal handler.
class LastWords {
 public:
  enum class Reason { kCpuLimit, kMemoryLimit };

  // What is said for one reason: while the top level runs, and during a request. Ids in the text
  // for a request must be kPatchedId, which is replaced.
  struct Texts {
    std::string top_level;
    std::string request;
    int exit_code = 0;
  };
  // Protobuf writes this id in five bytes, so that any other one fits in its place.
  static constexpr std::uint32_t kPatchedId = 0xFFFFFFFF;

  LastWords(int descriptor, Texts cpu_limit, Texts memory_limit);

  // When operator new finds no memory, or V8 traps for want of it, the memory limit's words are
  // said: V8 and this program are lost then. For as long as this object lives, one a process.
  void answer_for_native_code();

  // Which request is being run; 0 is the top level.
  void set_request(std::uint32_t id) { request_ = id; }

  [[noreturn]] void say_and_exit(Reason reason) const;

 private:
  static constexpr std::size_t kTextBytesMax = 1024;

  int descriptor_;
  Texts cpu_limit_;
  Texts memory_limit_;
  volatile std::uint32_t request_ = 0;
};

// The frames of the executor's own connection.
[[nodiscard]] LastWords::Texts last_frames(LastWords::Reason reason);

// One sentence for people.
[[nodiscard]] std::string_view message_of(LastWords::Reason reason);

}  // namespace isopop::executor
