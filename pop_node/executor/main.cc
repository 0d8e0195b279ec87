// isopop-executor: one worker's V8, talking to its PoP on descriptor 3. A parts list.

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "common/time/clock.h"
#include "pop_node/executor/channel.h"
#include "pop_node/executor/check.h"
#include "pop_node/executor/cpu_watchdog.h"
#include "pop_node/executor/event_loop.h"
#include "pop_node/executor/exit_codes.h"
#include "pop_node/executor/frozen_clock.h"
#include "pop_node/executor/last_words.h"
#include "pop_node/executor/snapshot_blob.h"
#include "pop_node/executor/traffic.h"
#include "pop_node/executor/v8_system.h"

namespace isopop::executor {
namespace {

// The inherited socket to the PoP.
constexpr int kPopDescriptor = 3;

constexpr const char* kUsage =
    "usage: isopop-executor [--state DIR]   serve one worker to the PoP on descriptor 3\n"
    "       isopop-executor --check         read a serialised isopop.v1.Bundle, print a verdict\n"
    "       isopop-executor --help\n"
    "--state is for people who look at the list of processes; nothing is written there.\n";

int say_error(const std::string& message, int exit_code) {
  std::fprintf(stderr, "isopop-executor: %s\n", message.c_str());
  return exit_code;
}

Result<std::string> read_standard_input() {
  std::string bytes;
  while (bytes.size() <= kLoadFrameBytesMax) {
    const std::size_t before = bytes.size();
    bytes.resize(before + (64U << 10U));
    const ssize_t got = ::read(STDIN_FILENO, bytes.data() + before, bytes.size() - before);
    if (got < 0 && errno != EINTR) return errno_error("read standard input", errno);
    bytes.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return bytes;
  }
  return invalid_argument("a bundle above " + std::to_string(kLoadFrameBytesMax) + " bytes");
}

int check() {
  const Result<std::string> bundle = read_standard_input();
  if (!bundle.ok()) return say_error(bundle.error().message, kExitUnexpected);
  const SystemClock clock;
  FrozenClock frozen_clock(clock);
  V8System v8_system(frozen_clock);
  LastWords last_words(STDOUT_FILENO, last_verdict(LastWords::Reason::kCpuLimit),
                       last_verdict(LastWords::Reason::kMemoryLimit));
  const auto watchdog = CpuWatchdog::create(last_words);
  if (!watchdog.ok()) return say_error(watchdog.error().message, kExitUnexpected);
  v8::StartupData snapshot = snapshot_blob();
  std::string unsent;
  Traffic traffic(unsent, clock);
  return check_worker({.traffic = traffic,
                       .frozen_clock = frozen_clock,
                       .clock = clock,
                       .watchdog = *watchdog.value(),
                       .last_words = last_words,
                       .v8_system = v8_system,
                       .snapshot = &snapshot},
                      bundle.value());
}

int serve() {
  // Ctrl-C goes to every process at the terminal; the PoP answers what is in flight before it
  // closes.
  std::signal(SIGINT, SIG_IGN);  // NOLINT(cert-err33-c): SIGINT can be ignored
  Result<Channel> channel = Channel::open(kPopDescriptor);
  if (!channel.ok()) return say_error(channel.error().message, kExitUsage);
  const SystemClock clock;
  FrozenClock frozen_clock(clock);
  V8System v8_system(frozen_clock);
  LastWords last_words(kPopDescriptor, last_frames(LastWords::Reason::kCpuLimit),
                       last_frames(LastWords::Reason::kMemoryLimit));
  const auto watchdog = CpuWatchdog::create(last_words);
  if (!watchdog.ok()) return say_error(watchdog.error().message, kExitUnexpected);
  v8::StartupData snapshot = snapshot_blob();
  EventLoop loop({.channel = channel.value(),
                  .frozen_clock = frozen_clock,
                  .clock = clock,
                  .watchdog = *watchdog.value(),
                  .last_words = last_words,
                  .v8_system = v8_system,
                  .snapshot = &snapshot});
  const Result<int> exit_code = loop.run();
  if (exit_code.ok()) return exit_code.value();
  return say_error(exit_code.error().message, exit_code.error().code == ErrorCode::kInvalidArgument
                                                  ? kExitContract
                                                  : kExitUnexpected);
}

int run(std::span<char*> arguments) {
  // A crash is the PoP's to report; a core file of somebody's worker helps nobody.
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &no_core);

  bool is_check = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--check") {
      is_check = true;
    } else if (argument == "--state" && i + 1 < arguments.size()) {
      ++i;
    } else if (argument == "--help") {
      std::fputs(kUsage, stdout);
      return kExitDone;
    } else {
      std::fputs(kUsage, stderr);
      return kExitUsage;
    }
  }
  return is_check ? check() : serve();
}

}  // namespace
}  // namespace isopop::executor

int main(int argc, char** argv) {
  try {
    return isopop::executor::run(std::span(argv, static_cast<std::size_t>(argc)));
  } catch (const std::exception& error) {
    return isopop::executor::say_error(error.what(), isopop::executor::kExitUnexpected);
  }
}
