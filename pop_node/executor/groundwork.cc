#include "pop_node/executor/groundwork.h"

#include <utility>

#include "pop_node/executor/cpu_watchdog.h"
#include "pop_node/executor/embedded.h"
#include "pop_node/executor/last_words.h"
#include "pop_node/executor/rehearsal.h"
#include "pop_node/executor/sandbox.h"
#include "pop_node/executor/traffic.h"

namespace isopop::executor {
namespace {

constexpr std::size_t kHeapBytes = std::size_t{128} << 20U;
// The restorer's tables and the channel's input; touched only where they are used.
constexpr std::size_t kSurvivingBytes = std::size_t{16} << 20U;

}  // namespace

Groundwork::Groundwork(Options options)
    : snapshot(snapshot_blob()),
      environment(std::make_unique<Environment>(v8_system, &snapshot, kHeapBytes)),
      options_(std::move(options)) {}

Surroundings Groundwork::surroundings(Traffic& traffic, CpuWatchdog& watchdog,
                                      LastWords& last_words) {
  return {.traffic = traffic,
          .frozen_clock = frozen_clock,
          .clock = clock,
          .watchdog = watchdog,
          .last_words = last_words,
          .v8_system = v8_system,
          .snapshot = &snapshot};
}

void Groundwork::rehearse() {
  std::string output;
  Traffic traffic(output, clock);
  LastWords last_words(-1, {}, {});
  const auto watchdog = CpuWatchdog::create(last_words);
  ISOPOP_ASSERT(watchdog.ok(), "a timer on the CPU clock");
  executor::rehearse(*environment, surroundings(traffic, *watchdog.value(), last_words),
                     rehearsal_source());
}

Result<void> Groundwork::save() {
  if (options_.checkpoint == nullptr) return {};
  if (options_.checkpoint->take() == checkpoint::Checkpoint::Point::kFailed) {
    return internal_error(std::string(options_.checkpoint->failure()));
  }
  checkpoint::Checkpoint::stop_journal();
  return {};
}

Result<void> Groundwork::part_from_zygote() {
  if (options_.memory == nullptr) return {};
  return options_.memory->part();
}

Result<Groundwork::Layer> Groundwork::make_layer() const {
  if (options_.checkpoint == nullptr) {
    return Error{ErrorCode::kFailedPrecondition, options_.no_checkpoint_reason};
  }
  ISOPOP_TRY_ASSIGN(checkpoint::SurvivingMemory memory,
                    checkpoint::SurvivingMemory::create(kSurvivingBytes));
  ISOPOP_TRY_ASSIGN(
      checkpoint::Checkpoint * made,
      checkpoint::Checkpoint::create(
          {.finder = options_.checkpoint->finder(), .gap_pages_max = 1, .proc = proc_directory()},
          memory, options_.checkpoint));
  return Layer{.memory = memory, .checkpoint = made};
}

std::string Groundwork::finder_name() const {
  if (options_.checkpoint == nullptr) return "none: " + options_.no_checkpoint_reason;
  return std::string(checkpoint::to_string(options_.checkpoint->finder()));
}

}  // namespace isopop::executor
