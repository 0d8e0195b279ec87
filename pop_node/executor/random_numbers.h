#pragma once

#include <cstddef>
#include <optional>

#include "common/random/random.h"

namespace isopop::executor {

// What Math.random() draws from: a stream that is seeded from the kernel at the first draw. V8's
// own generator keeps its state in the heap, and a restored heap would draw the same numbers for
// every request. Not for secrets: those come from the kernel each time. Lives on one thread.
class RandomNumbers {
 public:
  // In [0, 1), 53 bits.
  double next();
  // The next draw seeds anew: called before a checkpoint, so that each restore does.
  void forget() { stream_.reset(); }

 private:
  std::optional<RandomStream> stream_;
};

// From the kernel at each call: nothing that is restored or forked may draw the same twice.
void draw_from_kernel(void* into, std::size_t bytes);

}  // namespace isopop::executor
