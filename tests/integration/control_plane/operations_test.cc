#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/rpc/rpc.h"
#include "control_plane/http/invoke_client.h"
#include "isopop/v1/operations.grpc.pb.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/control_plane/scripted_pop.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::wait_until;
using testing::HasSubstr;

constexpr const char* kHello = "export default { fetch() { return new Response('hello'); } };";

v1::PopMessage figures(const std::string& worker, std::uint64_t requests) {
  v1::PopMessage message;
  v1::WorkerFigures& line = *message.mutable_heartbeat()->add_figures();
  line.set_worker(worker);
  line.set_number(1);
  line.set_requests(requests);
  line.set_errors(requests / 2);
  v1::LatencyBucket& bucket = *line.add_latency();
  bucket.set_index(40);
  bucket.set_count(requests);
  return message;
}

class OperationsTest : public testing::Test {
 protected:
  void SetUp() override {
    control_.start();
    connect();
  }
  void connect() { operations_ = v1::Operations::NewStub(rpc::connect(control_.endpoint())); }

  grpc::Status set_service(const std::vector<std::string>& ids, v1::PopService service) {
    grpc::ClientContext context;
    v1::SetPopServiceRequest request;
    for (const std::string& id : ids) request.add_ids(id);
    request.set_service(service);
    v1::SetPopServiceResponse response;
    return operations_->SetPopService(&context, request, &response);
  }
  v1::Pop pop(const std::string& id) {
    grpc::ClientContext context;
    v1::GetPopRequest request;
    request.set_id(id);
    v1::Pop response;
    static_cast<void>(operations_->GetPop(&context, request, &response));
    return response;
  }
  bool is_connected(const std::string& id) {
    return wait_until([&] { return pop(id).state() == v1::POP_STATE_READY; });
  }
  // The page at a path of the control plane's HTTP side.
  std::string http(const std::string& path) const {
    const std::string log = control_.log();
    const std::size_t end = log.find(" (HTTP)");
    const std::size_t begin = log.rfind(' ', end - 1) + 1;
    http::RequestHead head;
    head.target = path;
    head.headers.add("host", "control");
    const Result<http::Response> answer =
        invoke(log.substr(begin, end - begin), head, {}, std::chrono::seconds(5));
    return answer.ok() ? answer.value().body : answer.error().message;
  }

  ControlProcess control_;
  std::unique_ptr<v1::Operations::Stub> operations_;
};

// How often `is` holds of what the PoP heard.
template <typename Is>
std::ptrdiff_t count(const ScriptedPop& pop, Is is) {
  const std::vector<v1::ControlMessage> heard = pop.heard();
  return std::count_if(heard.begin(), heard.end(), is);
}

bool is_start(const v1::ControlMessage& message) {
  return message.has_tail_start();
}
bool is_stop(const v1::ControlMessage& message) {
  return message.has_tail_stop();
}

TEST_F(OperationsTest, ATailAsksThePopsItNamesAndStopsThemAtItsEnd) {
  ASSERT_TRUE(control_.deploy("hello", kHello).success());
  ScriptedPop ams(control_.endpoint(), "AMS", "eu");
  const ScriptedPop ewr(control_.endpoint(), "EWR", "us");
  ASSERT_TRUE(is_connected("AMS"));
  ASSERT_TRUE(is_connected("EWR"));
  grpc::ClientContext context;
  v1::TailRequest request;
  request.set_worker("hello");
  request.mutable_filter()->set_region("eu");
  const auto reader = operations_->Tail(&context, request);
  v1::TailBatch batch;
  ASSERT_TRUE(reader->Read(&batch)) << "how many are asked, at once";
  EXPECT_EQ(batch.pops(), 1U);
  ASSERT_TRUE(wait_until([&] { return count(ams, is_start) == 1; }));
  ScriptedPop fra(control_.endpoint(), "FRA", "eu");
  ASSERT_TRUE(wait_until([&] { return count(fra, is_start) == 1; })) << "one that came later";
  EXPECT_EQ(count(ewr, is_start), 0);

  v1::PopMessage events;
  const std::vector<v1::ControlMessage> heard = ams.heard();
  events.mutable_tail_events()->set_id(
      std::find_if(heard.begin(), heard.end(), is_start)->tail_start().id());
  events.mutable_tail_events()->set_dropped(3);
  events.mutable_tail_events()->add_events()->set_url("https://hello.test/");
  ams.say(events);
  do {
    ASSERT_TRUE(reader->Read(&batch));
  } while (batch.events().empty());
  EXPECT_EQ(batch.events(0).pop(), "AMS");
  EXPECT_EQ(batch.events(0).url(), "https://hello.test/");
  EXPECT_EQ(batch.dropped_at_pops(), 3U);
  EXPECT_EQ(batch.pops(), 2U);

  context.TryCancel();
  EXPECT_TRUE(wait_until([&] { return count(ams, is_stop) == 1 && count(fra, is_stop) == 1; }));
}

TEST_F(OperationsTest, MetricsTellOfRollouts) {
  const ScriptedPop ams(control_.endpoint(), "AMS", "eu");
  ASSERT_TRUE(is_connected("AMS"));
  const auto says = [this](const std::string& line) {
    return wait_until([&] { return http("/metrics").find(line + "\n") != std::string::npos; });
  };
  EXPECT_TRUE(says("isopop_control_rollouts_aborted_total 0"));
  ASSERT_TRUE(control_.deploy("hello", kHello).success());
  const std::string second = std::string(kHello) + "\n";
  const auto deployed = control_.deploy("hello", second, {"--wave", "canary=AMS", "--bake", "1h"});
  ASSERT_TRUE(deployed.success()) << deployed.describe();
  EXPECT_TRUE(says("isopop_control_rollouts{state=\"rolling_out\"} 1"));
  ASSERT_TRUE(control_.popctl({"rollout", "pause", "hello", "-m", "lunch"}).success());
  EXPECT_TRUE(says("isopop_control_rollouts{state=\"paused\"} 1"));
  EXPECT_TRUE(says("isopop_control_rollouts{state=\"rolling_out\"} 0"));
  ASSERT_TRUE(control_.popctl({"rollout", "abort", "hello", "-m", "no"}).success());
  EXPECT_TRUE(says("isopop_control_rollouts_aborted_total 1"));
  EXPECT_TRUE(says("isopop_control_rollouts{state=\"paused\"} 0"));
}

TEST_F(OperationsTest, ATailOfNoWorkerOrNoSenseEndsAtOnce) {
  v1::TailRequest request;
  request.set_worker("missing");
  v1::TailBatch batch;
  {
    grpc::ClientContext context;
    const auto reader = operations_->Tail(&context, request);
    EXPECT_FALSE(reader->Read(&batch));
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  }
  ASSERT_TRUE(control_.deploy("hello", kHello).success());
  request.set_worker("hello");
  request.mutable_filter()->add_statuses(999);
  grpc::ClientContext context;
  const auto reader = operations_->Tail(&context, request);
  EXPECT_FALSE(reader->Read(&batch));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(OperationsTest, OnlySoManyTailsAreOpenAtOnce) {
  ASSERT_TRUE(control_.deploy("hello", kHello).success());
  v1::TailRequest request;
  request.set_worker("hello");
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::TailBatch>>> readers;
  v1::TailBatch batch;
  for (int i = 0; i < 32; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(operations_->Tail(contexts.back().get(), request));
    ASSERT_TRUE(readers.back()->Read(&batch));
  }
  grpc::ClientContext context;
  const auto one_more = operations_->Tail(&context, request);
  EXPECT_FALSE(one_more->Read(&batch));
  EXPECT_EQ(one_more->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (const auto& open : contexts) open->TryCancel();
}

TEST_F(OperationsTest, FiguresAreOfTheIntervalThatEnded) {
  ScriptedPop ams(control_.endpoint(), "AMS", "eu");
  ASSERT_TRUE(is_connected("AMS"));
  grpc::ClientContext context;
  v1::WatchFiguresRequest request;
  request.set_interval_ms(500);
  const auto reader = operations_->WatchFigures(&context, request);
  v1::Figures seen;
  ASSERT_TRUE(reader->Read(&seen)) << "one message at once";
  EXPECT_EQ(seen.workers_size(), 0);
  ams.say(figures("shop", 40));
  do {
    ASSERT_TRUE(reader->Read(&seen));
  } while (seen.workers().empty());
  EXPECT_EQ(seen.workers(0).worker(), "shop");
  EXPECT_GT(seen.workers(0).requests_per_s(), 0);
  EXPECT_DOUBLE_EQ(seen.workers(0).error_ratio(), 0.5);
  EXPECT_GT(seen.workers(0).p99_ms(), 0);
  EXPECT_EQ(seen.pops(0).pop(), "AMS");
  context.TryCancel();
}

TEST_F(OperationsTest, TheMetricsPageHasAllPopsRequests) {
  ScriptedPop ams(control_.endpoint(), "AMS", "eu");
  ASSERT_TRUE(is_connected("AMS"));
  ams.say(figures("shop", 40));
  EXPECT_TRUE(wait_until([&] {
    return http("/metrics").find("isopop_worker_requests_total{worker=\"shop\"} 40") !=
           std::string::npos;
  })) << http("/metrics");
  const std::string page = http("/metrics");
  EXPECT_THAT(page, HasSubstr("isopop_pop_errors_total{pop=\"AMS\"} 20"));
  EXPECT_THAT(page, HasSubstr("isopop_control_relays 0"));
}

TEST_F(OperationsTest, WhatPeopleWantOfAPopOutlivesTheControlPlane) {
  const std::string address = control_.endpoint();
  {
    const ScriptedPop ams(address, "AMS", "eu");
    const ScriptedPop fra(address, "FRA", "eu");
    ASSERT_TRUE(is_connected("AMS"));
    ASSERT_TRUE(is_connected("FRA"));
    ASSERT_TRUE(set_service({"AMS"}, v1::POP_SERVICE_DRAINED).ok());
    ASSERT_TRUE(set_service({"FRA"}, v1::POP_SERVICE_FAILED).ok());
    EXPECT_TRUE(wait_until([&] {
      return count(fra, [](const v1::ControlMessage& it) { return it.outage().failed(); }) == 1;
    }));
    EXPECT_EQ(count(ams, [](const v1::ControlMessage& it) { return it.outage().failed(); }), 0);
  }
  control_.stop(SIGKILL);
  control_.start({"--listen", address});
  connect();
  const ScriptedPop ams(address, "AMS", "eu");
  const ScriptedPop fra(address, "FRA", "eu");
  ASSERT_TRUE(is_connected("AMS"));
  ASSERT_TRUE(is_connected("FRA"));
  EXPECT_EQ(pop("AMS").service(), v1::POP_SERVICE_DRAINED);
  EXPECT_EQ(pop("FRA").service(), v1::POP_SERVICE_FAILED);
  EXPECT_TRUE(wait_until([&] {
    return count(fra, [](const v1::ControlMessage& it) { return it.outage().failed(); }) == 1;
  })) << "it is told each time it comes";
  ASSERT_TRUE(set_service({"FRA"}, v1::POP_SERVICE_UNSPECIFIED).ok());
  EXPECT_TRUE(wait_until([&] {
    return count(fra, [](const v1::ControlMessage& it) {
             return it.has_outage() && !it.outage().failed();
           }) == 1;
  }));
}

TEST_F(OperationsTest, OnlyPopsThatThereAreCanBeDrained) {
  const ScriptedPop ams(control_.endpoint(), "AMS", "eu");
  ASSERT_TRUE(is_connected("AMS"));
  const grpc::Status refused = set_service({"AMS", "NOWHERE"}, v1::POP_SERVICE_DRAINED);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(refused.error_message(), HasSubstr("NOWHERE"));
  EXPECT_EQ(pop("AMS").service(), v1::POP_SERVICE_UNSPECIFIED) << "all of them or none";
  EXPECT_EQ(set_service({}, v1::POP_SERVICE_DRAINED).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(OperationsTest, ABackupIsTheDatabaseAndLeavesNothingBehind) {
  ASSERT_TRUE(control_.deploy("hello", kHello).success());
  grpc::ClientContext context;
  const auto reader = operations_->Backup(&context, {});
  std::string bytes;
  std::uint64_t total = 0;
  v1::BackupPiece piece;
  while (reader->Read(&piece)) {
    bytes += piece.data();
    total = piece.total_bytes();
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_EQ(bytes.size(), total);
  EXPECT_EQ(bytes.substr(0, 15), "SQLite format 3");
  EXPECT_NE(bytes.find("export default"), std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(control_.state())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("backup-")) << entry.path();
  }
}

}  // namespace
}  // namespace isopop::control::test
