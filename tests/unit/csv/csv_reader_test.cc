#include "common/csv/csv_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace isopop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

CsvReader reader_of(const std::string& text, CsvReader::Options options = {}) {
  auto reader = CsvReader::create(std::make_unique<std::istringstream>(text), "a.csv", options);
  EXPECT_TRUE(reader.ok()) << (reader.ok() ? "" : reader.error().message);
  return std::move(reader).value();
}

std::string header_fault(const std::string& text) {
  const auto reader = CsvReader::create(std::make_unique<std::istringstream>(text), "a.csv");
  return reader.ok() ? "no fault" : reader.error().message;
}

TEST(CsvReader, ReadsRecordsByColumnName) {
  CsvReader rows = reader_of("id,city\nAMS,Amsterdam\nGRU,S\xC3\xA3o Paulo\n");
  const std::size_t city = rows.column("city").value();
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.field(city), "Amsterdam");
  EXPECT_EQ(rows.line(), 2U);
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.field(city), "S\xC3\xA3o Paulo");
  EXPECT_FALSE(rows.next().value());
}

TEST(CsvReader, ReadsQuotedFields) {
  CsvReader rows = reader_of("a,b\r\n\"x, y\",\"say \"\"hi\"\"\"\r\n\"two\nlines\",\n");
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.field(0), "x, y");
  EXPECT_EQ(rows.field(1), "say \"hi\"");
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.field(0), "two\nlines");
  EXPECT_EQ(rows.field(1), "");
  EXPECT_EQ(rows.line(), 3U);
  EXPECT_FALSE(rows.next().value());
}

TEST(CsvReader, SkipsCommentsBeforeTheHeaderEmptyLinesAndTheByteOrderMark) {
  CsvReader rows = reader_of("\xEF\xBB\xBF# source: x\n\na,b\n\n#1,2");
  EXPECT_THAT(rows.header(), ElementsAre("a", "b"));
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.field(0), "#1");
  EXPECT_EQ(rows.line(), 5U);
}

TEST(CsvReader, SaysWhichColumnIsMissingAndWhichThereAre) {
  const CsvReader rows = reader_of("id,city\n");
  EXPECT_EQ(rows.column("lat").error().message,
            "a.csv:1: there is no column 'lat'; there are: id, city");
  EXPECT_FALSE(rows.has_column("lat"));
}

TEST(CsvReader, RefusesAFileWithoutAHeaderOrWithADoubledColumn) {
  EXPECT_EQ(header_fault(""), "a.csv:1: the file has no header row");
  EXPECT_EQ(header_fault("a,b,a\n"), "a.csv:1: column 'a' is there twice");
}

TEST(CsvReader, GoesOnAfterAFaultyRecord) {
  CsvReader rows = reader_of("a,b\n1,2,3\n\"x\"y,2\n5,6\n");
  EXPECT_EQ(rows.next().error().message, "a.csv:2: the record has 3 fields, the header 2");
  EXPECT_EQ(rows.next().error().message, "a.csv:3: there is text behind a closing quote");
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.integer(0).value(), 5);
}

TEST(CsvReader, SaysWhereANumberIsNone) {
  CsvReader rows = reader_of("lat,n\n95x,1.5\n");
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.number(0).error().message, "a.csv:2: lat: '95x' is not a number");
  EXPECT_DOUBLE_EQ(rows.number(1).value(), 1.5);
  EXPECT_FALSE(rows.integer(1).ok());
}

TEST(CsvReader, BoundsARecord) {
  CsvReader rows =
      reader_of("a,b\n" + std::string(100, 'x') + ",1\n1,2\n\"" + std::string(30, '\n'),
                {.separator = ',', .record_bytes_max = 20});
  EXPECT_THAT(rows.next().error().message, HasSubstr("a.csv:2: the line is longer than 20 bytes"));
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.field(1), "2");
  EXPECT_THAT(rows.next().error().message, HasSubstr("a quoted field is longer than 20 bytes"));
}

TEST(CsvReader, RefusesAnOpenQuoteAtTheEnd) {
  CsvReader rows = reader_of("a,b\n1,\"2\n3,4\n");
  EXPECT_EQ(rows.next().error().message,
            "a.csv:2: a quoted field is not closed before the end of the file");
  EXPECT_FALSE(rows.next().value());
}

TEST(CsvReader, TakesOtherSeparators) {
  CsvReader rows = reader_of("a\tb\n1, x\t2\n", {.separator = '\t'});
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.field(0), "1, x");
}

TEST(CsvReader, SaysThatAFileIsMissing) {
  EXPECT_EQ(CsvReader::open("/nonexistent.csv").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace isopop
