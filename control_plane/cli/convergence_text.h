#pragma once

#include <string>
#include <vector>

#include "isopop/v1/rollout.pb.h"

namespace isopop::control::cli {

// How long PoPs took, as a histogram of text: a line a class of times, whose bounds are 1, 2 and 5
// times powers of ten, from the fastest's to the slowest's, with empty ones in between.
//
//     5 – 10 ms    ####################  120
//    10 – 20 ms    ########               48
//
// `ascending` in milliseconds; empty gives "".
[[nodiscard]] std::string histogram(const std::vector<double>& ascending);

// All of it: the figures, the histogram, who has not answered and who refused.
[[nodiscard]] std::string describe(const v1::Convergence& convergence);

}  // namespace isopop::control::cli
