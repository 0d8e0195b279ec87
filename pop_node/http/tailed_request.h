#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/time/clock.h"
#include "isopop/v1/distribution.pb.h"
#include "pop_node/pool/executor_run.h"

namespace isopop::pop {

// One request that somebody tails, from its head until both its answer and its run are over: the
// run may print after the answer, and only then tells what it used. Shared by the request and its
// run; lives on the PoP's event loop.
class TailedRequest final : public RunObserver {
 public:
  // `event` has what the request's head tells; the rest is filled in. `emit` gets it, once.
  TailedRequest(v1::TailEvent event, std::function<void(const v1::TailEvent&)> emit);

  // It goes to an executor: on_over() follows.
  void run_begins() { run_is_over_ = false; }
  void on_log(const v1::LogRecord& record) override;
  void on_over(std::uint32_t cpu_us) override;

  void failed(const v1::WorkerFault& fault);

  struct End {
    unsigned status = 0;
    std::string_view outcome;
    std::string_view start;
    std::chrono::nanoseconds wall{};
  };
  void request_over(const End& end);

 private:
  void emit_when_over();

  v1::TailEvent event_;
  std::function<void(const v1::TailEvent&)> emit_;
  std::size_t log_bytes_ = 0;
  bool run_is_over_ = true;
  bool request_is_over_ = false;
};

}  // namespace isopop::pop
