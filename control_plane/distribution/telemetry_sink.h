#pragma once

#include <string>

#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// Who wants to know what PoPs tell of their requests. Called on the control loop, while a message
// of that PoP is being received; an implementation keeps what it needs and returns at once.
class TelemetrySink {
 public:
  virtual ~TelemetrySink() = default;
  // Each heartbeat: its `figures` are what came since the one before, its `kv` are totals.
  virtual void on_heartbeat(const std::string& pop, const v1::Heartbeat& heartbeat) = 0;
  // What a TailStart asked for; `events.id()` says which.
  virtual void on_tail(const std::string& pop, const v1::TailEvents& events) = 0;
};

}  // namespace isopop::control
