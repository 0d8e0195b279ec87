#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "common/random/random.h"
#include "pop_node/pool/pool_policy.h"

namespace isopop::pop::test {

// A policy at a time that the test moves, and its actions in words.
using std::chrono::milliseconds;
using std::chrono::seconds;
using Gone = PoolPolicy::Gone;
using Sharing = PoolPolicy::Sharing;

inline constexpr GroupId kA{1};
inline constexpr GroupId kB{2};
inline constexpr GroupId kC{3};

constexpr ExecutorId executor(std::uint64_t n) {
  return ExecutorId{n};
}
constexpr TicketId ticket(std::uint64_t n) {
  return TicketId{n};
}

template <typename Id>
std::string number(Id id) {
  return std::to_string(static_cast<std::uint64_t>(id));
}

// What an action means, in words.
struct Describer {
  std::string operator()(const StartExecutor& a) const {
    return "start " + number(a.executor) + " of " + number(a.group);
  }
  std::string operator()(const StopExecutor& a) const { return "stop " + number(a.executor); }
  std::string operator()(const AssignTicket& a) const {
    return "assign " + number(a.ticket) + " to " + number(a.executor) +
           (a.start == StartKind::kCold ? " cold" : "");
  }
  std::string operator()(const RejectTicket& a) const {
    static const std::map<RejectReason, std::string> names = {
        {RejectReason::kQueueFull, "full"},
        {RejectReason::kQueueDeadline, "deadline"},
        {RejectReason::kCannotStart, "cannot start"},
        {RejectReason::kDraining, "draining"}};
    return "reject " + number(a.ticket) + " " + names.at(a.reason);
  }
  std::string operator()(const ForgetGroup& a) const { return "forget " + number(a.group); }
};

using Words = std::vector<std::string>;

class PoolPolicyTest : public ::testing::Test {
 protected:
  void make(PoolLimits limits) { policy_ = PoolPolicy(limits, random()); }
  static RandomStream random() { return {1, "pool_policy_test"}; }

  Words actions() {
    Words words;
    for (const PoolAction& action : policy_.take_actions())
      words.push_back(std::visit(Describer(), action));
    return words;
  }
  void pass(std::chrono::nanoseconds time) {
    now_ += time;
    policy_.tick(now_);
  }
  // An executor of the group, ready and idle.
  void warm_up(GroupId group, ExecutorId id, TicketId first) {
    policy_.submit(group, first, now_);
    policy_.executor_ready(id, now_);
    policy_.finished(id, first, now_);
    actions();
  }

  Instant now_{seconds(1000)};
  PoolPolicy policy_{PoolLimits{.grow_after = milliseconds(50)}, random()};
};

}  // namespace isopop::pop::test
