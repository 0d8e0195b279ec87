#include "control_plane/cli/audit_text.h"

#include <gtest/gtest.h>

namespace isopop::control::cli {
namespace {

std::string summary(const char* detail) {
  return summary_of_audit(nlohmann::ordered_json::parse(detail));
}

TEST(AuditText, OfADeploymentIsWhatIsLiveAndWhy) {
  EXPECT_EQ(summary(R"({"shares":[{"version":1,"weight":9000},{"version":2,"weight":1000}],
                        "state":"LIVE","wave":0,"waves":0,"reason":"","rolled_back_from":0,
                        "author":"token:ci","message":""})"),
            "v1@90% v2@10%");
  EXPECT_EQ(summary(R"({"shares":[{"version":2,"weight":10000}],"state":"ROLLING_OUT","wave":1,
                        "reason":"","message":"cart\nand more"})"),
            "v2, wave 2: cart");
  EXPECT_EQ(summary(R"({"shares":[{"version":2,"weight":10000}],"state":"ABORTED","wave":0,
                        "reason":"1 PoP rejected it","message":"cart"})"),
            "v2: 1 PoP rejected it");
  EXPECT_EQ(summary(R"({"shares":[{"version":1,"weight":10000}],"state":"LIVE",
                        "rolled_back_from":7,"message":"empty cart"})"),
            "v1, back from deployment 7: empty cart");
}

TEST(AuditText, OfAVersionIsItsTagOrItsCode) {
  EXPECT_EQ(summary(R"({"bundle_sha256":"0123456789abcdef","tag":"v1.4","message":"faster"})"),
            "tag v1.4: faster");
  EXPECT_EQ(summary(R"({"bundle_sha256":"0123456789abcdef","tag":"","message":""})"),
            "bundle 0123456789ab");
}

TEST(AuditText, OfEverythingElseIsWhatItHolds) {
  EXPECT_EQ(summary(R"({"name":"ci","role":"deployer","workers":["shop-*","cart"],
                        "expires_at_ms":1795413240123})"),
            "ci, role deployer, workers shop-* cart, expires 2026-11-23 05:54:00");
  EXPECT_EQ(summary(R"({"name":"KEY","replaced":false})"), "KEY");
  EXPECT_EQ(summary(R"({"name":"KEY","replaced":true})"), "KEY, replaced");
  EXPECT_EQ(summary(R"({"keys":3})"), "keys 3");
}

TEST(AuditText, OfWhatAnotherProgramWroteIsThereToo) {
  EXPECT_EQ(summary(R"("plain text")"), "plain text");
  EXPECT_EQ(summary(R"({"shares":[7],"reason":{"x":1}})"), "");
  EXPECT_EQ(summary(R"({"shares":7})"), "shares 7");
  EXPECT_EQ(summary("{}"), "");
}

}  // namespace
}  // namespace isopop::control::cli
