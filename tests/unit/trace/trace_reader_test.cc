#include "sim/trace/trace_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/files/files.h"

namespace isopop::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string gzip(std::string_view plain) {
  z_stream deflater{};
  EXPECT_EQ(deflateInit2(&deflater, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&deflater, plain.size()) + 32, '\0');
  std::string input(plain);
  deflater.next_in = reinterpret_cast<Bytef*>(input.data());
  deflater.avail_in = static_cast<uInt>(input.size());
  deflater.next_out = reinterpret_cast<Bytef*>(packed.data());
  deflater.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&deflater, Z_FINISH), Z_STREAM_END);
  packed.resize(deflater.total_out);
  deflateEnd(&deflater);
  return packed;
}

std::string log_line(int second, const std::string& path) {
  return "10.0.0.1 - - [17/May/2015:10:05:" + std::string(second < 10 ? "0" : "") +
         std::to_string(second) + " +0000] \"GET " + path + " HTTP/1.1\" 200 5 \"-\" \"curl\"\n";
}

class TraceReaderTest : public testing::Test {
 protected:
  std::string write(std::string_view content) {
    const std::string path = (folder_.path() / "trace").string();
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  Result<Trace> read(std::string_view content, const TraceReadOptions& options = {}) {
    return read_trace(write(content), options);
  }
  static std::vector<std::string> targets(const Trace& trace) {
    std::vector<std::string> texts;
    for (const TraceRequest& request : trace.requests) {
      texts.emplace_back(trace.text(request.target));
    }
    return texts;
  }

  TempFolder folder_ = TempFolder::create("isopop-trace-test").value();
};

TEST_F(TraceReaderTest, SortsByTimeAndKeepsTheFilesOrderWithinASecond) {
  const Trace trace =
      read(log_line(9, "/d") + log_line(3, "/b") + log_line(1, "/a") + log_line(3, "/c")).value();
  EXPECT_THAT(targets(trace), ElementsAre("/a", "/b", "/c", "/d"));
  EXPECT_EQ(trace.out_of_order, 3U);
  EXPECT_EQ(trace.format, TraceFormat::kCombined);
  EXPECT_TRUE(trace.whole_seconds);
}

TEST_F(TraceReaderTest, CountsBrokenLinesAndShowsTheFirstTen) {
  std::string content = log_line(1, "/a");
  for (int i = 0; i < 12; ++i) content += "rubbish\n" + log_line(2, "/b");
  const Trace trace = read(content).value();
  EXPECT_EQ(trace.lines, 25U);
  EXPECT_EQ(trace.broken_lines, 12U);
  ASSERT_EQ(trace.broken.size(), 10U);
  EXPECT_EQ(trace.broken[0].line, 2U);
  EXPECT_THAT(trace.broken[0].reason, HasSubstr("client"));
  EXPECT_EQ(trace.requests.size(), 13U);
}

TEST_F(TraceReaderTest, StrictRefusesTheFirstBrokenLineWithItsNumber) {
  const std::string content = log_line(1, "/a") + "rubbish\n" + log_line(2, "/b");
  const Result<Trace> trace =
      read(content, {.broken_lines = TraceReadOptions::BrokenLines::kRefused});
  ASSERT_FALSE(trace.ok());
  EXPECT_THAT(trace.error().message, HasSubstr("/trace:2: "));
}

TEST_F(TraceReaderTest, RefusesAFileThatIsMostlyBroken) {
  const Result<Trace> trace = read(log_line(1, "/a") + "x\ny\nz\n");
  ASSERT_FALSE(trace.ok());
  EXPECT_THAT(trace.error().message, HasSubstr("/trace:2: "));
  EXPECT_THAT(trace.error().message, HasSubstr("3 of 4 lines"));
}

TEST_F(TraceReaderTest, SaysThatAHalfLastLineMayBeCutOff) {
  const std::string half = log_line(2, "/b").substr(0, 50);
  const Trace trace = read(log_line(1, "/a") + half).value();
  ASSERT_EQ(trace.broken_lines, 1U);
  EXPECT_THAT(trace.broken[0].reason, HasSubstr("cut off?"));
}

TEST_F(TraceReaderTest, ReadsGzipOfSeveralStreams) {
  const Trace trace = read(gzip(log_line(1, "/a")) + gzip(log_line(2, "/b"))).value();
  EXPECT_THAT(targets(trace), ElementsAre("/a", "/b"));
}

TEST_F(TraceReaderTest, RefusesGzipThatIsCutOffOrDamaged) {
  std::string content;
  for (int i = 0; i < 5000; ++i) content += log_line(i % 60, "/path/" + std::to_string(i * 7919));
  const std::string packed = gzip(content);
  const Result<Trace> cut = read(packed.substr(0, packed.size() / 2));
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(cut.error().message, HasSubstr("cut off"));
  EXPECT_THAT(cut.error().message, testing::ContainsRegex("/trace:[0-9]{3,}: "));
  std::string damaged = packed;
  for (std::size_t i = damaged.size() / 2; i < damaged.size() / 2 + 64; ++i) damaged[i] = '\x55';
  const Result<Trace> bad = read(damaged);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::kDataLoss);
}

TEST_F(TraceReaderTest, RefusesBinaryFilesFoldersAndEmptyFiles) {
  std::string binary =
      "\x7F"
      "ELF";
  binary += std::string(1000, '\0');
  EXPECT_THAT(read(binary).error().message, HasSubstr("/trace:1: a binary file?"));
  EXPECT_THAT(read("").error().message, HasSubstr("/trace:1: "));
  EXPECT_THAT(read_trace(folder_.path().string()).error().message, HasSubstr("is a folder"));
  EXPECT_EQ(read_trace((folder_.path() / "none").string()).error().code, ErrorCode::kNotFound);
}

TEST_F(TraceReaderTest, ALineOfManyMegabytesIsOneBrokenLine) {
  const Trace trace =
      read(log_line(1, "/a") + std::string(20'000'000, 'x') + "\n" + log_line(2, "/b")).value();
  ASSERT_EQ(trace.broken_lines, 1U);
  EXPECT_EQ(trace.broken[0].line, 2U);
  EXPECT_THAT(trace.broken[0].reason, HasSubstr("longer than 64 KiB"));
  EXPECT_THAT(targets(trace), ElementsAre("/a", "/b"));
}

TEST_F(TraceReaderTest, ReadsTablesWithNamedColumns) {
  const Trace trace = read(
                          "Timestamp,remote_addr,path,city,status\n"
                          "10.5,10.0.0.1,/a,\"Paris,FR\",200\n"
                          "9,10.0.0.2,b?x,,404\n")
                          .value();
  EXPECT_EQ(trace.format, TraceFormat::kCsv);
  EXPECT_THAT(targets(trace), ElementsAre("/b?x", "/a"));
  EXPECT_EQ(trace.text(trace.requests[1].city), "Paris,FR");
  EXPECT_EQ(trace.text(trace.requests[1].client), "10.0.0.1");
  EXPECT_EQ(trace.text(trace.requests[1].method), "GET");
  EXPECT_FALSE(trace.whole_seconds);
}

TEST_F(TraceReaderTest, CountsBrokenRecordsOfATable) {
  const Trace trace =
      read("time,path,lat,lon\n1,/a,1,2\n2,/b\n3,/c,95,0\nsoon,/d,,\n4,/e,,\n5,/f,,\n6,/g,,\n")
          .value();
  EXPECT_THAT(targets(trace), ElementsAre("/a", "/e", "/f", "/g"));
  ASSERT_EQ(trace.broken.size(), 3U);
  EXPECT_EQ(trace.broken[0].line, 3U);
  EXPECT_THAT(trace.broken[0].reason, StartsWith("the record has 2 fields"));
  EXPECT_THAT(trace.broken[1].reason, HasSubstr("95"));
  EXPECT_THAT(trace.broken[2].reason, HasSubstr("soon"));
}

TEST_F(TraceReaderTest, RefusesATableWithoutATime) {
  const Result<Trace> trace = read("path,client\n/a,b\n", {.format = TraceFormat::kCsv});
  ASSERT_FALSE(trace.ok());
  EXPECT_THAT(trace.error().message, HasSubstr("/trace:1: no column is named time"));
}

TEST_F(TraceReaderTest, ReadsJsonLines) {
  const Trace trace =
      read(
          "{\"ClientIP\":\"10.0.0.1\",\"EdgeStartTimestamp\":\"2015-05-17T10:05:03Z\","
          "\"ClientRequestURI\":\"/a\",\"ClientRequestHost\":\"A.example\",\"x\":{}}\n"
          "{\"time\":1431857104,\"request\":\"POST /b HTTP/1.1\"}\n"
          "{\"time\":1431857105,\"path\":\"/c\"}\n"
          "{\"path\":\"/d\"}\n{\"time\":143185")
          .value();
  EXPECT_EQ(trace.format, TraceFormat::kJsonl);
  EXPECT_THAT(targets(trace), ElementsAre("/a", "/b", "/c"));
  EXPECT_EQ(trace.text(trace.requests[0].host), "a.example");
  EXPECT_EQ(trace.text(trace.requests[1].method), "POST");
  EXPECT_EQ(trace.broken_lines, 2U);
}

TEST_F(TraceReaderTest, TextThatWouldBreakAHeaderIsABrokenLine) {
  const Trace trace = read(
                          "{\"time\":1,\"client\":\"a\\r\\nx: y\"}\n{\"time\":2,\"host\":\"a b\"}\n"
                          "{\"time\":3}\n{\"time\":4}\n")
                          .value();
  EXPECT_EQ(trace.broken_lines, 2U);
}

TEST_F(TraceReaderTest, StopsAtItsBound) {
  const Result<Trace> trace =
      read(log_line(1, "/a") + log_line(2, "/b") + log_line(3, "/c"), {.requests_max = 2});
  ASSERT_FALSE(trace.ok());
  EXPECT_EQ(trace.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(trace.error().message, HasSubstr("/trace:3: "));
}

TEST(BundledTraceTest, IsReadWholeAndSorted) {
  const Trace trace = read_trace(std::string(ISOPOP_SOURCE_DIR) +
                                 "/configs/traces/elastic_apache_2015-05.combined.log.gz")
                          .value();
  EXPECT_EQ(trace.format, TraceFormat::kCombined);
  EXPECT_EQ(trace.requests.size(), 10'000U);
  EXPECT_EQ(trace.broken_lines, 0U);
  EXPECT_TRUE(std::is_sorted(trace.requests.begin(), trace.requests.end(),
                             [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; }));
  std::set<std::uint32_t> clients;
  for (const TraceRequest& request : trace.requests) clients.insert(request.client);
  EXPECT_EQ(clients.size(), 1'753U);
}

}  // namespace
}  // namespace isopop::sim
