#include "control_plane/cli/convergence_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/arguments.h"
#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {
namespace {

constexpr std::size_t kBarMax = 40;
constexpr std::size_t kLaggardsShown = 20;

std::string duration(double ms) {
  return format_duration(from_ms(ms));
}

// The greatest of 1, 2, 5 · 10^n that is at most `ms`; below a tenth of a millisecond 0.
double bound_below(double ms) {
  constexpr double kSmallest = 0.1;
  if (ms < kSmallest) return 0.0;
  double bound = kSmallest;
  for (double power = kSmallest; power <= ms; power *= 10.0) {
    for (const double step : {1.0, 2.0, 5.0}) {
      // A product that is a hair too great is still the bound.
      if (power * step <= ms * (1.0 + 1e-12)) bound = power * step;
    }
  }
  return bound;
}

double bound_after(double bound) {
  if (bound == 0.0) return 0.1;
  const double power = std::pow(10.0, std::floor(std::log10(bound * (1.0 + 1e-9))));
  const double digit = std::round(bound / power);
  return power * (digit < 2.0 ? 2.0 : (digit < 5.0 ? 5.0 : 10.0));
}

}  // namespace

std::string histogram(const std::vector<double>& ascending) {
  if (ascending.empty()) return {};
  std::vector<std::size_t> counts;
  std::vector<double> bounds = {bound_below(ascending.front())};
  for (auto next = ascending.begin(); next != ascending.end();) {
    const double end = bound_after(bounds.back());
    const auto beyond =
        std::find_if(next, ascending.end(), [end](double ms) { return ms >= end * (1.0 - 1e-12); });
    counts.push_back(static_cast<std::size_t>(beyond - next));
    bounds.push_back(end);
    next = beyond;
  }
  const std::size_t most = *std::max_element(counts.begin(), counts.end());
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::size_t length = (counts[i] * kBarMax + most - 1) / most;
    text += fmt::format("  {:>7} – {:<7}  {:<{}}  {:>5}\n", duration(bounds[i]),
                        duration(bounds[i + 1]), std::string(length, '#'), kBarMax, counts[i]);
  }
  return text;
}

std::string describe(const v1::Convergence& convergence) {
  const v1::Deployment& deployment = convergence.deployment();
  std::vector<double> times;
  for (const v1::Convergence::Pop& pop : convergence.acked()) times.push_back(pop.ack_ms());
  const int all = convergence.acked_size() + convergence.laggards_size() +
                  convergence.rejections_size() + static_cast<int>(convergence.held_before());
  std::string text = fmt::format(
      "{} deployment {} ({}): {} PoPs, {} acknowledged, {} had it before, {} waiting, {} rejected "
      "it\n",
      deployment.worker(), deployment.number(), format_shares(deployment), all,
      convergence.acked_size(), convergence.held_before(), convergence.laggards_size(),
      convergence.rejections_size());
  if (!times.empty()) {
    text +=
        fmt::format("min {}  p50 {}  p90 {}  p99 {}  max {} ({})\n\n{}", duration(times.front()),
                    duration(percentile(times, 0.5)), duration(percentile(times, 0.9)),
                    duration(percentile(times, 0.99)), duration(times.back()),
                    convergence.acked(convergence.acked_size() - 1).id(), histogram(times));
  }
  if (convergence.laggards_size() > 0) {
    text += "\nwaiting:\n";
    for (int i = 0; i < convergence.laggards_size(); ++i) {
      if (i == static_cast<int>(kLaggardsShown)) {
        text += fmt::format("  and {} more\n", convergence.laggards_size() - i);
        break;
      }
      const v1::Convergence::Laggard& pop = convergence.laggards(i);
      text += fmt::format("  {}  {}, for {}\n", pop.id(), pop.state(), duration(pop.waiting_ms()));
    }
  }
  // Many PoPs refuse for one reason.
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const v1::Convergence::Rejection& rejection : convergence.rejections()) {
    by_reason[rejection.error()].push_back(rejection.pop());
  }
  if (!by_reason.empty()) text += "\nrejected:\n";
  for (auto& [reason, pops] : by_reason) {
    const std::size_t count = pops.size();
    if (count > kLaggardsShown) pops.resize(kLaggardsShown);
    text += fmt::format("  {} at {}: {}{}\n", reason, count, join(pops, " "),
                        count > kLaggardsShown ? " …" : "");
  }
  return text;
}

}  // namespace isopop::control::cli
