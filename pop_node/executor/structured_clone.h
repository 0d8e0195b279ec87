#pragma once

#include <v8.h>

namespace isopop::executor {

// A deep copy by the rules of structuredClone(). `transferred` are ArrayBuffers, which are moved
// instead of copied. What cannot be copied throws what `make_error(message)` returns.
[[nodiscard]] v8::MaybeLocal<v8::Value> structured_clone(v8::Local<v8::Context> context,
                                                         v8::Local<v8::Value> value,
                                                         v8::Local<v8::Array> transferred,
                                                         v8::Local<v8::Function> make_error);

}  // namespace isopop::executor
