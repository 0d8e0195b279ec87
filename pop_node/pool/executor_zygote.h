#pragma once

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/event_loop/asio.h"
#include "common/process/child.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "pop_node/pool/executor_child.h"
#include "pop_node/pool/zygote_protocol.h"

namespace isopop::pop {

struct ExecutorZygoteOptions {
  std::filesystem::path program;
  std::vector<std::string> arguments;                                  // behind "--zygote"
  std::chrono::nanoseconds start_timeout = std::chrono::seconds(30);   // from exec to Ready
  std::chrono::nanoseconds answer_timeout = std::chrono::seconds(10);  // from Fork to its answer
  // One that ends before it has served for `proven_after` is followed by the next with a delay,
  // doubled each time; the first such end costs none.
  std::chrono::nanoseconds proven_after = std::chrono::seconds(10);
  std::chrono::nanoseconds backoff_min = std::chrono::milliseconds(200);
  std::chrono::nanoseconds backoff_max = std::chrono::seconds(10);
  // Children that are kept in reserve, once expect_requests() was called, so that the first request
  // of a worker need not wait for the fork, a quarter of what its start takes.
  std::size_t spares = 1;
};

// The process that executors are forked from: `isopop-executor --zygote`, with V8 started and
// nothing of any worker in it. Starts it, asks it for children, tells each child's owner what
// became of it, and starts another when it ends or breaks ZygoteProtocol; its children end with it,
// by the kernel's hand when it dies and by ours. A session: its coroutine keeps it alive until
// close(). Lives on the PoP's event loop.
class ExecutorZygote final : public std::enable_shared_from_this<ExecutorZygote> {
 public:
  ExecutorZygote(asio::io_context& io, const Clock& clock, ExecutorZygoteOptions options);

  // Starts it, soon, and keeps it.
  void start();
  // Kills it and all that was forked from it. Nothing is forked any more.
  void close();

  // An executor that has no worker yet, or that will be forked as soon as can be, and our end of
  // its connection, which may be written to at once.
  struct Seat {
    std::shared_ptr<ExecutorChild> child;
    UniqueFd connection;
  };
  // While the zygote is starting the order waits; UNAVAILABLE when it cannot be had now.
  [[nodiscard]] Result<Seat> take();

  // From now on there are workers that may be asked for.
  void expect_requests();

  // What the zygote last said of itself; null before it was ready for the first time.
  [[nodiscard]] const v1::ZygoteReady* report() const { return report_ ? &*report_ : nullptr; }
  // Its anonymous memory when it was ready; 0 before.
  [[nodiscard]] std::uint64_t memory_bytes() const { return anonymous_bytes_; }
  // How often it had to be started again.
  [[nodiscard]] std::uint64_t restarts() const { return starts_ > 0 ? starts_ - 1 : 0; }

 private:
  struct Order {
    std::uint64_t token = 0;
    UniqueFd connection;
  };
  // An order that was sent. A message that finds no room for its descriptor loses it, so that each
  // holds the place of the one that its answer brings, whatever else takes descriptors meanwhile.
  struct Unanswered {
    Instant since;
    UniqueFd place;
  };

  static asio::awaitable<void> supervise(std::shared_ptr<ExecutorZygote> self);
  [[nodiscard]] Result<Seat> order();
  void refill_spares();
  Result<void> start_process();
  asio::awaitable<void> read_messages();
  [[nodiscard]] Result<bool> read_message();
  [[nodiscard]] Result<void> handle(const v1::ZygoteMessage& message, UniqueFd descriptor);
  [[nodiscard]] Result<void> take_child(const v1::Forked& forked, UniqueFd pid_fd);
  void take_report(const v1::ZygoteReady& ready);
  void send_orders();
  [[nodiscard]] bool send_order(const Order& order);
  void watch();
  [[nodiscard]] std::optional<std::pair<Instant, const char*>> deadline() const;
  void break_off(std::string_view reason);
  void end_process();
  void reap_orphans();
  void refuse_orders(const std::string& reason);
  std::chrono::nanoseconds next_delay();

  asio::io_context& io_;
  const Clock& clock_;
  ExecutorZygoteOptions options_;
  std::optional<Child> child_;
  asio::posix::stream_descriptor channel_;
  asio::steady_timer pause_;      // between one zygote and the next
  asio::steady_timer watch_;      // for its next deadline
  asio::steady_timer congested_;  // before orders are sent again
  asio::steady_timer refill_;     // before a spare that was taken is replaced
  asio::signal_set child_ended_;  // where orphans are given to this process
  ZygoteProtocol protocol_;
  std::optional<v1::ZygoteReady> report_;
  bool is_closed_ = false;
  bool is_down_ = false;  // between two attempts
  bool is_watching_ = false;
  bool is_congested_ = false;
  bool is_refilling_ = false;
  bool expects_requests_ = false;
  Instant started_at_;
  std::uint64_t starts_ = 0;
  std::uint64_t anonymous_bytes_ = 0;  // of the zygote, when it was ready
  std::uint64_t early_ends_ = 0;       // in a row
  std::uint64_t last_token_ = 0;
  std::deque<Seat> spares_;
  std::deque<Order> orders_;                                          // not yet sent
  std::map<std::uint64_t, std::shared_ptr<ExecutorChild>> children_;  // asked for, or alive
  std::map<std::uint64_t, Unanswered> unanswered_;
};

}  // namespace isopop::pop
