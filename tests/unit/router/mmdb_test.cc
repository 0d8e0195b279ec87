#include "router/geo/mmdb.h"

#include <gtest/gtest.h>

#include <string>

#include "common/files/files.h"
#include "tests/unit/router/mmdb_writer.h"

namespace isopop::router {
namespace {

using testing::IpVersion;
using testing::mmdb_double;
using testing::mmdb_float;
using testing::mmdb_map;
using testing::mmdb_text;
using testing::MmdbWriter;

std::string nested(double latitude_deg, double longitude_deg) {
  return mmdb_map({
      {"city",
       mmdb_map({{"names", mmdb_map({{"de", mmdb_text("Mailand")}, {"en", mmdb_text("Milan")}})}})},
      {"country", mmdb_map({{"iso_code", mmdb_text("IT")}})},
      {"location", mmdb_map({{"latitude", mmdb_double(latitude_deg)},
                             {"longitude", mmdb_double(longitude_deg)}})},
  });
}

std::string flat(float latitude_deg, float longitude_deg) {
  return mmdb_map({{"city", mmdb_text("Nairobi")},
                   {"country_code", mmdb_text("KE")},
                   {"latitude", mmdb_float(latitude_deg)},
                   {"longitude", mmdb_float(longitude_deg)}});
}

class MmdbTest : public ::testing::Test {
 protected:
  std::filesystem::path write(std::string_view content) {
    const std::filesystem::path file = folder_.path() / "test.mmdb";
    EXPECT_TRUE(write_file_atomically(file, content).ok());
    return file;
  }

  std::unique_ptr<const Mmdb> open(const MmdbWriter& writer) {
    Result<std::unique_ptr<const Mmdb>> opened = Mmdb::open(write(writer.finish()));
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(opened).value();
  }

 private:
  TempFolder folder_ = std::move(TempFolder::create("mmdb-test")).value();
};

TEST_F(MmdbTest, ReadsTheNestedSchema) {
  MmdbWriter writer(IpVersion::kV4);
  writer.add("198.51.100.0/24", nested(45.4643, 9.1895));
  const auto database = open(writer);
  const auto record = database->lookup("198.51.100.77").value();
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->place, (GeoPoint{45.4643, 9.1895}));
  EXPECT_EQ(record->city, "Milan");
  EXPECT_EQ(record->country_code, "IT");
}

TEST_F(MmdbTest, ReadsTheFlatSchema) {
  MmdbWriter writer(IpVersion::kV4);
  writer.add("203.0.113.128/25", flat(-1.25F, 36.75F));
  const auto database = open(writer);
  const auto record = database->lookup("203.0.113.200").value();
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->place, (GeoPoint{-1.25, 36.75}));
  EXPECT_EQ(record->city, "Nairobi");
  EXPECT_EQ(record->country_code, "KE");
}

TEST_F(MmdbTest, KnowsOnlyTheNetworksInTheFile) {
  MmdbWriter writer(IpVersion::kV4);
  writer.add("203.0.113.128/25", flat(1, 2));
  const auto database = open(writer);
  EXPECT_FALSE(database->lookup("203.0.113.127").value().has_value());
  EXPECT_FALSE(database->lookup("127.0.0.1").value().has_value());
  EXPECT_FALSE(database->lookup("10.1.2.3").value().has_value());
}

TEST_F(MmdbTest, LooksUpBothFamiliesInAnIpv6File) {
  MmdbWriter writer(IpVersion::kV6);
  writer.add("2001:db8::/32", nested(45.5, 9.25));
  writer.add("198.51.100.0/24", flat(-1.25F, 36.75F));
  const auto database = open(writer);
  EXPECT_EQ(database->lookup("2001:db8:1::5").value()->city, "Milan");
  EXPECT_EQ(database->lookup("198.51.100.1").value()->city, "Nairobi");
  EXPECT_EQ(database->lookup("::ffff:198.51.100.1").value()->city, "Nairobi");
  EXPECT_FALSE(database->lookup("2001:db9::1").value().has_value());
}

TEST_F(MmdbTest, HasNothingOnIpv6InAnIpv4File) {
  MmdbWriter writer(IpVersion::kV4);
  writer.add("198.51.100.0/24", flat(1, 2));
  EXPECT_FALSE(open(writer)->lookup("2001:db8::1").value().has_value());
}

TEST_F(MmdbTest, GivesACountryWithoutAPlace) {
  MmdbWriter writer(IpVersion::kV4);
  writer.add("198.51.100.0/24", mmdb_map({{"country_code", mmdb_text("KE")}}));
  const auto record = open(writer)->lookup("198.51.100.1").value();
  ASSERT_TRUE(record.has_value());
  EXPECT_FALSE(record->place.has_value());
  EXPECT_EQ(record->country_code, "KE");
}

TEST_F(MmdbTest, GivesNothingWhenTheEntrySaysNothingOfAPlace) {
  MmdbWriter writer(IpVersion::kV4);
  writer.add("198.51.100.0/24", mmdb_map({{"autonomous_system", mmdb_text("AS64496")}}));
  EXPECT_FALSE(open(writer)->lookup("198.51.100.1").value().has_value());
}

TEST_F(MmdbTest, ReportsAPlaceThatIsNotOnEarth) {
  MmdbWriter writer(IpVersion::kV4);
  writer.add("198.51.100.0/24", nested(145, 9));
  const auto found = open(writer)->lookup("198.51.100.1");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::kDataLoss);
}

TEST_F(MmdbTest, ReportsAnEntryThatIsDamaged) {
  MmdbWriter writer(IpVersion::kV4);
  writer.add("198.51.100.0/24", "\xE5\x42");  // a map of five, then the file's end
  const auto found = open(writer)->lookup("198.51.100.1");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::kDataLoss);
}

TEST_F(MmdbTest, RefusesTextThatIsNoAddress) {
  const auto database = open(MmdbWriter(IpVersion::kV4));
  for (const char* text : {"", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4:80", "[::1]"}) {
    const auto found = database->lookup(text);
    ASSERT_FALSE(found.ok()) << text;
    EXPECT_EQ(found.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST_F(MmdbTest, RefusesFilesThatAreNoDatabase) {
  EXPECT_EQ(Mmdb::open("/nonexistent/x.mmdb").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Mmdb::open(write("geonameid,name\n1,Here\n")).error().code,
            ErrorCode::kInvalidArgument);
  MmdbWriter writer(IpVersion::kV4);
  writer.add("198.51.100.0/24", flat(1, 2));
  const std::string whole = writer.finish();
  const auto half = Mmdb::open(write(std::string_view(whole).substr(0, whole.size() / 2)));
  EXPECT_EQ(half.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace isopop::router
