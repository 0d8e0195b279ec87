#include "control_plane/registry/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace isopop::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(WorkerName, TakesWhatAHostLabelTakes) {
  for (const std::string& name : {std::string("a"), std::string("hello"), std::string("0-day"),
                                  std::string("a-"), std::string(63, 'x')}) {
    EXPECT_TRUE(check_worker_name(name).ok()) << name;
  }
}

TEST(WorkerName, RefusesEverythingElse) {
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("Hello"), std::string("a/b"),
        std::string(".."), std::string("a\0b", 3), std::string("caf\xc3\xa9"),
        std::string("\xf0\x9f\x98\x80"), std::string(64, 'x'), std::string(10'000, 'x'),
        std::string("a b"), std::string("a_b"), std::string("a.b")}) {
    const Result<void> result = check_worker_name(name);
    ASSERT_FALSE(result.ok()) << name;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(WorkerName, ErrorQuotesAtMostALineOfPrintableText) {
  const Result<void> result = check_worker_name(std::string(10'000, '\n'));
  ASSERT_FALSE(result.ok());
  EXPECT_LT(result.error().message.size(), 600U);
  EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
}

TEST(Route, HasOneSpelling) {
  EXPECT_EQ(canonical_route("Shop.Example/Cart*").value(), "shop.example/Cart*");
  EXPECT_EQ(canonical_route("*.example/*").value(), "*.example/*");
  EXPECT_EQ(canonical_route("*/status").value(), "*/status");
}

TEST(Route, SaysWhatIsWrong) {
  const auto why = [](const std::string& pattern) {
    const Result<std::string> route = canonical_route(pattern);
    return route.ok() ? "accepted" : route.error().message;
  };
  EXPECT_THAT(why("shop.example"), HasSubstr("host/*"));
  EXPECT_THAT(why("https://shop.example/"), HasSubstr("scheme"));
  EXPECT_THAT(why("shop.example:8080/"), HasSubstr("port"));
  EXPECT_THAT(why("a.*.example/"), HasSubstr("host must be"));
  EXPECT_THAT(why("/path"), HasSubstr("host must be"));
  EXPECT_THAT(why("a..b/"), HasSubstr("host must be"));
  EXPECT_THAT(why("a.example/x*y"), HasSubstr("last character"));
  EXPECT_THAT(why("a.example/x?y"), HasSubstr("host and path only"));
  EXPECT_THAT(why(std::string("a.example/\0", 11)), HasSubstr("printable"));
  EXPECT_THAT(why("a.example/ b"), HasSubstr("printable"));
  EXPECT_THAT(why("hello.isopop.test/*"), HasSubstr("belong to the workers"));
  EXPECT_THAT(why("*.ISOPOP.test/*"), HasSubstr("belong to the workers"));
  EXPECT_THAT(why("a/" + std::string(3000, 'x')), HasSubstr("longer than"));
}

TEST(Routes, AreSortedAndEachThereOnce) {
  EXPECT_THAT(canonical_routes({"b.example/*", "a.example/*", "B.example/*"}).value(),
              ElementsAre("a.example/*", "b.example/*"));
}

TEST(Routes, AreBounded) {
  EXPECT_FALSE(canonical_routes(std::vector<std::string>(kRoutesMax + 1, "a.example/*")).ok());
}

}  // namespace
}  // namespace isopop::control
