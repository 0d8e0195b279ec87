#include "common/random/random.h"

#include <sys/random.h>

#include <bit>
#include <cmath>

#include "common/hash/hash.h"
#include "common/result/assert.h"

namespace isopop {

RandomStream::RandomStream(std::uint64_t seed, std::string_view name) : state_{} {
  std::uint64_t counter = combine64(seed, hash64(name));
  for (std::uint64_t& word : state_) {
    counter += 0x9E3779B97F4A7C15ULL;
    word = mix64(counter);
  }
}

RandomStream::RandomStream(const State& state) : state_(state) {
  ISOPOP_ASSERT(state != State{}, "another state than the one that is never left");
}

std::uint64_t RandomStream::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double RandomStream::uniform() {
  return static_cast<double>(next() >> 11U) * 0x1.0p-53;
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  ISOPOP_ASSERT(bound > 0, "a positive bound");
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide{next()} * bound;
  auto low = static_cast<std::uint64_t>(product);
  if (low < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (low < threshold) {
      product = Wide{next()} * bound;
      low = static_cast<std::uint64_t>(product);
    }
  }
  return static_cast<std::uint64_t>(product >> 64U);
}

double RandomStream::normal() {
  // Never 0 and never 1, where the quantile is infinite.
  return normal_quantile((static_cast<double>(next() >> 12U) + 0.5) * 0x1.0p-52);
}

double RandomStream::exponential() {
  return -std::log1p(-uniform());
}

double RandomStream::log_normal(double median, double log_sigma) {
  return median * std::exp(log_sigma * normal());
}

double normal_quantile(double p) {
  ISOPOP_ASSERT(p > 0 && p < 1, "a probability strictly between 0 and 1");
  // Coefficients of P. J. Acklam's rational approximation.
  constexpr std::array a = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                            1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr std::array b = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                            6.680131188771972e+01, -1.328068155288572e+01};
  constexpr std::array c = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                            -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr std::array d = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                            3.754408661907416e+00};
  constexpr double kTail = 0.02425;
  const auto tail = [&](double q) {
    return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
           ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  };
  if (p < kTail) return tail(std::sqrt(-2 * std::log(p)));
  if (p > 1 - kTail) return -tail(std::sqrt(-2 * std::log1p(-p)));
  const double q = p - 0.5;
  const double r = q * q;
  return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
         (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

std::uint64_t entropy64() {
  std::uint64_t value = 0;
  const ssize_t size = getrandom(&value, sizeof value, 0);
  ISOPOP_ASSERT(size == sizeof value, "getrandom to give eight bytes");
  return value;
}

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  for (char& byte : raw) byte = static_cast<char>(entropy64());
  return to_hex(raw);
}

}  // namespace isopop
