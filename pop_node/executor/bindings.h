#pragma once

#include <v8.h>

#include <cstdint>

namespace isopop::executor {

// The C++ functions that the JavaScript runtime calls: the `host` object of pop_node/runtime. They
// find their Realm in the isolate; what they do not do themselves they pass on to it. Their
// addresses stand in a table, because a start-up snapshot refers to them by their place in it.

// The host object, to be given to the runtime's bundle.
[[nodiscard]] v8::Local<v8::Object> make_host(v8::Local<v8::Context> context);

// Ends with 0. The same for making and for using a snapshot.
[[nodiscard]] const std::intptr_t* external_references();

}  // namespace isopop::executor
