#pragma once

#include <cstdint>
#include <string>

#include "common/result/result.h"
#include "common/rpc/tls_files.h"

namespace isopop::router {

struct RouterOptions {
  std::string listen = "127.0.0.1:8080";
  std::string advertise;  // "": where it listens, or the address on the way to the control plane
  std::string control = "127.0.0.1:7070";
  rpc::TlsFiles tls;  // towards the control plane
  std::string join;   // folder to enroll from instead of `tls`; "": none
  std::string state = ".isopop";
  std::string net = "account";
  std::uint64_t seed = 1;
  std::string policy = "nearest";
  std::string cities;  // CSV
  std::string mmdb;    // "" for none
  std::string access_profile = "default";
  std::string pop_timeout = "60 s";  // for the head of a PoP's answer
  std::string connect_timeout = "1 s";
  std::string head_timeout = "10 s";  // for the whole head of a client's request
  std::string body_timeout = "10 s";  // a body, either way, must move within this
  std::string body_max = "10 GiB";    // the most that a worker may ask for; its PoP knows how much
  std::size_t connections_max = 16'384;   // from clients
  std::size_t pop_connections_max = 128;  // to one PoP
};

// The whole program after its flags are read: listens, watches the control plane, serves until
// SIGTERM or SIGINT, drains. The error is for people.
[[nodiscard]] Result<void> run_router(const RouterOptions& options);

}  // namespace isopop::router
