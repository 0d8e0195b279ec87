#include "control_plane/cli/interrupt.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "common/result/assert.h"

namespace isopop::control::cli {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM};

// A handler has nothing but globals. The thread's end and its own, of a pipe.
std::array<int, 2> pipe_ends = {-1, -1};

constexpr char kInterrupted = 'i';
constexpr char kOver = 'o';

void on_signal(int signal) {
  static_cast<void>(!write(pipe_ends[1], &kInterrupted, 1));
  static_cast<void>(std::signal(signal, SIG_DFL));
}

}  // namespace

InterruptWatch::InterruptWatch(std::function<void()> on_interrupt) {
  ISOPOP_ASSERT(pipe_ends[0] < 0, "one watch at a time");
  ISOPOP_ASSERT(pipe(pipe_ends.data()) == 0, "two file descriptors");
  thread_ = std::thread([from = pipe_ends[0], on_interrupt = std::move(on_interrupt)] {
    char byte = kOver;
    while (read(from, &byte, 1) == 1 && byte == kInterrupted) on_interrupt();
  });
  for (const int signal : kSignals) static_cast<void>(std::signal(signal, on_signal));
}

InterruptWatch::~InterruptWatch() {
  for (const int signal : kSignals) static_cast<void>(std::signal(signal, SIG_DFL));
  static_cast<void>(!write(pipe_ends[1], &kOver, 1));
  thread_.join();
  for (int& end : pipe_ends) {
    close(end);
    end = -1;
  }
}

}  // namespace isopop::control::cli
