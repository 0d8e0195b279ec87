#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "isopop/v1/executor.pb.h"
#include "pop_node/worker/live_worker.h"

namespace isopop::pop {

// The seam between an executor, whose worker asks other workers, and whoever finds and runs those.
// Lives on the PoP's event loop.

// Of which client's request it is, and how many workers have passed it on.
struct RunLineage {
  std::string ray;
  std::string address;  // the client's, for workers that keep a client with its version
  unsigned depth = 0;   // 0: the client's own request
};

// The request whose worker asks.
struct SubrequestOrigin {
  std::uint32_t parent = 0;
  RunLineage lineage;
  v1::ClientPlace client;
  LiveWorkerPtr worker;  // who asks; its bindings are
};

// Where answers go.
class SubresponseSink {
 public:
  virtual ~SubresponseSink() = default;
  // Whether an answer is still wanted, and how much of its body now.
  [[nodiscard]] virtual bool is_under_way(std::uint32_t parent, std::uint32_t id) const = 0;
  [[nodiscard]] virtual std::size_t subresponse_window(std::uint32_t parent,
                                                       std::uint32_t id) const = 0;
  // Of one that is under way, within its window.
  virtual void send_subresponse(v1::Subresponse part) = 0;
};

// One of what a request asks, from its head to the end of its answer.
class SubrequestCall {
 public:
  virtual ~SubrequestCall() = default;
  virtual void take(v1::Subrequest part) = 0;
  // Nobody wants the answer any more; the sink is not touched again.
  virtual void cancel() = 0;
  [[nodiscard]] virtual bool is_over() const = 0;
};

// All that one request asks. Gone with it: what is not answered then is cancelled, and the sink is
// not touched again.
class SubrequestGroup {
 public:
  virtual ~SubrequestGroup() = default;
  // Has been checked.
  virtual void take(v1::Subrequest part) = 0;
};

// The sink outlives the group.
using SubrequestOpener =
    std::function<std::unique_ptr<SubrequestGroup>(const SubrequestOrigin&, SubresponseSink&)>;

}  // namespace isopop::pop
