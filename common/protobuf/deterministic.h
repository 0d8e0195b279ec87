#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace isopop {

// For digests and signatures: equal messages give equal bytes, in every program that was built with
// the same release of protobuf.
[[nodiscard]] std::string serialise_deterministically(const google::protobuf::Message& message);

}  // namespace isopop
