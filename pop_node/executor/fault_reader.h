#pragma once

#include <v8.h>

#include "pop_node/executor/frames.h"

namespace isopop::executor {

// Turns what JavaScript threw into a WorkerFault: message, stack, and the place in the worker's own
// code (the first frame that is not in the runtime). Never throws, whatever the value is.

// Script name of the runtime bundle; frames in it are not the worker's.
inline constexpr char kRuntimeScript[] = "isopop:runtime";

// `message` may be empty; then the place is taken from the value, if it is an Error.
[[nodiscard]] WorkerFault read_fault(v8::Local<v8::Context> context, v8::Local<v8::Value> thrown,
                                     v8::Local<v8::Message> message);

// A fault without a thrown value.
[[nodiscard]] WorkerFault fault_of(std::string message, std::string module = {});

}  // namespace isopop::executor
