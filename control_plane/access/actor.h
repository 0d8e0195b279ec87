#pragma once

#include <string>

namespace isopop::control {

// Who does something, as the audit log and people read it: "token:ci", "pop/AMS",
// "anonymous (--insecure)"; "isopop-control" for what the control plane does by itself.
struct Actor {
  std::string name;
};

// The control plane itself.
[[nodiscard]] inline Actor control_plane_actor() {
  return {"isopop-control"};
}

}  // namespace isopop::control
