#include "common/random/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace isopop {
namespace {

TEST(RandomTest, TheSameSeedAndNameGiveTheSameNumbers) {
  RandomStream a(7, "jitter");
  RandomStream b(7, "jitter");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
}

// The numbers are part of every result: they must not change between releases.
TEST(RandomTest, TheNumbersAreThoseOfTheFirstRelease) {
  RandomStream stream(1, "pinned");
  EXPECT_EQ(stream.next(), 0x49C46B1C34DF0094ULL);
  EXPECT_EQ(stream.next(), 0x91D4B579ABD275DFULL);
}

TEST(RandomTest, StreamsWithOtherNamesAreIndependent) {
  RandomStream a(7, "jitter");
  RandomStream b(7, "loss");
  EXPECT_NE(a.next(), b.next());
}

TEST(RandomTest, BelowIsUniform) {
  RandomStream stream(3, "below");
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts.at(stream.below(7));
  // Five standard deviations of a binomial(70000, 1/7) are 463.
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 463);
}

TEST(RandomTest, NormalHasMeanZeroAndDeviationOne) {
  RandomStream stream(3, "normal");
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double z = stream.normal();
    sum += z;
    squares += z * z;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.016);
  EXPECT_NEAR(squares / kDraws, 1, 0.023);
}

TEST(RandomTest, QuantilesOfTheNormalDistributionAreRight) {
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-9);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-8);
  EXPECT_NEAR(normal_quantile(0.001), -3.090232306167813, 1e-8);
}

TEST(RandomTest, LogNormalHasItsMedian) {
  RandomStream stream(5, "log-normal");
  std::vector<double> draws(10'001);
  for (double& draw : draws) draw = stream.log_normal(0.4, 1.65);
  std::nth_element(draws.begin(), draws.begin() + 5'000, draws.end());
  EXPECT_NEAR(draws[5'000], 0.4, 0.045);
}

TEST(RandomTest, EntropyDoesNotRepeat) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1'000; ++i) seen.insert(entropy64());
  EXPECT_EQ(seen.size(), 1'000U);
  EXPECT_EQ(random_hex(16).size(), 32U);
}

}  // namespace
}  // namespace isopop
