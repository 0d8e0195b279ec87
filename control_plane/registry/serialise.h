#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace isopop::control {

// Equal messages give equal bytes, with the same protobuf library.
[[nodiscard]] std::string serialise_deterministically(const google::protobuf::Message& message);

}  // namespace isopop::control
