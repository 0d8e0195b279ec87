#include "control_plane/registry/worker_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace isopop::control {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& name, const std::string& text) {
  const Result<v1::WorkerLimits> limits = with_limit({}, name, text);
  return limits.ok() ? "accepted" : limits.error().message;
}

TEST(WorkerLimits, AreWrittenWithUnitsAndCarriedWithoutThem) {
  const std::vector<std::pair<std::string, std::string>> given = {
      {"cpu", "50ms"},      {"wall", "2 s"},     {"top-level-cpu", "1s"},
      {"heap", "128 MiB"},  {"memory", "1 GiB"}, {"request-body", "5 MB"},
      {"subrequests", "7"}, {"log", "64 KiB"},   {"script", "300 kB"}};
  ASSERT_EQ(given.size(), limit_names().size()) << "one of each";
  v1::WorkerLimits limits;
  for (const auto& [name, text] : given) {
    Result<v1::WorkerLimits> more = with_limit(std::move(limits), name, text);
    ASSERT_TRUE(more.ok()) << name << ": " << more.error().message;
    limits = std::move(more).value();
  }
  EXPECT_EQ(limits.cpu_ms(), 50U);
  EXPECT_EQ(limits.wall_ms(), 2'000U);
  EXPECT_EQ(limits.top_level_cpu_ms(), 1'000U);
  EXPECT_EQ(limits.heap_mib(), 128U);
  EXPECT_EQ(limits.memory_mib(), 1'024U);
  EXPECT_EQ(limits.request_body_bytes(), 5'000'000U);
  EXPECT_EQ(limits.subrequests(), 7U);
  EXPECT_EQ(limits.log_kib(), 64U);
  EXPECT_EQ(limits.script_bytes(), 300'000U);
  EXPECT_TRUE(check_limits(limits).ok());
}

TEST(WorkerLimits, RefuseWhatHasNoUnitOrTheWrongOne) {
  EXPECT_THAT(refusal("cpu", "50"), HasSubstr("lacks a unit"));
  EXPECT_THAT(refusal("cpu", "50 MiB"), HasSubstr("unknown unit"));
  EXPECT_THAT(refusal("memory", "50 ms"), HasSubstr("unknown unit"));
  EXPECT_THAT(refusal("subrequests", "50 ms"), HasSubstr("not a whole number"));
  EXPECT_THAT(refusal("cpu", "0.5 ms"), HasSubstr("whole milliseconds"));
  EXPECT_THAT(refusal("heap", "100 kB"), HasSubstr("whole MiB"));
}

TEST(WorkerLimits, RefuseWhatIsBeyondReason) {
  EXPECT_THAT(refusal("cpu", "0 ms"), HasSubstr("between 1 ms and 5 min"));
  EXPECT_THAT(refusal("cpu", "1 h"), HasSubstr("out of range"));
  EXPECT_THAT(refusal("heap", "1 MiB"), HasSubstr("between 8 MiB and 4 GiB"));
  EXPECT_THAT(refusal("subrequests", "0"), HasSubstr("between 1 and 10000"));
  EXPECT_THAT(refusal("script", "1 GiB"), HasSubstr("out of range"));
}

TEST(WorkerLimits, SayWhichOneWasMeant) {
  EXPECT_THAT(refusal("memroy", "1 GiB"), HasSubstr("did you mean 'memory'?"));
  EXPECT_THAT(refusal("patience", "1 s"), HasSubstr("there are cpu, wall, "));
}

TEST(WorkerLimits, OfTheContractAreCheckedByName) {
  v1::WorkerLimits limits;
  EXPECT_TRUE(check_limits(limits).ok()) << "nothing is set";
  limits.set_log_kib(1'000'000);
  const Result<void> checked = check_limits(limits);
  ASSERT_FALSE(checked.ok());
  EXPECT_THAT(checked.error().message, HasSubstr("limit log: "));
}

TEST(WorkerLimits, HeapIsPartOfMemory) {
  v1::WorkerLimits limits;
  limits.set_heap_mib(512);
  EXPECT_TRUE(check_limits(limits).ok());
  limits.set_memory_mib(256);
  EXPECT_FALSE(check_limits(limits).ok());
}

TEST(WorkerLimits, ThatAreSetAreListedByTheirFields) {
  v1::WorkerLimits limits;
  limits.set_cpu_ms(5);
  limits.set_script_bytes(6);
  const std::vector<LimitValue> values = limits_set(limits);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].field, "cpu_ms");
  EXPECT_EQ(values[0].value, 5U);
  EXPECT_EQ(values[1].field, "script_bytes");
  EXPECT_EQ(values[1].value, 6U);
}

}  // namespace
}  // namespace isopop::control
