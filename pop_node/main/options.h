#pragma once

#include <cstddef>
#include <string>

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
  std::string control = "127.0.0.1:7070";
  std::string state = ".isopop";  // this PoP's own is below it, in pops/ID
  std::string executor;           // "": the one beside this program

  std::string isolation = "fresh";  // of workers that do not say
  std::size_t executors_max = 24;
  std::size_t executors_per_worker_max = 8;
  std::size_t queue_max = 1024;
  std::string queue_deadline = "30 s";
  std::string executor_idle_timeout = "60 s";
  std::string executor_start_timeout = "30 s";
  std::string wall_limit = "30 s";  // of workers that do not say
  std::string body_max = "100 MiB";
  std::string head_timeout = "10 s";
  std::string body_timeout = "10 s";  // a body must move within this
  std::size_t connections_max = 4096;
};

}  // namespace isopop::pop
