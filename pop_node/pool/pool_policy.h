#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "common/time/clock.h"

namespace isopop::pop {

// Which executor runs which request, when one is started and when one must go. The idea: a worker
// gets its first executor at once, another only after its oldest request has waited for
// `grow_after` with every executor busy (starting one costs tens of milliseconds of CPU, most
// requests cost less), and loses those that had nothing to do for `idle_timeout`. When the PoP is
// at its bound, the executor that has been idle for longest makes room.
//
// Pure: it starts nothing and reads no clock. Events go in with the time, actions come out of
// take_actions(), to be carried out in order. Lives on one thread.
//
// Invariants: executors never exceed `executors_max`, nor a worker's `executors_per_worker_max`; a
// ticket is waiting, or assigned to one executor, or unknown; every submitted ticket gets exactly
// one Assign or Reject, unless it is withdrawn before.

// One live version of one worker.
enum class GroupId : std::uint64_t {};
enum class ExecutorId : std::uint64_t {};
// One request.
enum class TicketId : std::uint64_t {};

struct PoolLimits {
  std::size_t executors_max = 24;  // of the PoP
  std::size_t executors_per_worker_max = 8;
  std::size_t shared_requests_max = 64;  // in flight in one executor that shares its environment
  std::size_t queue_max = 1024;          // waiting requests of the PoP
  std::size_t queue_per_worker_max = 512;
  // Generous: 330 PoPs that start their first executor at once on two cores need many seconds.
  std::chrono::nanoseconds queue_deadline = std::chrono::seconds(30);
  std::chrono::nanoseconds grow_after = std::chrono::milliseconds(50);
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
  // After the first failure in a row to start, and after the second crash in a row; doubled each
  // time.
  std::chrono::nanoseconds backoff_min = std::chrono::milliseconds(200);
  std::chrono::nanoseconds backoff_max = std::chrono::seconds(30);
};

enum class RejectReason { kQueueFull, kQueueDeadline, kCannotStart, kDraining };

// What to do. A StartExecutor is answered by executor_ready() or executor_gone(), a StopExecutor by
// executor_gone(), an Assign by finished().
struct StartExecutor {
  ExecutorId executor;
  GroupId group;
};
struct StopExecutor {
  ExecutorId executor;
};
// kCold: the ticket waited for this executor to be started, and is among its first.
enum class StartKind { kCold, kReady };
struct AssignTicket {
  TicketId ticket;
  ExecutorId executor;
  StartKind start;
};
struct RejectTicket {
  TicketId ticket;
  RejectReason reason;
  std::chrono::nanoseconds retry_after;
};
// The group was retired and nothing of it is left.
struct ForgetGroup {
  GroupId group;
};
using PoolAction =
    std::variant<StartExecutor, StopExecutor, AssignTicket, RejectTicket, ForgetGroup>;

struct PoolFigures {
  std::size_t executors = 0;  // starting, ready and stopping
  std::size_t executors_starting = 0;
  std::size_t waiting = 0;
  std::size_t running = 0;
};

class PoolPolicy {
 public:
  enum class Sharing { kOneRequest, kManyRequests };
  enum class Gone { kAsAsked, kFailedToStart, kCrashed };

  explicit PoolPolicy(PoolLimits limits) : limits_(limits) {}

  void add_group(GroupId group, Sharing sharing);
  // No new tickets will come: those it has are served, then its executors stop.
  void retire_group(GroupId group, Instant now);

  void submit(GroupId group, TicketId ticket, Instant now);
  // Its client has gone. A ticket that is already assigned stays so until finished().
  void withdraw(TicketId ticket, Instant now);
  void finished(ExecutorId executor, TicketId ticket, Instant now);

  void executor_ready(ExecutorId executor, Instant now);
  // It can take no more; executor_gone() follows when the process has ended.
  void executor_broken(ExecutorId executor, Instant now);
  // Its assigned tickets are over too; nobody need call finished() for them.
  void executor_gone(ExecutorId executor, Gone how, Instant now);

  // Rejects what waits, stops what is idle and, as the running tickets finish, everything.
  void drain(Instant now);

  // To be called at next_tick() or later: time alone makes things happen.
  void tick(Instant now);
  [[nodiscard]] std::optional<Instant> next_tick() const;

  [[nodiscard]] std::vector<PoolAction> take_actions();
  [[nodiscard]] PoolFigures figures() const;

 private:
  struct Waiting {
    TicketId ticket{};
    Instant since;
  };
  struct Group {
    std::size_t slots = 1;  // tickets at a time in one executor
    bool retired = false;
    std::deque<Waiting> waiting;
    std::size_t failures = 0;  // in a row
    Instant blocked_until{};   // no executor is started before
    Instant last_ready_at{};
  };
  // kLeaving: finishes what it has, then stops.
  enum class State { kStarting, kReady, kLeaving, kStopping };
  struct Executor {
    GroupId group{};
    State state = State::kStarting;
    std::vector<TicketId> running;
    StartKind start = StartKind::kCold;  // of tickets assigned now
    Instant idle_since{};
  };
  struct Candidate {  // a group whose oldest ticket waits for a place
    Instant since;
    GroupId group{};
  };
  enum class Need { kMore, kFirst };  // kFirst: the worker has no executor at all

  void pump(Instant now);
  void expire(Instant now);
  void assign_waiting(GroupId id, Group& group);
  void start_where_needed(Instant now);
  void shrink(Instant now);
  void forget_empty_groups();
  void make_room(Need need);
  void stop(ExecutorId id, Executor& executor);
  void reject_all(Group& group, RejectReason reason, std::chrono::nanoseconds retry_after);
  [[nodiscard]] std::size_t count(GroupId group) const;
  [[nodiscard]] std::size_t count(GroupId group, State state) const;
  [[nodiscard]] bool may_grow(GroupId id, const Group& group) const;
  [[nodiscard]] Instant growth_due(GroupId id, const Group& group) const;
  [[nodiscard]] Executor* best_place(GroupId group, ExecutorId& id);

  PoolLimits limits_;
  bool draining_ = false;
  std::uint64_t last_executor_ = 0;
  std::map<GroupId, Group> groups_;
  std::map<ExecutorId, Executor> executors_;
  std::size_t waiting_ = 0;
  std::vector<PoolAction> actions_;
};

}  // namespace isopop::pop
