#pragma once

#include <v8.h>

#include <memory>
#include <string>

#include "common/time/clock.h"
#include "pop_node/checkpoint/checkpoint.h"
#include "pop_node/executor/environment.h"
#include "pop_node/executor/frozen_clock.h"
#include "pop_node/executor/realm.h"
#include "pop_node/executor/v8_system.h"

namespace isopop::executor {

// What an executor stands on before it knows its worker: V8, an environment made ahead of time, and
// the saved memory of the process that its own checkpoint will be a layer above. Made once; a
// zygote's children have all of it as it was at the fork. Lives on one thread.
class Groundwork {
 public:
  // `checkpoint` covers the stack this runs on; null: a checkpoint cannot be had, for this reason.
  struct Options {
    checkpoint::Checkpoint* checkpoint = nullptr;
    checkpoint::SurvivingMemory* memory = nullptr;  // that it lives in; null: shared with nobody
    std::string no_checkpoint_reason;
  };
  explicit Groundwork(Options options);

  // What a Realm needs: this, and what belongs to one task.
  [[nodiscard]] Surroundings surroundings(Traffic& traffic, CpuWatchdog& watchdog,
                                          LastWords& last_words);

  // See rehearsal.h.
  void rehearse();

  // Saves the memory of the process. In a process without a checkpoint this does nothing.
  [[nodiscard]] Result<void> save();

  // In a child of the zygote: from now on no memory is shared with it or with other children.
  [[nodiscard]] Result<void> part_from_zygote();

  // A checkpoint of this process above the saved memory, and what survives its restores.
  struct Layer {
    checkpoint::SurvivingMemory memory;
    checkpoint::Checkpoint* checkpoint;
  };
  [[nodiscard]] Result<Layer> make_layer() const;

  // "pagemap-scan", or why there is none.
  [[nodiscard]] std::string finder_name() const;

  SystemClock clock;
  FrozenClock frozen_clock{clock};
  V8System v8_system{frozen_clock};
  v8::StartupData snapshot;
  std::unique_ptr<Environment> environment;  // the worker's to take

 private:
  Options options_;
};

}  // namespace isopop::executor
