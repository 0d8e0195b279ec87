#pragma once

#include <memory>
#include <string>

#include "pop_node/executor/frozen_clock.h"

namespace v8 {
class Platform;
}

namespace isopop::executor {

// V8 in this process: flags, platform, start and end. One per process by V8's own rule; main owns
// it. V8 runs without any thread of its own, so that the process may be forked and checkpointed.
// Date.now() comes from the FrozenClock. Everything that differs between the V8 versions this is
// built with What differs between the V8 versions this is built with (10.2 of Debian 12, 11.3 of
// Debian 13) is in the source of this class.
class V8System final {
 public:
  // The clock outlives this object.
  explicit V8System(const FrozenClock& clock);
  ~V8System();
  V8System(const V8System&) = delete;
  V8System& operator=(const V8System&) = delete;

 private:
  std::unique_ptr<v8::Platform> platform_;
};

}  // namespace isopop::executor
