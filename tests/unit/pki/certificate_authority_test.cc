#include "common/pki/certificate_authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isopop::pki {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'000));
const ProgramIdentity kAms{.kind = "pop", .id = "AMS"};
const Validity kADay{.now = kNow, .lifetime = std::chrono::hours(24)};

// Requests for an IP address of no and of one byte, as only other programs make them.
constexpr const char* kAddressOfNoBytes =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHrMIGRAgEAMBExDzANBgNVBAMMBmlzb3BvcDBZMBMGByqGSM49AgEGCCqGSM49\n"
    "AwEHA0IABAdL6Nxp0cuS92dMWM9OfIEGyvQbpj09CNXCgEKfzvpY0atn+EZWSA8N\n"
    "i7zxUafjwaAHv1ru2Qkfs6nMs1UFPZegHjAcBgkqhkiG9w0BCQ4xDzANMAsGA1Ud\n"
    "EQQEMAKHADAKBggqhkjOPQQDAgNJADBGAiEAidwRd1AADO0zqpEBXY5nsQ5lNkY3\n"
    "sjX7P0J8mzS9hroCIQCpXDQnwYl20GzQLgGKeAMzHgrEZleMuY7dmVp5Iayzpw==\n"
    "-----END CERTIFICATE REQUEST-----\n";
constexpr const char* kAddressOfOneByte =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHrMIGSAgEAMBExDzANBgNVBAMMBmlzb3BvcDBZMBMGByqGSM49AgEGCCqGSM49\n"
    "AwEHA0IABAdL6Nxp0cuS92dMWM9OfIEGyvQbpj09CNXCgEKfzvpY0atn+EZWSA8N\n"
    "i7zxUafjwaAHv1ru2Qkfs6nMs1UFPZegHzAdBgkqhkiG9w0BCQ4xEDAOMAwGA1Ud\n"
    "EQQFMAOHAQEwCgYIKoZIzj0EAwIDSAAwRQIhAJd3qGRFVpZrniKVaIo72QiwKdhl\n"
    "B+7ksf57pGvQhFx3AiA69dSmD+dO0Z9SUdEsCviRUdtSky2ewpcij0RiZMQGww==\n"
    "-----END CERTIFICATE REQUEST-----\n";

TEST(CertificateAuthority, ACertificateSaysWhoseItIsAndForHowLong) {
  const CertificateAuthority ca = CertificateAuthority::create(kNow);
  const CertificateKey key = CertificateKey::generate();
  const std::string pem = ca.issue(key.request(), {.identity = kAms, .names = {}}, kADay).value();
  EXPECT_EQ(identity_of(pem).value(), kAms);
  EXPECT_TRUE(key.is_of(pem));
  EXPECT_FALSE(CertificateKey::generate().is_of(pem));
  const CertificateFacts facts = read_certificate(pem).value();
  EXPECT_EQ(facts.not_before, kNow - std::chrono::minutes(5));
  EXPECT_EQ(facts.not_after, kNow + std::chrono::hours(24));
  EXPECT_TRUE(facts.names.empty());
}

TEST(CertificateAuthority, AServersNamesAreThere) {
  const CertificateAuthority ca = CertificateAuthority::create(kNow);
  const Subject subject{.identity = {.kind = "control", .id = "main"},
                        .names = {"control", "control.isopop.svc", "127.20.0.1", "::1"}};
  const std::string pem = ca.issue(CertificateKey::generate().request(), subject, kADay).value();
  EXPECT_THAT(read_certificate(pem).value().names,
              ElementsAre("control", "control.isopop.svc", "127.20.0.1", "::1"));
}

TEST(CertificateAuthority, NothingButTheKeyOfARequestCounts) {
  const CertificateAuthority ca = CertificateAuthority::create(kNow);
  const std::string request = CertificateKey::generate().request({"control", "10.0.0.1"});
  EXPECT_THAT(requested_names(request).value(), ElementsAre("control", "10.0.0.1"));
  const std::string pem = ca.issue(request, {.identity = kAms, .names = {}}, kADay).value();
  EXPECT_TRUE(read_certificate(pem).value().names.empty());
}

TEST(CertificateAuthority, IsTheSameAfterItWasKept) {
  const CertificateAuthority made = CertificateAuthority::create(kNow);
  const CertificateAuthority loaded =
      CertificateAuthority::load(made.certificate_pem(), made.key_pem()).value();
  EXPECT_EQ(loaded.certificate_pem(), made.certificate_pem());
  EXPECT_TRUE(
      loaded.issue(CertificateKey::generate().request(), {.identity = kAms, .names = {}}, kADay)
          .ok());
}

TEST(CertificateAuthority, AKeyOfAnotherOrACertificateOfNoCaIsRefused) {
  const CertificateAuthority one = CertificateAuthority::create(kNow);
  const CertificateAuthority other = CertificateAuthority::create(kNow);
  EXPECT_FALSE(CertificateAuthority::load(one.certificate_pem(), other.key_pem()).ok());
  EXPECT_FALSE(CertificateAuthority::load("", one.key_pem()).ok());
  EXPECT_FALSE(CertificateAuthority::load(one.certificate_pem(), "").ok());
  const CertificateKey key = CertificateKey::generate();
  const std::string leaf = one.issue(key.request(), {.identity = kAms, .names = {}}, kADay).value();
  const Result<CertificateAuthority> no_ca = CertificateAuthority::load(leaf, key.pem());
  ASSERT_FALSE(no_ca.ok());
  EXPECT_THAT(no_ca.error().message, HasSubstr("not one of a CA"));
}

TEST(CertificateAuthority, NoCertificateOutlivesIt) {
  const CertificateAuthority ca = CertificateAuthority::create(kNow);
  const std::string pem =
      ca.issue(CertificateKey::generate().request(), {.identity = kAms, .names = {}},
               {.now = kNow, .lifetime = 2 * CertificateAuthority::kLifetime})
          .value();
  EXPECT_EQ(read_certificate(pem).value().not_after, kNow + CertificateAuthority::kLifetime);
}

TEST(CertificateAuthority, ARequestThatIsDamagedIsRefused) {
  const CertificateAuthority ca = CertificateAuthority::create(kNow);
  const std::string request = CertificateKey::generate().request();
  const Subject subject{.identity = kAms, .names = {}};
  for (const std::string& text : {std::string(), std::string("x"), request.substr(0, 200)}) {
    const Result<std::string> issued = ca.issue(text, subject, kADay);
    ASSERT_FALSE(issued.ok()) << text;
    EXPECT_EQ(issued.error().code, ErrorCode::kInvalidArgument);
  }
  // Each letter of its body (the last ones may be padding): either it cannot be read, or its own
  // signature does not fit.
  for (std::size_t at = request.find('\n') + 1; at + 5 < request.find("-----END"); ++at) {
    std::string damaged = request;
    if (damaged[at] == '\n') continue;
    damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ca.issue(damaged, subject, kADay).ok()) << at;
  }
}

TEST(CertificateAuthority, NamesAndIdsThatAreNoneAreRefused) {
  const CertificateAuthority ca = CertificateAuthority::create(kNow);
  const std::string request = CertificateKey::generate().request();
  for (const std::string& id :
       {std::string(), std::string(".."), std::string("A/B"), std::string("A,DNS:control"),
        std::string("A\0B", 3), std::string(64, 'A'), std::string("\xF0\x9F\x98\x80")}) {
    EXPECT_FALSE(
        ca.issue(request, {.identity = {.kind = "pop", .id = id}, .names = {}}, kADay).ok())
        << id;
  }
  EXPECT_FALSE(
      ca.issue(request, {.identity = {.kind = "king", .id = "AMS"}, .names = {}}, kADay).ok());
  for (const std::string& name : {std::string(), std::string("a,URI:spiffe://isopop/pop/AMS"),
                                  std::string("a b"), std::string(254, 'a')}) {
    EXPECT_FALSE(ca.issue(request, {.identity = kAms, .names = {name}}, kADay).ok()) << name;
  }
}

TEST(CertificateAuthority, AnAddressOfTheWrongLengthIsNone) {
  const CertificateAuthority ca = CertificateAuthority::create(kNow);
  for (const char* request : {kAddressOfNoBytes, kAddressOfOneByte}) {
    const std::vector<std::string> names = requested_names(request).value();
    EXPECT_THAT(names, ElementsAre(""));
    const Result<std::string> issued = ca.issue(request, {.identity = kAms, .names = names}, kADay);
    ASSERT_FALSE(issued.ok());
    EXPECT_EQ(issued.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(CertificateAuthority, ACertificateWithoutAnIdentityHasNone) {
  const CertificateAuthority ca = CertificateAuthority::create(kNow);
  EXPECT_EQ(identity_of(ca.certificate_pem()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(identity_of("").error().code, ErrorCode::kInvalidArgument);
}

TEST(ProgramIdentity, IsKindAndId) {
  EXPECT_EQ(kAms.uri(), "spiffe://isopop/pop/AMS");
  EXPECT_EQ(parse_identity_uri("spiffe://isopop/relay/eu-1").value().name(), "relay/eu-1");
  for (const char* uri :
       {"", "pop/AMS", "spiffe://other/pop/AMS", "spiffe://isopop/pop", "spiffe://isopop/pop/",
        "spiffe://isopop/pop/A/B", "spiffe://isopop/prince/AMS"}) {
    EXPECT_FALSE(parse_identity_uri(uri).ok()) << uri;
  }
}

TEST(ProgramIdentity, AStarInAPatternStandsForAnyText) {
  EXPECT_TRUE(fits_pattern("shop", "shop"));
  EXPECT_TRUE(fits_pattern("shop-api", "shop-*"));
  EXPECT_TRUE(fits_pattern("shop-", "shop-*"));
  EXPECT_TRUE(fits_pattern("my-shop-api", "*-shop-*"));
  EXPECT_TRUE(fits_pattern("aab", "*ab"));
  EXPECT_TRUE(fits_pattern("anything", "*"));
  EXPECT_FALSE(fits_pattern("shop", "shop-*"));
  EXPECT_FALSE(fits_pattern("shops", "shop"));
  EXPECT_FALSE(fits_pattern("sho", "shop"));
  EXPECT_FALSE(fits_pattern("my-shop", "shop*"));
  EXPECT_FALSE(fits_pattern("shop", ""));
  EXPECT_FALSE(fits_pattern("shopx", "s?op*"));
}

}  // namespace
}  // namespace isopop::pki
