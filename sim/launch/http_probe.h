#pragma once

#include <chrono>
#include <string>

#include "common/result/result.h"

namespace isopop::sim {

struct HttpProbe {
  std::string address;  // "127.20.0.2:8080", IPv4
  std::string path = "/";
  std::string host;  // the Host header; empty: the address
  std::chrono::milliseconds timeout{2000};
};

// One GET on a connection of its own; returns the status code, nothing of the body. For asking
// programs on this machine how they are; blocking. UNAVAILABLE when nobody listens.
[[nodiscard]] Result<unsigned> probe_http(const HttpProbe& probe);

}  // namespace isopop::sim
