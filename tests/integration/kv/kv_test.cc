// Namespaces across programs: a real control plane and real PoPs with workers that read and write.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/text/text.h"
#include "common/time/hybrid_clock.h"
#include "tests/integration/kv/kv_fixture.h"
#include "tests/support/wait.h"

namespace isopop {
namespace {

using ::testing::HasSubstr;

// ?key= of GET and PUT.
constexpr const char* kGetAndPut =
    "const key = url.searchParams.get('key');\n"
    "if (request.method === 'PUT') { await env.KV.put(key, await request.text()); }\n"
    "return new Response(await env.KV.get(key) ?? '(none)');";

class KvTest : public KvFixture {};

TEST_F(KvTest, WhatOnePoPWritesAnotherReads) {
  const auto ams = start_pop("AMS");
  const auto fra = start_pop("FRA");
  deploy(kGetAndPut);
  EXPECT_EQ(ask(*fra, "/?key=a"), "(none)");
  EXPECT_EQ(ask(*ams, "/?key=a", "PUT", "1"), "1") << "at once where it was written";
  EXPECT_TRUE(test::wait_until([&] { return ask(*fra, "/?key=a") == "1"; }));
  EXPECT_EQ(ask(*fra, "/?key=a", "PUT", "2"), "2");
  EXPECT_TRUE(test::wait_until([&] { return ask(*ams, "/?key=a") == "2"; }));
  EXPECT_EQ(fra->metric("isopop_pop_kv_invalidations_total"), 1) << "of its copy that was none";
  EXPECT_EQ(ams->metric("isopop_pop_kv_invalidations_total"), 1);
  EXPECT_EQ(read("a").value().value(), "2");
}

TEST_F(KvTest, CopiesAreToldOfWhatPeopleWrite) {
  const auto ams = start_pop("AMS");
  deploy(kGetAndPut);
  for (const char* value : {"1", "2", "3"}) {
    ASSERT_TRUE(write("a", value).ok());
    EXPECT_TRUE(test::wait_until([&] { return ask(*ams, "/?key=a") == value; })) << value;
  }
  EXPECT_EQ(ams->metric("isopop_pop_kv_invalidations_total"), 2) << "of the copies of 1 and 2";
  const double misses = ams->metric("isopop_pop_kv_misses_total");
  EXPECT_EQ(ask(*ams, "/?key=a"), "3");
  EXPECT_EQ(ams->metric("isopop_pop_kv_misses_total"), misses) << "from the copy";
}

TEST_F(KvTest, ManyReadersOfAFreshKeyAreOneQuestion) {
  const auto ams = start_pop("AMS");
  deploy(kGetAndPut, "warm");
  ASSERT_TRUE(write("hot", "1").ok());
  constexpr int kReaders = 30;
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> readers;
    readers.reserve(kReaders);
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([&] {
        if (ask(*ams, "/?key=hot") == "1") ++right;
      });
    }
  }
  EXPECT_EQ(right, kReaders);
  EXPECT_EQ(ams->metric("isopop_pop_kv_misses_total"), 1);
  EXPECT_EQ(ams->metric("isopop_pop_kv_hits_total") + ams->metric("isopop_pop_kv_joined_total"),
            kReaders - 1);
}

TEST_F(KvTest, TheLaterStampWins) {
  const std::uint64_t now = write("clock", "").value();
  EXPECT_EQ(write("a", "new", now + 10, "AMS").value(), now + 10);
  EXPECT_EQ(write("a", "old", now + 9, "FRA").value(), now + 10);
  EXPECT_EQ(write("a", "of a lesser name", now + 10, "AAA").value(), now + 10);
  EXPECT_EQ(read("a").value().value(), "new");
  EXPECT_EQ(write("a", "of a greater name", now + 10, "LHR").value(), now + 10);
  EXPECT_EQ(read("a").value().value(), "of a greater name");
}

TEST_F(KvTest, AClockThatIsWrongByAnHourWinsNothingForEver) {
  const std::uint64_t now = write("clock", "").value();
  const std::uint64_t hour = HybridClock::stamp_of(3'600'000);
  const std::uint64_t given = write("a", "from the future", now + hour, "AMS").value();
  EXPECT_LT(given, now + HybridClock::stamp_of(60'000));
  EXPECT_GT(write("a", "from the past", now - hour, "FRA").value(), given);
  EXPECT_EQ(read("a").value().value(), "from the past");
  EXPECT_GT(write("a", "by people").value(), given);
  EXPECT_EQ(read("a").value().value(), "by people");
}

TEST_F(KvTest, WhileTheControlPlaneIsAwayCopiesAreReadAndWritesFailClearly) {
  const auto ams = start_pop("AMS");
  deploy(
      "const key = url.searchParams.get('key');\n"
      "try {\n"
      "  if (request.method === 'PUT') await env.KV.put(key, 'x');\n"
      "  return new Response(await env.KV.get(key));\n"
      "} catch (error) { return new Response(String(error), { status: 500 }); }");
  ASSERT_TRUE(write("a", "1").ok());
  EXPECT_EQ(ask(*ams, "/?key=a"), "1");
  control_.stop(SIGKILL);
  EXPECT_EQ(ask(*ams, "/?key=a"), "1");
  EXPECT_THAT(ask(*ams, "/?key=b", "PUT", "x"), HasSubstr("Error: KV PUT failed: 503"));
  EXPECT_THAT(ask(*ams, "/?key=never-read"), HasSubstr("Error: KV GET failed: 503"));
  // A write that failed may have been done: its copy is not believed any more.
  EXPECT_THAT(ask(*ams, "/?key=a", "PUT", "x"), HasSubstr("503"));
  EXPECT_THAT(ask(*ams, "/?key=a"), HasSubstr("503"));
}

TEST_F(KvTest, EveryAnsweredWriteSurvivesAKill) {
  constexpr int kWriters = 8;
  std::mutex mutex;
  std::map<std::string, std::string> answered;
  std::vector<std::jthread> writers;
  writers.reserve(kWriters);
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0;; ++i) {
        const std::string key = std::to_string(writer) + "/" + std::to_string(i % 50);
        const std::string value = std::to_string(i);
        if (!write(key, value).ok()) return;
        const std::lock_guard lock(mutex);
        answered[key] = value;
      }
    });
  }
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return answered.size();
  };
  ASSERT_TRUE(test::wait_until([&] { return count() >= 100; }));
  control_.stop(SIGKILL);
  writers.clear();
  control_.start();
  connect();
  for (const auto& [key, value] : answered) {
    const Result<v1::KvReadResponse> found = read(key);
    ASSERT_TRUE(found.ok()) << found.error().message;
    // One more may have been written and not answered.
    const long long kept = parse_integer(found.value().value()).value_or(-1);
    const long long last = parse_integer(value).value();
    EXPECT_TRUE(kept == last || kept == last + 50)
        << key << ": " << value << " was answered, " << kept << " is there";
  }
}

TEST_F(KvTest, APoPThatComesBackDoubtsWhatItHas) {
  const auto ams = start_pop("AMS");
  deploy(kGetAndPut);
  ASSERT_TRUE(write("a", "1").ok());
  EXPECT_EQ(ask(*ams, "/?key=a"), "1");
  const std::string endpoint = control_.endpoint();
  control_.stop(SIGKILL);
  control_.start({"--listen", endpoint});
  connect();
  ASSERT_TRUE(write("a", "2").ok());
  EXPECT_TRUE(test::wait_until([&] { return ask(*ams, "/?key=a") == "2"; })) << ams->log();
}

TEST_F(KvTest, ANamespaceThatAWorkerIsBoundToIsNotDeletedByAccident) {
  const auto ams = start_pop("AMS");
  deploy(kGetAndPut);
  v1::KvNamespaceRequest request;
  request.set_name("shop");
  v1::KvDeleteNamespaceResponse response;
  grpc::ClientContext first;
  const grpc::Status refused = stub().DeleteNamespace(&first, request, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("is bound to kv"));
  request.set_force(true);
  grpc::ClientContext second;
  EXPECT_TRUE(stub().DeleteNamespace(&second, request, &response).ok());
}

TEST_F(KvTest, AWorkerIsNotDeployedWithoutItsNamespace) {
  static_cast<void>(control_.write("lost-code/worker.yaml", "kv: { KV: nowhere }\n"));
  const auto outcome = control_.deploy("lost", "export default { fetch() {} }");
  EXPECT_EQ(outcome.status.code, 3) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr("popctl kv namespace create nowhere"));
}

}  // namespace
}  // namespace isopop
