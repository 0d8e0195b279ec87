#include "pop_node/executor/last_words.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <new>
#include <utility>

#include "common/result/assert.h"
#include "pop_node/executor/exit_codes.h"
#include "pop_node/executor/frames.h"

namespace isopop::executor {
namespace {

// Field 1 as a varint, and kPatchedId.
constexpr std::array<char, 6> kIdField = {'\x08', '\xFF', '\xFF', '\xFF', '\xFF', '\x0F'};

// What V8 asks for at once when it makes room for code or objects.
constexpr std::size_t kSomeBytes = 1U << 20U;

// A new handler and a signal handler have no object.
const LastWords* g_native_words = nullptr;  // NOLINT(*-non-const-global-variables)

// V8 traps when the kernel refuses it memory that it cannot do without. It can trap for other
// reasons too; asking for some tells. After the return the trap's second half ends the process.
void on_trap(int /*signal*/) {
  const int protection = PROT_READ | PROT_WRITE;
  void* const some = ::mmap(nullptr, kSomeBytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (some == MAP_FAILED && errno == ENOMEM) {
    g_native_words->say_and_exit(LastWords::Reason::kMemoryLimit);
  }
}

}  // namespace

LastWords::LastWords(int descriptor, Texts cpu_limit, Texts memory_limit)
    : descriptor_(descriptor),
      cpu_limit_(std::move(cpu_limit)),
      memory_limit_(std::move(memory_limit)) {
  for (const Texts* texts : {&cpu_limit_, &memory_limit_}) {
    ISOPOP_ASSERT(texts->top_level.size() <= kTextBytesMax, "last words to be short");
    ISOPOP_ASSERT(texts->request.size() <= kTextBytesMax, "last words to be short");
  }
}

void LastWords::answer_for_native_code() {
  g_native_words = this;
  std::set_new_handler([] { g_native_words->say_and_exit(Reason::kMemoryLimit); });
  struct sigaction action{};
  action.sa_handler = on_trap;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  const int set = ::sigaction(SIGTRAP, &action, nullptr);
  ISOPOP_ASSERT(set == 0, "a signal that may be handled");
}

void LastWords::say_and_exit(Reason reason) const {
  const Texts& texts = reason == Reason::kCpuLimit ? cpu_limit_ : memory_limit_;
  const std::uint32_t id = request_;
  const std::string& text = id == 0 ? texts.top_level : texts.request;
  std::array<char, kTextBytesMax> bytes{};
  std::copy(text.begin(), text.end(), bytes.begin());
  char* const end = bytes.data() + text.size();
  for (char* at = bytes.data(); id != 0;) {
    at = std::search(at, end, kIdField.begin(), kIdField.end());
    if (at == end) break;
    // A varint may be longer than it needs to be: five bytes for every id.
    for (unsigned int i = 0; i < 5; ++i) {
      const std::uint32_t bits = (id >> (7 * i)) & 0x7FU;
      at[1 + i] = static_cast<char>(i < 4 ? bits | 0x80U : bits);
    }
    at += kIdField.size();
  }
  const ssize_t wrote = ::write(descriptor_, bytes.data(), text.size());
  ::_exit(wrote < 0 ? kExitUnexpected : texts.exit_code);
}

LastWords::Texts last_frames(LastWords::Reason reason) {
  const bool cpu = reason == LastWords::Reason::kCpuLimit;
  const WorkerFault fault{.module = {},
                          .line = 0,
                          .column = 0,
                          .message = std::string(message_of(reason)),
                          .stack = {}};
  LastWords::Texts texts;
  append_load_refused(texts.top_level, fault, {});
  append_failure(texts.request, LastWords::kPatchedId,
                 cpu ? FailureKind::kCpuLimit : FailureKind::kMemoryLimit, fault, {});
  append_finished(texts.request, LastWords::kPatchedId, 0, std::nullopt);
  texts.exit_code = cpu ? kExitCpuLimit : kExitMemoryLimit;
  return texts;
}

std::string_view message_of(LastWords::Reason reason) {
  return reason == LastWords::Reason::kCpuLimit ? "the worker exceeded its CPU time limit"
                                                : "the worker exceeded its memory limit";
}

}  // namespace isopop::executor
