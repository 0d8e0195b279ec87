#include "control_plane/rollout/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace isopop::control {
namespace {

using ::testing::HasSubstr;

v1::PopIdentity pop(const std::string& id) {
  v1::PopIdentity identity;
  identity.set_id(id);
  identity.set_country("NL");
  identity.set_region("eu");
  identity.set_latitude_deg(52.3);
  identity.set_longitude_deg(4.76);
  return identity;
}

bool selects(const std::string& text, const v1::PopIdentity& identity) {
  const Result<Selector> selector = Selector::parse(text);
  EXPECT_TRUE(selector.ok()) << selector.error().message;
  return selector.ok() && selector.value().matches(identity);
}

std::string refusal(const std::string& text) {
  const Result<Selector> selector = Selector::parse(text);
  if (selector.ok()) return "none";
  EXPECT_EQ(selector.error().code, ErrorCode::kInvalidArgument);
  return selector.error().message;
}

TEST(Selector, TakesIdsAsTheyAreSpelled) {
  EXPECT_TRUE(selects("AMS,FRA", pop("AMS")));
  EXPECT_TRUE(selects(" AMS , FRA ", pop("FRA")));
  EXPECT_FALSE(selects("AMS,FRA", pop("LHR")));
  EXPECT_FALSE(selects("ams", pop("AMS")));
}

TEST(Selector, TakesRegionsAndCountriesInAnyCase) {
  EXPECT_TRUE(selects("region=EU", pop("AMS")));
  EXPECT_FALSE(selects("region=us", pop("AMS")));
  EXPECT_TRUE(selects("country=nl", pop("AMS")));
  EXPECT_FALSE(selects("country=BR", pop("AMS")));
}

TEST(Selector, TakesAllAroundAPlaceTheEdgeIncluded) {
  EXPECT_TRUE(selects("near=52.4,4.9/1000km", pop("AMS")));
  EXPECT_FALSE(selects("near=-23.5,-46.6/1000km", pop("AMS")));
  v1::PopIdentity there = pop("AMS");
  there.set_latitude_deg(0);
  there.set_longitude_deg(0);
  EXPECT_TRUE(selects("near=0,0/0.001km", there));
  // Across the antimeridian: 2 degrees of the equator are 222 km.
  there.set_longitude_deg(179);
  EXPECT_TRUE(selects("near=0,-179/223km", there));
  EXPECT_FALSE(selects("near=0,-179/222km", there));
}

TEST(Selector, SmallerShareIsPartOfTheLargerAndAboutItsSize) {
  std::size_t tenth = 0;
  for (int i = 0; i < 1'000; ++i) {
    const v1::PopIdentity identity = pop("P" + std::to_string(i));
    const bool in_tenth = selects("10%", identity);
    tenth += in_tenth ? 1U : 0U;
    EXPECT_TRUE(!in_tenth || selects("20%", identity));
    EXPECT_TRUE(!selects("0.5%", identity) || in_tenth);
    EXPECT_TRUE(selects("100%", identity));
  }
  EXPECT_GT(tenth, 70U);
  EXPECT_LT(tenth, 130U);
}

TEST(Selector, ShareDependsOnTheIdAlone) {
  v1::PopIdentity moved = pop("AMS");
  moved.set_region("moon");
  moved.set_latitude_deg(-80);
  for (int percent = 1; percent <= 100; ++percent) {
    const std::string text = std::to_string(percent) + "%";
    EXPECT_EQ(selects(text, pop("AMS")), selects(text, moved));
  }
}

TEST(Selector, KnowsWhenItTakesEveryPop) {
  EXPECT_TRUE(Selector().is_all());
  EXPECT_TRUE(Selector().matches(pop("AMS")));
  EXPECT_TRUE(Selector::parse("all").value().is_all());
  EXPECT_TRUE(Selector::parse("100%").value().is_all());
  EXPECT_FALSE(Selector::parse("99.9%").value().is_all());
  EXPECT_FALSE(Selector::parse("AMS").value().is_all());
}

TEST(Selector, SaysWhatIsAllowed) {
  EXPECT_THAT(refusal(""), HasSubstr("give all, ids (AMS,FRA), region=NAME"));
  EXPECT_THAT(refusal("regoin=eu"), HasSubstr("did you mean region=?"));
  EXPECT_THAT(refusal("colour=red"), HasSubstr("\"colour\" is no property of a PoP"));
  EXPECT_THAT(refusal("region="), HasSubstr("a region has 1 to 64 bytes"));
  EXPECT_THAT(refusal("country=BRA"), HasSubstr("two letters"));
  EXPECT_THAT(refusal("country=1!"), HasSubstr("two letters"));
  EXPECT_THAT(refusal("AMS,,FRA"), HasSubstr("\"\" is no PoP's id"));
  EXPECT_THAT(refusal("A/B"), HasSubstr("is no PoP's id"));
  EXPECT_THAT(refusal("AMS,all"), HasSubstr("stands alone"));
}

TEST(Selector, RefusesSharesAndPlacesThatCannotBe) {
  for (const char* text : {"0%", "-1%", "100.1%", "nan%", "%", "ten%", "1e400%"}) {
    EXPECT_THAT(refusal(text), HasSubstr("a share is above 0%")) << text;
  }
  EXPECT_THAT(refusal("near=52.4,4.9"), HasSubstr("a place and a distance"));
  EXPECT_THAT(refusal("near=52.4,4.9/1000"), HasSubstr("a place and a distance"));
  EXPECT_THAT(refusal("near=95,4.9/10km"), HasSubstr("selects no PoPs"));
  EXPECT_THAT(refusal("near=52.4/10km"), HasSubstr("selects no PoPs"));
  for (const char* text : {"near=1,1/0km", "near=1,1/-5km", "near=1,1/km", "near=1,1/99999km"}) {
    EXPECT_THAT(refusal(text), HasSubstr("a distance is above 0")) << text;
  }
}

TEST(Selector, QuotesLittleOfWhatIsNoText) {
  const std::string message = refusal(std::string("\0\x1b[2J", 5) + std::string(100, '\xff'));
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(refusal(std::string(1'000'000, 'x')).size(), 400U);
}

}  // namespace
}  // namespace isopop::control
