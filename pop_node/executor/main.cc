// isopop-executor: one worker's V8, talking to its PoP on descriptor 3. A parts list.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time/clock.h"
#include "pop_node/checkpoint/checkpoint.h"
#include "pop_node/executor/channel.h"
#include "pop_node/executor/check.h"
#include "pop_node/executor/cpu_watchdog.h"
#include "pop_node/executor/event_loop.h"
#include "pop_node/executor/exit_codes.h"
#include "pop_node/executor/groundwork.h"
#include "pop_node/executor/last_words.h"
#include "pop_node/executor/sandbox.h"
#include "pop_node/executor/traffic.h"
#include "pop_node/executor/zygote.h"

namespace isopop::executor {
namespace {

// The inherited socket to the PoP.
constexpr int kPopDescriptor = 3;

// The tables of the checkpoint that all others are layers above.
constexpr std::size_t kSurvivingBytes = std::size_t{16} << 20U;
// Its saved runs are joined generously: each is a mapping that every fork copies.
constexpr std::size_t kGapPagesMax = 256;

constexpr const char* kUsage =
    "usage: isopop-executor [OPTIONS]            serve one worker to the PoP on descriptor 3\n"
    "       isopop-executor --zygote [OPTIONS]   fork an executor for each order on descriptor 3\n"
    "       isopop-executor --check              read a serialised isopop.v1.Bundle, print a "
    "verdict\n"
    "       isopop-executor --help\n"
    "  --dirty-finder automatic|pagemap-scan|pagemap-read|drop-all\n"
    "                how a pristine executor finds the pages that a request wrote\n"
    "  --state DIR   for people who look at the list of processes; nothing is written there\n";

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

int check(Groundwork& groundwork) {
  const Result<std::string> bundle = read_standard_input();
  if (!bundle.ok()) return say_error(bundle.error().message, kExitUnexpected);
  LastWords last_words(STDOUT_FILENO, last_verdict(LastWords::Reason::kCpuLimit),
                       last_verdict(LastWords::Reason::kMemoryLimit));
  const auto watchdog = CpuWatchdog::create(last_words);
  if (!watchdog.ok()) return say_error(watchdog.error().message, kExitUnexpected);
  const Result<void> sealed =
      seal_process({.descriptors_kept = {STDOUT_FILENO, STDERR_FILENO},
                    .memory_bytes_max = std::uint64_t{Limits().memory_mib} << 20U});
  if (!sealed.ok()) return say_error(sealed.error().message, kExitUnexpected);
  std::string unsent;
  Traffic traffic(unsent, groundwork.clock);
  return check_worker(groundwork.surroundings(traffic, *watchdog.value(), last_words),
                      *groundwork.environment, bundle.value());
}

int serve(Groundwork& groundwork, int descriptor) {
  Result<Channel> channel = Channel::open(descriptor);
  if (!channel.ok()) return say_error(channel.error().message, kExitUsage);
  LastWords last_words(descriptor, last_frames(LastWords::Reason::kCpuLimit),
                       last_frames(LastWords::Reason::kMemoryLimit));
  last_words.answer_for_native_code();
  const auto watchdog = CpuWatchdog::create(last_words);
  if (!watchdog.ok()) return say_error(watchdog.error().message, kExitUnexpected);
  EventLoop loop({.channel = channel.value(),
                  .groundwork = groundwork,
                  .watchdog = *watchdog.value(),
                  .last_words = last_words});
  const Result<int> exit_code = loop.run();
  // The memory of the process goes with it: nothing of it needs to be taken apart first.
  if (exit_code.ok()) ::_exit(exit_code.value());
  ::_exit(say_error(exit_code.error().message, exit_code.error().code == ErrorCode::kInvalidArgument
                                                   ? kExitContract
                                                   : kExitUnexpected));
}

// In the zygote until the PoP has gone, and in each of its children, which serve.
int raise_executors(Groundwork& groundwork, const std::vector<SandboxMeasure>& measures,
                    std::uint32_t start_us) {
  Result<Zygote> zygote = Zygote::open(kPopDescriptor);
  if (!zygote.ok()) return say_error(zygote.error().message, kExitUsage);
  const Result<void> ready = zygote.value().say_ready(
      {.measures = measures, .dirty_finder = groundwork.finder_name(), .start_us = start_us});
  if (!ready.ok()) return say_error(ready.error().message, kExitUnexpected);
  const Result<std::optional<int>> served = zygote.value().run();
  if (!served.ok()) return say_error(served.error().message, kExitContract);
  if (!served.value()) return kExitDone;
  if (const Result<void> parted = groundwork.part_from_zygote(); !parted.ok()) {
    return say_error(parted.error().message, kExitUnexpected);
  }
  return serve(groundwork, *served.value());
}

struct Options {
  enum class Mode { kServe, kZygote, kCheck } mode = Mode::kServe;
  checkpoint::DirtyFinder finder = checkpoint::DirtyFinder::kAutomatic;
};

struct Prepared {
  std::vector<SandboxMeasure> measures;
  Groundwork::Options ground;
  Instant start;
};

// Runs on a stack that a checkpoint covers, where there is one.
int work(const Options& options, const Prepared& prepared) {
  Groundwork groundwork(prepared.ground);
  if (options.mode == Options::Mode::kCheck) return check(groundwork);
  groundwork.rehearse();
  if (const Result<void> saved = groundwork.save(); !saved.ok()) {
    return say_error(saved.error().message, kExitUnexpected);
  }
  if (options.mode == Options::Mode::kServe) return serve(groundwork, kPopDescriptor);
  const auto start_us = std::chrono::duration_cast<std::chrono::microseconds>(
      groundwork.clock.now() - prepared.start);
  return raise_executors(groundwork, prepared.measures,
                         static_cast<std::uint32_t>(start_us.count()));
}

// Confines the process, makes the checkpoint that all others are layers above, and goes to work on
// its stack.
int prepare(const Options& options) {
  Prepared prepared;
  prepared.start = SystemClock().now();
  checkpoint::configure_malloc();
  prepared.measures = confine_process();
  Result<checkpoint::SurvivingMemory> memory = checkpoint::SurvivingMemory::create(
      kSurvivingBytes, checkpoint::SurvivingMemory::AfterFork::kCanPart);
  if (!memory.ok()) return say_error(memory.error().message, kExitUnexpected);
  prepared.ground.memory = &memory.value();
  const Result<checkpoint::Checkpoint*> made = checkpoint::Checkpoint::create(
      {.finder = options.finder, .gap_pages_max = kGapPagesMax, .proc = proc_directory()},
      memory.value());
  if (!made.ok()) {
    prepared.ground.no_checkpoint_reason = made.error().message;
    return work(options, prepared);
  }
  prepared.ground.checkpoint = made.value();
  struct Call {
    const Options& options;
    const Prepared& prepared;
    int exit_code = kExitUnexpected;
  } call{.options = options, .prepared = prepared};
  made.value()->on_stack(
      [](void* argument) {
        auto& self = *static_cast<Call*>(argument);
        self.exit_code = work(self.options, self.prepared);
      },
      &call);
  return call.exit_code;
}

Result<Options> read_options(std::span<char*> arguments) {
  Options options;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const bool has_value = i + 1 < arguments.size();
    if (argument == "--check") {
      options.mode = Options::Mode::kCheck;
    } else if (argument == "--zygote") {
      options.mode = Options::Mode::kZygote;
    } else if (argument == "--dirty-finder" && has_value) {
      ISOPOP_TRY_ASSIGN(options.finder, checkpoint::parse_dirty_finder(arguments[++i]));
    } else if (argument == "--state" && has_value) {
      ++i;
    } else {
      return invalid_argument("'" + std::string(argument) + "' is no option, or lacks its value");
    }
  }
  return options;
}

int run(std::span<char*> arguments) {
  if (arguments.size() == 2 && std::string_view(arguments[1]) == "--help") {
    std::fputs(kUsage, stdout);
    return kExitDone;
  }
  const Result<Options> options = read_options(arguments);
  if (!options.ok()) {
    std::fputs(kUsage, stderr);
    return say_error(options.error().message, kExitUsage);
  }
  if (options.value().mode != Options::Mode::kCheck) {
    // Before anything else gets that number.
    if (::fcntl(kPopDescriptor, F_GETFD) < 0) {
      const Error error =
          errno_error("descriptor " + std::to_string(kPopDescriptor) + " of the PoP", errno);
      return say_error(error.message, kExitUsage);
    }
    // Ctrl-C goes to every process at the terminal; the PoP answers what is in flight before it
    // closes.
    std::signal(SIGINT, SIG_IGN);  // NOLINT(cert-err33-c): SIGINT can be ignored
  }
  return prepare(options.value());
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
