#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "common/files/files.h"
#include "common/result/result.h"

namespace isopop::sim {

// The TCP ports of a network. The same on each of its addresses; changed only when another program
// listens on the port of all addresses.
struct Ports {
  std::uint16_t control_rpc = 7070;
  std::uint16_t control_http = 7071;
  std::uint16_t http = 8080;  // router and PoPs

  friend bool operator==(const Ports&, const Ports&) = default;
};

// The loopback addresses of one network, 127.N.0.0/16: the control plane at 127.N.0.1, the router
// at 127.N.0.2, PoP i at 127.N.(1+i/250).(1+i%250), so that every PoP looks like a host of its own.
// A value.
class AddressBlock {
 public:
  // 127.0.0.0/16 belongs to everybody; a few more are left to other users of loopback.
  static constexpr int kFirst = 20;
  static constexpr int kLast = 250;

  AddressBlock(int number, Ports ports) : number_(number), ports_(ports) {}

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] Ports ports() const { return ports_; }
  // All as "127.20.0.1:7070".
  [[nodiscard]] std::string control_rpc() const;
  [[nodiscard]] std::string control_http() const;
  [[nodiscard]] std::string router() const;
  [[nodiscard]] std::string pop(std::size_t index) const;

 private:
  int number_;
  Ports ports_;
};

// A block that no other launcher will take while this object lives: it holds an abstract socket
// named after the block, which the kernel frees when the process ends, however it ends. Once the
// network listens, its own sockets mark the block as taken.
struct ClaimedBlock {
  AddressBlock block;
  UniqueFd claim;
};

// What listens on this machine's IPv4 loopback.
struct Listeners {
  std::set<int> blocks;                    // N of every 127.N.x.y that someone listens on
  std::set<std::uint16_t> wildcard_ports;  // ports that someone listens on for all addresses
};
// Reads the text of /proc/net/tcp and /proc/net/tcp6.
[[nodiscard]] Listeners parse_listeners(const std::string& tcp, const std::string& tcp6);

// The lowest block that is free, with ports that are. RESOURCE_EXHAUSTED when all are taken.
[[nodiscard]] Result<ClaimedBlock> claim_address_block();

}  // namespace isopop::sim
