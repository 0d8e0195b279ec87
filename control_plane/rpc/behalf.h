#pragma once

namespace isopop::control {

// Metadata of a call that a relay passes on: the program whose certificate it has seen, "pop/AMS".
inline constexpr const char* kOnBehalfOf = "isopop-on-behalf-of";

}  // namespace isopop::control
