#include "pop_node/http/version_choice.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/pop_node/test_versions.h"

namespace isopop::pop {
namespace {

class VersionChoiceTest : public ::testing::Test {
 protected:
  [[nodiscard]] LiveAssignmentPtr live() const {
    return resolve_assignment(assignment_, {}, nullptr).value();
  }
  [[nodiscard]] std::uint64_t chosen(const VersionKeys& keys) const {
    return choose_version(*live(), keys)->version.number();
  }
  // Of so many requests, those that the second version got.
  template <typename Keys>
  [[nodiscard]] int second_of(int requests, Keys keys) const {
    const LiveAssignmentPtr assignment = live();
    int second = 0;
    for (int i = 0; i < requests; ++i) {
      const std::string text = std::to_string(i);
      second += choose_version(*assignment, keys(text))->version.number() == 2 ? 1 : 0;
    }
    return second;
  }

  v1::Assignment assignment_ =
      split(make_version("site", 1, "one").version, 9'000, make_version("site", 2, "two").version);
};

TEST_F(VersionChoiceTest, WithoutStickinessEachRayIsDrawnAnew) {
  const int second = second_of(10'000, [](const std::string& text) {
    return VersionKeys{.header = "x", .client = "192.0.2.1", .ray = text};
  });
  EXPECT_NEAR(second, 1'000, 120);
  // All that one request asks for is answered by one version.
  EXPECT_EQ(chosen({.ray = "a"}), chosen({.ray = "a"}));
}

TEST_F(VersionChoiceTest, AClientKeepsItsVersion) {
  assignment_.mutable_stickiness()->set_client(true);
  const int of_many_rays = second_of(1'000, [](const std::string& text) {
    return VersionKeys{.client = "192.0.2.1", .ray = text};
  });
  EXPECT_TRUE(of_many_rays == 0 || of_many_rays == 1'000) << of_many_rays;
  const int of_many_clients = second_of(
      10'000, [](const std::string& text) { return VersionKeys{.client = text, .ray = "same"}; });
  EXPECT_NEAR(of_many_clients, 1'000, 120);
}

TEST_F(VersionChoiceTest, AHeadersValueKeepsItsVersionAndWithoutItOneIsDrawn) {
  assignment_.mutable_stickiness()->set_header("x-user");
  const int of_one_value = second_of(1'000, [](const std::string& text) {
    return VersionKeys{.header = "ada", .client = text, .ray = text};
  });
  EXPECT_TRUE(of_one_value == 0 || of_one_value == 1'000) << of_one_value;
  const int without = second_of(10'000, [](const std::string& text) {
    return VersionKeys{.client = "192.0.2.1", .ray = text};
  });
  EXPECT_NEAR(without, 1'000, 120);
}

TEST(ClientAddressTest, IsTheFirstThatTheRouterWasToldOrTheConnections) {
  EXPECT_EQ(client_address({{"x-forwarded-for", " 198.51.100.7 , 10.0.0.1"}}, "127.0.0.1"),
            "198.51.100.7");
  EXPECT_EQ(client_address({}, "127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(client_address({{"x-forwarded-for", ""}}, "127.0.0.1"), "127.0.0.1");
}

}  // namespace
}  // namespace isopop::pop
