#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace isopop {

// A stream of pseudo-random numbers named after its consumer, so that one more draw in one place
// moves nothing elsewhere. The same (seed, name) gives the same numbers on every machine:
// xoshiro256** 1.0 (Blackman, Vigna 2018) seeded by SplitMix64, and own transformations, since the
// standard library's distributions differ between implementations. Not thread-safe, not for
// secrets.
class RandomStream {
 public:
  using State = std::array<std::uint64_t, 4>;

  RandomStream(std::uint64_t seed, std::string_view name);
  // Goes on from a state that was drawn elsewhere; not all zero.
  explicit RandomStream(const State& state);

  [[nodiscard]] std::uint64_t next();
  // In [0, 1), 53 bits.
  [[nodiscard]] double uniform();
  // In [0, bound), without bias; bound > 0 (Lemire 2019).
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  // Standard normal (inverse of the distribution function, so one draw gives one number).
  [[nodiscard]] double normal();
  // Mean 1.
  [[nodiscard]] double exponential();
  // By its median and the standard deviation of its logarithm.
  [[nodiscard]] double log_normal(double median, double log_sigma);

 private:
  State state_;
};

// The x with P(N(0,1) < x) = p, for 0 < p < 1; relative error below 1.2e-9 (Acklam 2003).
[[nodiscard]] double normal_quantile(double p);

// From the kernel, for ids and seeds that must not repeat; never for anything a run's result
// depends on.
[[nodiscard]] std::uint64_t entropy64();
// 2 * bytes lower-case hexadecimal digits from the kernel.
[[nodiscard]] std::string random_hex(std::size_t bytes);

}  // namespace isopop
