#include "sim/host/pop_host.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "common/files/files.h"
#include "common/log/log.h"
#include "common/process/child.h"
#include "common/process/orphans.h"
#include "common/units/units.h"

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;

// The signals that matter, as something to wait for.
class Signals final {
 public:
  static Result<Signals> create() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) return errno_error("watch for signals", errno);
    return Signals(std::move(fd));
  }

  // Waits for any of them, and no longer than until `until`; whether one of them asks to stop.
  bool wait(std::optional<Instant> until, const Clock& clock) {
    int timeout_ms = -1;
    if (until) {
      const auto left = std::chrono::ceil<milliseconds>(*until - clock.now());
      timeout_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    pollfd waited{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    poll(&waited, 1, timeout_ms);
    bool asks_to_stop = false;
    signalfd_siginfo info{};
    while (read(fd_.get(), &info, sizeof info) == sizeof info) {
      asks_to_stop = asks_to_stop || info.ssi_signo != SIGCHLD;
    }
    return asks_to_stop;
  }

 private:
  explicit Signals(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

class PopHost final {
 public:
  PopHost(const PopHostOptions& options, const Clock& clock) : options_(options), clock_(clock) {
    for (const HostedPop& pop : options.pops) places_.push_back({.pop = &pop});
  }

  void run(Signals& signals) {
    bool is_stopping = false;
    Instant deadline{};
    while (true) {
      collect(is_stopping);
      if (is_stopping && running() == 0) return;
      std::optional<Instant> until = deadline;
      if (!is_stopping) until = start_due();
      const bool asked = signals.wait(until, clock_);
      if (asked && !is_stopping) {
        log_info("stopping {} PoPs", running());
        is_stopping = true;
        deadline = clock_.now() + options_.stop_patience;
        for (Place& place : places_) {
          if (place.child) place.child->send_signal(SIGTERM);
        }
      }
      if (is_stopping && clock_.now() >= deadline) {
        log_warning("{} PoPs did not stop within {} and are killed", running(),
                    format_duration(options_.stop_patience));
        for (Place& place : places_) place.child.reset();
      }
    }
  }

 private:
  // One PoP and the process that is it, or the time when there will be one.
  struct Place {
    const HostedPop* pop = nullptr;
    std::optional<Child> child;
    Instant started_at{};
    Instant start_at{};  // when there is no child
    milliseconds pause{0};
  };

  [[nodiscard]] std::size_t running() const {
    return static_cast<std::size_t>(
        std::count_if(places_.begin(), places_.end(),
                      [](const Place& place) { return place.child.has_value(); }));
  }

  // Starts what is due; when the next will be.
  std::optional<Instant> start_due() {
    std::optional<Instant> next;
    for (Place& place : places_) {
      if (!place.child && place.start_at <= clock_.now()) start(place);
      if (!place.child) next = std::min(next.value_or(place.start_at), place.start_at);
    }
    return next;
  }

  void start(Place& place) {
    place.started_at = clock_.now();
    Result<Child> child = Child::start({.program = options_.program,
                                        .arguments = place.pop->arguments,
                                        .environment = options_.environment,
                                        .standard_output = STDOUT_FILENO,
                                        .standard_error = STDERR_FILENO});
    if (child.ok()) {
      place.child = std::move(child).value();
    } else {
      plan_restart(place, child.error().message);
    }
  }

  // Takes note of all that has ended.
  void collect(bool is_stopping) {
    do {
      for (Place& place : places_) {
        const std::optional<ExitStatus> status =
            place.child ? place.child->poll_exit() : std::nullopt;
        if (!status) continue;
        place.child.reset();
        if (!is_stopping) plan_restart(place, status->describe());
      }
      // One more of ours may have ended meanwhile.
    } while (!reap_orphans([this](pid_t pid) { return is_ours(pid); }));
  }

  [[nodiscard]] bool is_ours(pid_t pid) const {
    return std::any_of(places_.begin(), places_.end(), [pid](const Place& place) {
      return place.child && place.child->pid() == pid;
    });
  }

  void plan_restart(Place& place, const std::string& reason) {
    place.pause = restart_pause(options_, place.pause, clock_.now() - place.started_at);
    place.start_at = clock_.now() + place.pause;
    log_error("PoP {} has ended: {}; started again in {}", place.pop->id, reason,
              format_duration(place.pause));
  }

  const PopHostOptions& options_;
  const Clock& clock_;
  std::vector<Place> places_;
};

}  // namespace

milliseconds restart_pause(const PopHostOptions& options, milliseconds last,
                           std::chrono::nanoseconds ran_for) {
  if (last.count() == 0 || ran_for >= options.restart_max) return options.restart_min;
  return std::min(last * 2, options.restart_max);
}

Result<void> host_pops(const PopHostOptions& options, const Clock& clock) {
  ISOPOP_TRY_ASSIGN(Signals signals, Signals::create());
  PopHost(options, clock).run(signals);
  return {};
}

}  // namespace isopop::sim
