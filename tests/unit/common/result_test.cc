#include "common/result/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace isopop {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return invalid_argument("odd");
  return value / 2;
}

Result<int> quarter(int value) {
  ISOPOP_TRY_ASSIGN(const int once, half(value));
  return half(once);
}

Result<void> check_even(int value) {
  ISOPOP_TRY(half(value));
  return {};
}

TEST(ResultTest, CarriesTheValue) {
  EXPECT_TRUE(quarter(8).ok());
  EXPECT_EQ(quarter(8).value(), 2);
}

TEST(ResultTest, ReturnsTheFirstErrorToTheCaller) {
  ASSERT_FALSE(quarter(6).ok());
  EXPECT_EQ(quarter(6).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(check_even(3).ok());
  EXPECT_TRUE(check_even(4).ok());
}

TEST(ResultTest, ContextIsPutInFrontOfTheMessage) {
  const Result<int> result = half(1).with_context("reading a.yaml");
  EXPECT_EQ(result.error().message, "reading a.yaml: odd");
}

TEST(ResultTest, MovesValuesThatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 7);
}

TEST(ResultTest, SystemErrorsKeepTheirMeaning) {
  EXPECT_EQ(errno_error("open x", ENOENT).code, ErrorCode::kNotFound);
  EXPECT_EQ(errno_error("bind", EADDRINUSE).code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(errno_error("open x", ENOENT).message, "open x: No such file or directory");
}

TEST(ResultDeathTest, ReadingTheWrongSideAborts) {
  const Result<int> failed = invalid_argument("nothing here");
  EXPECT_DEATH(static_cast<void>(failed.value()), "nothing here");
  const Result<int> fine = 1;
  EXPECT_DEATH(static_cast<void>(fine.error()), "successful result");
}

}  // namespace
}  // namespace isopop
