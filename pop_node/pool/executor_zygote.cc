#include "pop_node/pool/executor_zygote.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/log/log.h"
#include "common/process/orphans.h"
#include "common/process/process_memory.h"
#include "common/process/send_packet.h"
#include "common/text/text.h"

namespace isopop::pop {
namespace {

constexpr std::size_t kPacketBytesMax = 16 * 1024;
// More than any message carries, so that one with too many is seen to have them.
constexpr std::size_t kDescriptorsMax = 4;
constexpr std::chrono::milliseconds kCongestionPause{2};
// The request that took the spare goes first.
constexpr std::chrono::milliseconds kRefillPause{10};
constexpr std::size_t kReasonBytesMax = 200;
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

// A process descriptor and no other kind.
bool is_pid_fd(int fd) {
  const auto outcome = syscall(SYS_pidfd_send_signal, fd, 0, nullptr, 0);
  return outcome == 0 || errno == ESRCH || errno == EPERM;
}

UniqueFd place_for_descriptor() {
  return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

ExecutorZygote::ExecutorZygote(asio::io_context& io, const Clock& clock,
                               ExecutorZygoteOptions options)
    : io_(io),
      clock_(clock),
      options_(std::move(options)),
      channel_(io),
      pause_(io),
      watch_(io),
      congested_(io),
      refill_(io),
      child_ended_(io) {
  options_.arguments.insert(options_.arguments.begin(), "--zygote");
}

void ExecutorZygote::start() {
  if (is_given_orphans()) {
    child_ended_.add(SIGCHLD);
    reap_orphans();
  }
  asio::co_spawn(io_, supervise(shared_from_this()), asio::detached);
}

void ExecutorZygote::close() {
  is_closed_ = true;
  if (child_) child_->send_signal(SIGKILL);
  for (const auto& [token, child] : std::exchange(children_, {})) child->zygote_ended();
  orders_.clear();
  boost::system::error_code ignored;
  channel_.cancel(ignored);
  pause_.cancel();
  watch_.cancel();
  congested_.cancel();
  refill_.cancel();
  child_ended_.cancel(ignored);
}

Result<ExecutorZygote::Seat> ExecutorZygote::take() {
  if (is_down_ || is_closed_) return unavailable("there is no zygote to fork executors from");
  while (!spares_.empty()) {
    Seat spare = std::move(spares_.front());
    spares_.pop_front();
    refill_spares();
    if (spare.child->is_running()) return spare;
  }
  return order();
}

Result<ExecutorZygote::Seat> ExecutorZygote::order() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return errno_error("create a socket pair", errno);
  }
  Seat seat{.child = std::make_shared<ExecutorChild>(io_), .connection = UniqueFd(ends[0])};
  const std::uint64_t token = ++last_token_;
  children_[token] = seat.child;
  orders_.push_back({token, UniqueFd(ends[1])});
  send_orders();
  return seat;
}

void ExecutorZygote::expect_requests() {
  expects_requests_ = true;
  refill_spares();
}

void ExecutorZygote::refill_spares() {
  if (!expects_requests_ || is_closed_ || spares_.size() >= options_.spares) return;
  if (std::exchange(is_refilling_, true)) return;
  refill_.expires_after(kRefillPause);
  refill_.async_wait([weak = weak_from_this()](boost::system::error_code) {
    const auto self = weak.lock();
    if (!self) return;
    self->is_refilling_ = false;
    // A zygote that is not there refills when it is ready.
    if (self->is_closed_ || !self->protocol_.is_ready() || !self->channel_.is_open()) return;
    while (self->spares_.size() < self->options_.spares) {
      Result<Seat> spare = self->order();
      if (!spare.ok()) return;
      self->spares_.push_back(std::move(spare).value());
    }
  });
}

asio::awaitable<void> ExecutorZygote::supervise(std::shared_ptr<ExecutorZygote> self) {
  while (!self->is_closed_) {
    self->is_down_ = false;
    const Result<void> started = self->start_process();
    if (started.ok()) {
      self->send_orders();
      co_await self->read_messages();
      if (self->is_closed_) break;
      self->end_process();
    } else {
      log_error("cannot start the zygote: {}", started.error().message);
      self->refuse_orders("the zygote cannot be started");
    }
    const std::chrono::nanoseconds delay = self->next_delay();
    if (delay == std::chrono::nanoseconds(0)) continue;
    self->is_down_ = true;
    self->refuse_orders("the zygote keeps ending");
    self->pause_.expires_after(delay);
    co_await self->pause_.async_wait(kNoThrow);
  }
}

Result<void> ExecutorZygote::start_process() {
  started_at_ = clock_.now();
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return errno_error("create a socket pair", errno);
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  // Its standard error is ours, and its children's too, so that last words are not lost.
  ISOPOP_TRY_ASSIGN(Child child, Child::start({.program = options_.program,
                                               .arguments = options_.arguments,
                                               .environment = {},
                                               .channel = theirs.get(),
                                               .standard_error = 2}));
  boost::system::error_code error;
  channel_.assign(ours.get(), error);
  if (error) return internal_error("take the zygote's socket: " + error.message());
  static_cast<void>(ours.release());
  child_ = std::move(child);
  protocol_ = ZygoteProtocol();
  ++starts_;
  watch();
  return {};
}

asio::awaitable<void> ExecutorZygote::read_messages() {
  while (true) {
    const auto [error] =
        co_await channel_.async_wait(asio::posix::stream_descriptor::wait_read, kNoThrow);
    // What was forked from one that was closed is nobody's any more.
    if (error || is_closed_) co_return;
    while (true) {
      const Result<bool> got = read_message();
      if (!got.ok()) {
        break_off(got.error().message);
        co_return;
      }
      if (!got.value()) break;
    }
  }
}

// False when there is none for now.
Result<bool> ExecutorZygote::read_message() {
  std::array<char, kPacketBytesMax> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> control{};
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  UniqueFd* const place = unanswered_.empty() ? nullptr : &unanswered_.begin()->second.place;
  if (place != nullptr) place->reset();
  const ssize_t size = recvmsg(channel_.native_handle(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const int error = size < 0 ? errno : 0;
  const bool was_needed = size > 0 && header.msg_controllen > 0;
  if (place != nullptr && !was_needed) *place = place_for_descriptor();
  if (error == EAGAIN || error == EINTR) return false;
  if (size <= 0) return unavailable("it closed its end");

  std::vector<UniqueFd> descriptors;
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= item->cmsg_len; at += sizeof(int)) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(item) + at, sizeof descriptor);
      descriptors.emplace_back(descriptor);
    }
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Error{ErrorCode::kOutOfRange, "a message that is too large"};
  }
  v1::ZygoteMessage message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(size))) {
    return invalid_argument("a message that does not parse");
  }
  ISOPOP_TRY(protocol_.check(message, descriptors.size()));
  ISOPOP_TRY(handle(message, descriptors.empty() ? UniqueFd() : std::move(descriptors.front())));
  return true;
}

Result<void> ExecutorZygote::handle(const v1::ZygoteMessage& message, UniqueFd descriptor) {
  if (message.has_ready()) {
    take_report(message.ready());
  } else if (message.has_forked()) {
    return take_child(message.forked(), std::move(descriptor));
  } else if (message.has_fork_failed()) {
    const v1::ForkFailed& failed = message.fork_failed();
    unanswered_.erase(failed.token());
    const auto child = children_.extract(failed.token());
    child.mapped()->never_forked(std::string(truncate_utf8(failed.reason(), kReasonBytesMax)));
  } else {
    const v1::Exited& exited = message.exited();
    const auto child = children_.extract(exited.token());
    child.mapped()->exited({.code = exited.code(), .signal = exited.signal()});
  }
  return {};
}

Result<void> ExecutorZygote::take_child(const v1::Forked& forked, UniqueFd pid_fd) {
  if (!is_pid_fd(pid_fd.get())) return invalid_argument("a child without its process descriptor");
  unanswered_.erase(forked.token());
  children_.at(forked.token())->forked(forked.pid(), std::move(pid_fd), anonymous_bytes_);
  return {};
}

void ExecutorZygote::take_report(const v1::ZygoteReady& ready) {
  const bool is_first = !report_.has_value();
  report_ = ready;
  anonymous_bytes_ = anonymous_bytes(child_->pid()).value_or(0);
  // Orders that went before count from here.
  for (auto& [token, order] : unanswered_) order.since = clock_.now();
  // The deadline that is watched was for getting ready; the handler looks for the next.
  watch_.cancel();
  if (!is_first) {
    log_info("a new zygote is ready");
    refill_spares();
    return;
  }
  std::vector<std::string> active;
  std::vector<std::string> missing;
  for (const v1::SandboxMeasure& measure : ready.sandbox().measures()) {
    const std::string name(truncate_utf8(measure.name(), kReasonBytesMax));
    const std::string why(truncate_utf8(measure.detail(), kReasonBytesMax));
    if (measure.active()) {
      active.push_back(name);
    } else {
      missing.push_back(fmt::format("{} ({})", name, why));
    }
  }
  log_info("executors are confined by: {}; written pages are found by {}",
           active.empty() ? "nothing" : join(active, ", "),
           truncate_utf8(ready.dirty_finder(), kReasonBytesMax));
  if (!missing.empty()) log_warning("executors are not confined by: {}", join(missing, ", "));
  refill_spares();
}

void ExecutorZygote::send_orders() {
  if (is_congested_ || !channel_.is_open()) return;
  while (!orders_.empty()) {
    const std::uint64_t token = orders_.front().token;
    if (children_.at(token)->is_unwanted()) {
      children_.extract(token).mapped()->never_forked("it was ended before it was forked");
      orders_.pop_front();
      continue;
    }
    if (!send_order(orders_.front())) {
      is_congested_ = true;
      congested_.expires_after(kCongestionPause);
      congested_.async_wait([weak = weak_from_this()](boost::system::error_code) {
        const auto self = weak.lock();
        if (!self) return;
        self->is_congested_ = false;
        self->send_orders();
      });
      return;
    }
    protocol_.asked(token);
    orders_.front().connection.reset();
    unanswered_[token] = {.since = clock_.now(), .place = place_for_descriptor()};
    orders_.pop_front();
  }
  watch();
}

// False when the socket takes nothing now; one that is broken shows when it is read.
bool ExecutorZygote::send_order(const Order& order) {
  v1::ZygoteMessage message;
  message.mutable_fork()->set_token(order.token);
  return send_packet(channel_.native_handle(), message.SerializeAsString(), order.connection.get(),
                     MSG_DONTWAIT) >= 0;
}

std::optional<std::pair<Instant, const char*>> ExecutorZygote::deadline() const {
  if (!protocol_.is_ready()) {
    return std::pair(started_at_ + options_.start_timeout, "it was not ready in time");
  }
  if (unanswered_.empty()) return std::nullopt;
  return std::pair(unanswered_.begin()->second.since + options_.answer_timeout,
                   "it does not answer an order");
}

void ExecutorZygote::watch() {
  const auto next = deadline();
  if (is_watching_ || !next) return;
  is_watching_ = true;
  watch_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(next->first));
  watch_.async_wait([weak = weak_from_this()](boost::system::error_code) {
    const auto self = weak.lock();
    if (!self || self->is_closed_) return;
    self->is_watching_ = false;
    const auto now_due = self->deadline();
    if (now_due && now_due->first <= self->clock_.now() && self->channel_.is_open()) {
      self->break_off(now_due->second);
    } else {
      self->watch();
    }
  });
}

void ExecutorZygote::break_off(std::string_view reason) {
  log_warning("the zygote is ended, and its executors with it: {}", reason);
  child_->send_signal(SIGKILL);
  boost::system::error_code ignored;
  channel_.cancel(ignored);
}

void ExecutorZygote::end_process() {
  boost::system::error_code ignored;
  channel_.close(ignored);
  child_->kill_and_reap();
  spares_.clear();
  unanswered_.clear();
  // Orders that were not sent are the next one's.
  const auto unsent = orders_.empty() ? children_.end() : children_.find(orders_.front().token);
  for (auto child = children_.begin(); child != unsent; child = children_.erase(child)) {
    child->second->zygote_ended();
  }
}

// Where the PoP is the first process of its container, whoever loses its parent becomes its child:
// what an ended zygote forked, what somebody started by hand.
void ExecutorZygote::reap_orphans() {
  child_ended_.async_wait([weak = weak_from_this()](boost::system::error_code error, int) {
    const auto self = weak.lock();
    if (!self || error) return;
    const auto is_waited_for = [&self](pid_t pid) {
      return self->child_ && self->child_->pid() == pid && !self->child_->poll_exit();
    };
    static_cast<void>(isopop::reap_orphans(is_waited_for));
    self->reap_orphans();
  });
}

void ExecutorZygote::refuse_orders(const std::string& reason) {
  for (const Order& order : std::exchange(orders_, {})) {
    children_.extract(order.token).mapped()->never_forked(reason);
  }
}

std::chrono::nanoseconds ExecutorZygote::next_delay() {
  const bool was_proven =
      protocol_.is_ready() && clock_.now() - started_at_ >= options_.proven_after;
  early_ends_ = was_proven ? 1 : early_ends_ + 1;
  if (early_ends_ == 1) return std::chrono::nanoseconds(0);
  std::chrono::nanoseconds delay = options_.backoff_min;
  for (std::uint64_t i = 2; i < early_ends_ && delay < options_.backoff_max; ++i) delay *= 2;
  return std::min(delay, options_.backoff_max);
}

}  // namespace isopop::pop
