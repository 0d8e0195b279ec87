#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "pop_node/executor/sandbox_measure.h"

namespace isopop::executor {

// The zygote's side of isopop.v1.ZygoteMessage: what it is told, and what it says. One message is
// one packet, so nothing here writes a length. Written with protozero, as `frames` is and for the
// same reason: the zygote's memory is that of every executor.

inline constexpr std::size_t kZygotePacketBytesMax = 16U << 10U;

// PoP to zygote.

struct ForkOrder {
  std::uint64_t token = 0;
};

// An error means that the PoP breaks the contract.
[[nodiscard]] Result<ForkOrder> decode_zygote_message(std::string_view bytes);

// Zygote to PoP.

struct ZygoteReady {
  std::vector<SandboxMeasure> measures;
  std::string dirty_finder;
  std::uint32_t start_us = 0;
};

struct Forked {
  std::uint64_t token = 0;
  std::int32_t pid = 0;
};

struct ForkFailed {
  std::uint64_t token = 0;
  std::string reason;
};

struct Exited {
  std::uint64_t token = 0;
  std::int32_t code = 0;
  std::int32_t signal = 0;
};

[[nodiscard]] std::string encode_zygote_message(const ZygoteReady& ready);
[[nodiscard]] std::string encode_zygote_message(const Forked& forked);
[[nodiscard]] std::string encode_zygote_message(const ForkFailed& failed);
[[nodiscard]] std::string encode_zygote_message(const Exited& exited);

}  // namespace isopop::executor
