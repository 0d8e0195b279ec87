#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/rpc/tls_files.h"

namespace isopop::pop {

// Everything a PoP can be told, as text where it has a unit. Defaults are what people get who say
// nothing.
struct Options {
  std::string id;
  std::string city;
  std::string country;  // ISO 3166-1 alpha-2
  std::string region;
  double latitude_deg = 0;
  double longitude_deg = 0;
  std::string listen = "127.0.0.1:0";
  std::string advertise;  // "": where it listens, or the address on the way to the control plane
  std::string control = "127.0.0.1:7070";
  std::string control_rtt = "0 s";  // of a modelled line to it
  std::string bundle_key;  // what versions must be signed with; "": what was learnt when it joined
  rpc::TlsFiles tls;       // towards the control plane
  std::string join;        // folder to enroll from instead of `tls`; "": none
  std::string state = ".isopop";  // this PoP's own is below it, in pops/ID
  std::string executor;           // "": the one beside this program

  std::string isolation = "pristine";  // of workers that do not say
  std::string dirty_finder = "automatic";
  std::size_t spare_executors = 1;
  std::string memory_budget = "1 GiB";  // for all executors
  std::size_t executors_max = 2048;
  std::size_t executors_per_worker_max = 8;
  std::size_t queue_max = 1024;
  std::string queue_deadline = "30 s";
  std::string executor_idle_timeout = "60 s";
  std::string executor_start_timeout = "30 s";
  std::string container_start_p50 = "250 ms";
  std::string container_start_min = "100 ms";
  std::string container_start_max = "1 s";
  std::string container_idle_timeout = "60 s";
  // Of workers that do not say.
  std::string cpu_limit = "50 ms";
  std::string top_level_cpu_limit = "400 ms";
  std::string wall_limit = "30 s";
  std::string heap_limit = "128 MiB";
  std::string memory_limit = "256 MiB";
  std::uint32_t subrequests_max = 50;
  std::string log_max = "256 KiB";
  std::string script_max = "10 MiB";
  std::string body_max = "100 MiB";
  std::string head_timeout = "10 s";
  std::string body_timeout = "10 s";  // a body must move within this
  std::size_t connections_max = 4096;
};

}  // namespace isopop::pop
