#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "common/random/random.h"
#include "common/time/clock.h"
#include "pop_node/pool/pool_limits.h"

namespace isopop::pop {

// Which executor runs which request, when one is started and when one must go. The idea: a worker
// gets its first executor at once, another only after its oldest request has waited for
// `grow_after` with every executor busy, and loses those that had nothing to do for `idle_timeout`.
// Containers are the exception: one for each request that finds none idle, at once, as the world
// they stand for has it. When the PoP is at its bounds, the executor that has been idle for longest
// makes room.
//
// Pure: it starts nothing and reads no clock. Events go in with the time, actions come out of
// take_actions(), to be carried out in order. Lives on one thread. An event costs the logarithm of
// how many workers and executors there are.
//
// Invariants: executors never exceed `executors_max`, nor a worker's `executors_per_worker_max`
// (with tickets that overtake, twice that); none is started that does not fit into
// `memory_budget_bytes`, unless it is the only one; a ticket is waiting, or assigned to one
// executor, or unknown; every submitted ticket gets exactly one Assign or Reject, unless it is
// withdrawn before.

// One live version of one worker.
enum class GroupId : std::uint64_t {};
enum class ExecutorId : std::uint64_t {};
// One request.
enum class TicketId : std::uint64_t {};

enum class RejectReason { kQueueFull, kQueueDeadline, kCannotStart, kDraining };

// What to do. A StartExecutor is answered by executor_ready() or executor_gone(), a StopExecutor by
// executor_gone(), an Assign by finished().
struct StartExecutor {
  ExecutorId executor;
  GroupId group;
  std::chrono::nanoseconds delay;  // executor_ready() not before it has passed
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
  std::uint64_t memory_bytes = 0;  // of all executors, measured or expected
  std::uint64_t evicted = 0;       // idle executors that had to make room, ever
};

class PoolPolicy {
 public:
  enum class Sharing { kOneRequest, kManyRequests, kContainer };
  // kSpent: over, and nobody's fault that a later start would repeat: it told its client of a limit
  // and ended, or what it was forked from has gone.
  enum class Gone { kAsAsked, kFailedToStart, kCrashed, kSpent };

  // `container_starts` gives the start-up delays of containers.
  PoolPolicy(PoolLimits limits, RandomStream container_starts)
      : limits_(limits), container_starts_(container_starts) {}

  void add_group(GroupId group, Sharing sharing);
  // No new tickets will come: those it has are served, then its executors stop.
  void retire_group(GroupId group, Instant now);

  // kFirst: for what a running ticket waits for, so that tickets do not wait for each other. Before
  // those that wait already, whose patience it shares, and with as many executors again as a worker
  // may have otherwise.
  enum class Turn { kLast, kFirst };
  void submit(GroupId group, TicketId ticket, Instant now, Turn turn = Turn::kLast);
  // Its client has gone. A ticket that is already assigned stays so until finished().
  void withdraw(TicketId ticket, Instant now);
  void finished(ExecutorId executor, TicketId ticket, Instant now);

  void executor_ready(ExecutorId executor, Instant now);
  // What it uses now.
  void executor_memory(ExecutorId executor, std::uint64_t bytes, Instant now);
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
  // How many entries of its lists it has looked at so far: what events cost, free of any clock.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  struct Waiting {
    TicketId ticket{};
    Instant since;
    Turn turn = Turn::kLast;
  };
  // Executors that could take a ticket, best first: the least loaded, then the one that became
  // idle last, so that the others can grow old and go.
  struct Place {
    std::size_t running = 0;
    std::uint64_t idle_order = 0;
    ExecutorId executor{};
    bool operator<(const Place& other) const;
  };
  // By the time of its key: groups that wait for something.
  using Agenda = std::set<std::pair<Instant, GroupId>>;
  struct Group {
    Sharing sharing = Sharing::kOneRequest;
    std::size_t slots = 1;  // tickets at a time in one executor
    bool retired = false;
    std::list<Waiting> waiting;
    std::set<ExecutorId> members;  // in any state
    std::set<ExecutorId> ready;
    std::set<Place> places;
    std::size_t starting = 0;
    std::size_t stopping = 0;
    std::uint64_t bytes_measured = 0;  // of an executor of its; 0: none was yet
    std::size_t failures = 0;          // in a row
    Instant blocked_until{};           // no executor is started before
    Instant last_ready_at{};
    // Where it stands in the agendas below.
    std::optional<Instant> oldest_key, later_key, first_key, more_key;
  };
  // kLeaving: finishes what it has, then stops.
  enum class State { kStarting, kReady, kLeaving, kStopping };
  // Least recently used first.
  using IdleList = std::list<ExecutorId>;
  enum IdleKind : std::size_t { kIdleExecutors, kIdleContainers, kIdleKinds };
  struct Executor {
    GroupId group{};
    State state = State::kStarting;
    std::uint64_t bytes = 0;
    std::vector<TicketId> running;
    StartKind start = StartKind::kCold;  // of tickets assigned now
    Instant idle_since{};
    std::optional<Place> place;
    std::optional<IdleList::iterator> idle;
  };
  struct WaitingPlace {
    GroupId group{};
    std::list<Waiting>::iterator at;
  };

  void settle(GroupId touched, Instant now);
  void settle(Instant now);
  void serve(GroupId id, Instant now);
  void reindex(GroupId id, Group& group, Instant now);
  static void rekey(Agenda& agenda, std::optional<Instant>& key, std::optional<Instant> wanted,
                    GroupId id);
  void expire(Instant now);
  void start_where_needed(Instant now);
  void start(GroupId id, Group& group, Instant now);
  void make_room(const Group& next);
  void stop_idle(Instant now);
  void keep_to_budget();
  void stop(ExecutorId id, Executor& executor);
  void evict();
  void assign(ExecutorId id, Executor& executor, TicketId ticket);
  void change_state(ExecutorId id, Executor& executor, State state);
  // Takes it from the lists of what is free, and puts it where it belongs now.
  void unlist(Executor& executor);
  void list(ExecutorId id, Executor& executor);
  void count_ready(GroupId id, Group& group, std::size_t before);
  void unqueue(Group& group, std::list<Waiting>::iterator at);
  void reject_all(Group& group, RejectReason reason, std::chrono::nanoseconds retry_after);
  void set_bytes(Executor& executor, std::uint64_t bytes);
  [[nodiscard]] std::size_t share_of(const Group& group) const;
  [[nodiscard]] bool has_share(const Group& group) const;
  [[nodiscard]] bool may_grow(const Group& group) const;
  [[nodiscard]] Instant growth_due(const Group& group) const;
  [[nodiscard]] bool fits(const Group& group) const;
  [[nodiscard]] std::uint64_t expected_bytes(const Group& group) const;
  [[nodiscard]] std::size_t oldest_idle() const;
  [[nodiscard]] std::chrono::nanoseconds idle_timeout(std::size_t kind) const;

  PoolLimits limits_;
  RandomStream container_starts_;
  bool draining_ = false;
  std::uint64_t last_executor_ = 0;
  std::uint64_t last_idle_ = 0;
  std::map<GroupId, Group> groups_;
  std::map<ExecutorId, Executor> executors_;
  std::map<TicketId, WaitingPlace> waiting_;

  Agenda oldest_;     // by when the oldest ticket came
  Agenda later_;      // by when another executor is to be started
  Agenda due_first_;  // that time has come; by when the oldest ticket came; has no executor
  Agenda due_more_;   // the same, has some
  std::set<std::pair<std::size_t, GroupId>> busiest_;  // with two ready executors or more
  std::array<IdleList, kIdleKinds> idle_;

  std::size_t starting_ = 0;
  std::size_t running_ = 0;
  std::size_t going_ = 0;  // leaving or stopping
  std::uint64_t bytes_ = 0;
  std::uint64_t bytes_going_ = 0;
  std::uint64_t evicted_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<PoolAction> actions_;
};

}  // namespace isopop::pop
