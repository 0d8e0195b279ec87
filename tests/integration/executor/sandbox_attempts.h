#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace isopop::test {

// What an attempt finds around it, made before anything was given up.
struct Surroundings {
  pid_t parent = -1;          // as the parent itself sees it
  int listener_port = 0;      // TCP, 127.0.0.1
  std::string abstract_name;  // of a listening Unix socket
  // Open also behind the seal:
  int tcp_socket = -1;  // not connected
  int page_map = -1;    // of the process that tries
  int pipe = -1;        // can be written
  int file = -1;        // in memory
};

// Something that a process tries to do. 0 when it could, else errno.
struct Attempt {
  const char* name;
  std::function<int(const Surroundings&)> run;
};

[[nodiscard]] const std::vector<Attempt>& attempts();

// What a sealed process tries with its memory: SealOptions::memory_bytes_max is this.
inline constexpr std::size_t kMemoryBytesMax = std::size_t{32} << 20U;

}  // namespace isopop::test
