#include "sim/launch/process_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace isopop::sim {
namespace {

TEST(ProgramOf, KnowsOurBinariesAlsoWhenTheyWereReplaced) {
  EXPECT_EQ(program_of("/x/build/bin/isopop-pop"), Program::kPop);
  EXPECT_EQ(program_of("/x/isopop-executor (deleted)"), Program::kExecutor);
  EXPECT_EQ(program_of("isopop-control"), Program::kControl);
  EXPECT_EQ(program_of("/x/isopop"), std::nullopt);
  EXPECT_EQ(program_of("/x/my-isopop-pop"), std::nullopt);
  EXPECT_EQ(program_of(""), std::nullopt);
}

TEST(BelongsTo, ComparesTheWholeFolder) {
  EXPECT_TRUE(belongs_to({"isopop-pop", "--state", "/a/b"}, "/a/b"));
  EXPECT_TRUE(belongs_to({"isopop-pop", "--state=/a/b"}, "/a/b"));
  EXPECT_FALSE(belongs_to({"isopop-pop", "--state", "/a/b2"}, "/a/b"));
  EXPECT_FALSE(belongs_to({"isopop-pop", "--state=/a"}, "/a/b"));
  EXPECT_FALSE(belongs_to({"isopop-pop", "--statement", "/a/b"}, "/a/b"));
  EXPECT_FALSE(belongs_to({"isopop-pop", "/a/b", "--state"}, "/a/b"));
  EXPECT_FALSE(belongs_to({}, ""));
}

TEST(ProportionalSetBytes, IsThisProcessesMemoryOrNothing) {
  EXPECT_GT(proportional_set_bytes(getpid()), 100'000U);
  EXPECT_EQ(proportional_set_bytes(-5), 0U);
}

}  // namespace
}  // namespace isopop::sim
