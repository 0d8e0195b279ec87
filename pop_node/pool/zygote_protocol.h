#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

#include "common/result/result.h"
#include "isopop/v1/executor.pb.h"

namespace isopop::pop {

// What the zygote may say next. It never runs a worker's code, but it is one process with all that
// is forked from it in view of the kernel, so it is held to its protocol: order, tokens and
// descriptors. An error means that it has to go. Pure; one object a zygote.
class ZygoteProtocol {
 public:
  // A Fork with this token was sent.
  void asked(std::uint64_t token);

  // `descriptors`: how many came with the message.
  [[nodiscard]] Result<void> check(const v1::ZygoteMessage& message, std::size_t descriptors);

  [[nodiscard]] bool is_ready() const { return is_ready_; }

 private:
  bool is_ready_ = false;
  std::set<std::uint64_t> asked_;   // no answer yet
  std::set<std::uint64_t> forked_;  // alive, as far as it told
};

}  // namespace isopop::pop
