#include "control_plane/registry/worker_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/files/files.h"
#include "common/process/child.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "common/units/units.h"

namespace isopop::control {
namespace {

constexpr int kExitWorkerInvalid = 9;
constexpr std::size_t kReplyBytesMax = 64 * 1024;
constexpr std::size_t kMessageBytesMax = 4096;
constexpr std::chrono::milliseconds::rep kStopPollMs = 100;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("create a pipe", errno);
  return Pipe{.read_end = UniqueFd(ends[0]), .write_end = UniqueFd(ends[1])};
}

// A socket in the place of a pipe, so that writing to a child that has gone gives EPIPE without a
// signal.
Result<Pipe> make_input() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return errno_error("create a socket pair", errno);
  }
  return Pipe{.read_end = UniqueFd(ends[0]), .write_end = UniqueFd(ends[1])};
}

// Feeds the child and gathers its answer, both at once, until it closes its output. False: too
// late.
class Conversation {
 public:
  Conversation(UniqueFd input, UniqueFd output, std::string_view bundle)
      : input_(std::move(input)), output_(std::move(output)), unsent_(bundle) {}

  [[nodiscard]] Result<bool> run(Instant deadline, const std::stop_token& stop) {
    const SystemClock clock;
    while (!ended_) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.now()).count();
      if (left <= 0) return false;
      if (stop.stop_requested()) return unavailable("the control plane is shutting down");
      std::array<pollfd, 2> waited{pollfd{.fd = output_.get(), .events = POLLIN, .revents = 0},
                                   pollfd{.fd = input_.get(), .events = POLLOUT, .revents = 0}};
      if (poll(waited.data(), input_.valid() ? 2 : 1,
               static_cast<int>(std::min(left, kStopPollMs))) < 0 &&
          errno != EINTR) {
        return errno_error("wait for the executor", errno);
      }
      if (waited[1].revents != 0) send_some();
      if (waited[0].revents != 0) ISOPOP_TRY(receive_some());
    }
    return true;
  }

  [[nodiscard]] const std::string& reply() const { return reply_; }

 private:
  void send_some() {
    const ssize_t sent =
        send(input_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) unsent_.remove_prefix(static_cast<std::size_t>(sent));
    const bool broken = sent < 0 && errno != EAGAIN && errno != EINTR;
    // A child that stopped reading has its reason; it is in the reply or the exit status.
    if (unsent_.empty() || broken) input_.reset();
  }

  Result<void> receive_some() {
    std::array<char, 4096> buffer{};
    const ssize_t size = read(output_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) return {};
    if (size < 0) return errno_error("read the executor's answer", errno);
    ended_ = size == 0;
    reply_.append(buffer.data(), static_cast<std::size_t>(size));
    if (reply_.size() > kReplyBytesMax) return internal_error("the executor's answer has no end");
    return {};
  }

  UniqueFd input_;
  UniqueFd output_;
  std::string_view unsent_;
  std::string reply_;
  bool ended_ = false;
};

// Numbers that are absent, null or out of range are "unknown": 0.
std::uint32_t number_at(const nlohmann::json& reply, const char* key) {
  const auto found = reply.find(key);
  if (found == reply.end() || !found->is_number_unsigned()) return 0;
  const auto number = found->get<std::uint64_t>();
  return number <= UINT32_MAX ? static_cast<std::uint32_t>(number) : 0;
}

std::string text_at(const nlohmann::json& reply, const char* key) {
  const auto found = reply.find(key);
  if (found == reply.end() || !found->is_string()) return {};
  return std::string(truncate_utf8(found->get_ref<const std::string&>(), kMessageBytesMax));
}

Result<std::optional<v1::WorkerError>> understand(const std::string& text, ExitStatus status) {
  const nlohmann::json reply = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (reply.is_object() && status.success() && reply.value("ok", false)) {
    return std::optional<v1::WorkerError>();
  }
  if (reply.is_object() && status.signal == 0 && status.code == kExitWorkerInvalid) {
    v1::WorkerError fault;
    fault.set_module(text_at(reply, "module"));
    fault.set_line(number_at(reply, "line"));
    fault.set_column(number_at(reply, "column"));
    fault.set_message(text_at(reply, "message"));
    if (fault.message().empty()) fault.set_message("the worker does not start");
    return std::optional(std::move(fault));
  }
  return internal_error(
      fmt::format("the worker could not be checked: the executor ended with {} and said \"{}\"",
                  status.describe(), truncate_utf8(text, 200)));
}

v1::WorkerError fault_of(std::string message) {
  v1::WorkerError fault;
  fault.set_message(std::move(message));
  return fault;
}

}  // namespace

Result<std::optional<v1::WorkerError>> check_worker(const WorkerCheckOptions& options,
                                                    std::string_view bundle) {
  const SystemClock clock;
  const Instant deadline = clock.now() + options.timeout;
  ISOPOP_TRY_ASSIGN(Pipe input, make_input());
  ISOPOP_TRY_ASSIGN(Pipe output, make_pipe());
  Result<Child> started = Child::start({.program = options.executor,
                                        .arguments = {"--check"},
                                        .environment = {},
                                        .standard_input = input.read_end.get(),
                                        .standard_output = output.write_end.get()});
  if (!started.ok()) {
    return internal_error(
        fmt::format("the worker could not be checked: {}", started.error().message));
  }
  Child child = std::move(started).value();
  input.read_end.reset();
  output.write_end.reset();

  Conversation conversation(std::move(input.write_end), std::move(output.read_end), bundle);
  ISOPOP_TRY_ASSIGN(const bool in_time, conversation.run(deadline, options.stop));
  std::optional<ExitStatus> status;
  if (in_time) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.now());
    status = child.wait_exit(std::max(left, std::chrono::milliseconds(0)));
  }
  if (!status) {
    child.kill_and_reap();
    return std::optional(fault_of(fmt::format(
        "the top level did not end within {}: does it loop for ever, or await something?",
        format_duration(options.timeout))));
  }
  // Out of memory (SIGABRT, SIGKILL) and the like are the worker's doing: the check runs nothing
  // else.
  if (status->signal != 0) {
    return std::optional(
        fault_of(fmt::format("the worker crashed its executor: {}", status->describe())));
  }
  return understand(conversation.reply(), *status);
}

}  // namespace isopop::control
