// What a PoP makes of assignments: several versions at a time, signed ones, ones on trial; and what
// it tells of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "common/pki/signing.h"
#include "pop_node/worker/live_assignment.h"
#include "pop_node/worker/version_signature.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/wait.h"
#include "tests/unit/pop_node/test_versions.h"

namespace isopop::pop {
namespace {

using test::wait_until;

const PopProcessOptions kScripted{.executor = scripted_executor(), .arguments = {}};

class PopAssignmentTest : public ::testing::Test {
 protected:
  PopAssignmentTest() { EXPECT_TRUE(control_->wait_connected()) << pop_.log(); }

  RawResponse ask(const std::string& headers = "", const std::string& host = "site.example") {
    const Result<RawResponse> response = request(pop_.address(), host, "/", "GET", "", headers);
    EXPECT_TRUE(response.ok()) << response.error().message << pop_.log();
    return response.ok() ? response.value() : RawResponse{};
  }
  // The bodies of so many requests, each from another client.
  std::set<std::string> bodies(int requests) {
    std::set<std::string> found;
    for (int i = 0; i < requests; ++i) {
      found.insert(ask("x-forwarded-for: 192.0.2." + std::to_string(i) + "\r\n").body);
    }
    return found;
  }
  TestControlPlane::Answer deploy(const v1::Assignment& assignment) {
    const auto answer = control_->deploy(assignment, {one_, two_});
    EXPECT_TRUE(answer.ok()) << answer.error().message << pop_.log();
    return answer.ok() ? answer.value() : TestControlPlane::Answer{};
  }

  const TestWorker one_ = make_worker("site", 1, "tell one");
  const TestWorker two_ = make_worker("site", 2, "tell two");
  const v1::Assignment half_ = split(one_.version, 5'000, two_.version);
  std::unique_ptr<TestControlPlane> control_ = std::make_unique<TestControlPlane>();
  PopProcess pop_{control_->address(), kScripted};
};

TEST_F(PopAssignmentTest, RequestsAreDividedAndSayWhichVersionAnswered) {
  ASSERT_TRUE(deploy(half_).acked);
  const std::set<std::string> both = {"one", "two"};
  EXPECT_EQ(bodies(64), both);
  const RawResponse answer = ask();
  EXPECT_EQ(answer.headers.at("isopop-version"), answer.body == "one" ? "1" : "2");
}

TEST_F(PopAssignmentTest, AClientKeepsItsVersionAlsoAfterARestart) {
  v1::Assignment sticky = half_;
  sticky.mutable_stickiness()->set_client(true);
  ASSERT_TRUE(deploy(sticky).acked);
  const auto answer_of = [&](int client) {
    return ask("x-forwarded-for: 198.51.100." + std::to_string(client) + "\r\n").body;
  };
  for (int client = 0; client < 20; ++client) {
    const bool first = share_point("site", "198.51.100." + std::to_string(client)) < 5'000;
    EXPECT_EQ(answer_of(client), first ? "one" : "two") << client;
    EXPECT_EQ(answer_of(client), first ? "one" : "two") << client;
  }
  control_.reset();
  ASSERT_TRUE(pop_.stop(SIGKILL).has_value());
  pop_.start();
  for (int client = 0; client < 20; ++client) {
    const bool first = share_point("site", "198.51.100." + std::to_string(client)) < 5'000;
    EXPECT_EQ(answer_of(client), first ? "one" : "two") << client << pop_.log();
  }
}

TEST_F(PopAssignmentTest, AHeadersValueDecidesWhereItIsAskedFor) {
  v1::Assignment sticky = half_;
  sticky.mutable_stickiness()->set_header("x-user");
  ASSERT_TRUE(deploy(sticky).acked);
  for (const std::string user : {"ada", "grace", "edsger", "barbara"}) {
    const bool first = share_point("site", user) < 5'000;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(ask("x-user: " + user + "\r\n").body, first ? "one" : "two") << user;
    }
  }
}

TEST_F(PopAssignmentTest, SecretsAreVariablesAndInNoLogAndNoFile) {
  TestWorker worker = make_worker("site", 1, "variable KEY");
  v1::Variable& variable = *worker.version.mutable_settings()->add_variables();
  variable.set_name("KEY");
  variable.set_text("not this one");
  v1::Assignment assignment = assign(worker.version);
  assignment.add_secrets()->set_name("KEY");
  assignment.mutable_secrets(0)->set_value("a-very-secret-value");
  ASSERT_TRUE(control_->deploy(assignment, {worker}).value().acked);
  EXPECT_EQ(ask().body, "a-very-secret-value");
  EXPECT_EQ(pop_.log().find("a-very-secret-value"), std::string::npos);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(pop_.state())) {
    if (!entry.is_regular_file()) continue;
    const std::string content = read_file(entry.path()).value();
    EXPECT_EQ(content.find("a-very-secret-value"), std::string::npos) << entry.path();
  }
}

TEST_F(PopAssignmentTest, AVersionOnTrialThatDoesNotStartIsRejectedWithItsFault) {
  ASSERT_TRUE(deploy(assign(one_.version)).acked);
  const TestWorker bad = make_worker("site", 3, "fault");
  v1::Assignment trial = split(one_.version, 9'000, bad.version);
  trial.set_trial(true);
  const auto answer = control_->deploy(trial, {bad}).value();
  EXPECT_FALSE(answer.acked);
  EXPECT_EQ(answer.kept_number, 1U);
  EXPECT_NE(answer.error.find("version 3"), std::string::npos) << answer.error;
  EXPECT_NE(answer.error.find("the top level threw"), std::string::npos) << answer.error;
  EXPECT_EQ(bodies(20), std::set<std::string>({"one"}));
}

TEST_F(PopAssignmentTest, AVersionOnTrialThatCrashesItsExecutorIsRejected) {
  ASSERT_TRUE(deploy(assign(one_.version)).acked);
  const TestWorker bad = make_worker("site", 3, "stillborn");
  v1::Assignment trial = assign(bad.version);
  trial.set_trial(true);
  const auto answer = control_->deploy(trial, {bad}).value();
  EXPECT_FALSE(answer.acked);
  EXPECT_NE(answer.error.find("ended before it was ready"), std::string::npos) << answer.error;
  EXPECT_EQ(ask().body, "one");
}

TEST_F(PopAssignmentTest, TheExecutorOfATrialServesTheFirstRequest) {
  v1::Assignment trial = assign(one_.version);
  trial.set_trial(true);
  ASSERT_TRUE(deploy(trial).acked);
  EXPECT_EQ(pop_.executors().size(), 1U);
  const RawResponse answer = ask();
  EXPECT_EQ(answer.body, "one");
  EXPECT_EQ(answer.headers.at("isopop-start"), "fresh");
}

TEST_F(PopAssignmentTest, TellsWhatTheRequestsOfEachVersionCameTo) {
  const TestWorker good = make_worker("good", 4, "print words");
  const TestWorker bad = make_worker("bad", 5, "crash");
  ASSERT_TRUE(control_->deploy(good).value().acked);
  ASSERT_TRUE(control_->deploy(bad).value().acked);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("", "good.example").status, 200U);
  EXPECT_EQ(ask("", "bad.example").status, 500U);
  const auto sum = [this](const std::string& worker, auto figure) {
    std::uint64_t all = 0;
    for (const v1::WorkerFigures& one : control_->figures()) {
      if (one.worker() == worker) all += figure(one);
    }
    return all;
  };
  using Figures = const v1::WorkerFigures&;
  EXPECT_TRUE(wait_until([&] {
    return sum("good", [](Figures one) { return one.cpu_us(); }) == 3 * 1'234 &&
           sum("bad", [](Figures one) { return one.crashes(); }) == 1;
  }));
  EXPECT_EQ(sum("good", [](Figures one) { return one.requests(); }), 3U);
  EXPECT_EQ(sum("good", [](Figures one) { return one.errors(); }), 0U);
  EXPECT_EQ(sum("good", [](Figures one) { return one.cold_starts(); }), 1U);
  EXPECT_EQ(sum("bad", [](Figures one) { return one.errors(); }), 1U);
  EXPECT_EQ(sum("good",
                [](Figures one) {
                  std::uint64_t count = 0;
                  for (const v1::LatencyBucket& bucket : one.latency()) count += bucket.count();
                  return count;
                }),
            3U);
  for (const v1::WorkerFigures& one : control_->figures()) {
    EXPECT_EQ(one.number(), one.worker() == "good" ? 4U : 5U);
  }
  EXPECT_GT(control_->heartbeat().wall_ms(), 0);
  EXPECT_GT(control_->heartbeat().memory_bytes(), 1'000'000U);
  EXPECT_EQ(control_->heartbeat().problems_size(), 0);
}

TEST_F(PopAssignmentTest, ABundleThatBrokeOffIsResumed) {
  const TestWorker big = make_worker("big", 1, "hello " + std::string(700'000, 'x'));
  control_->cut_bundle_after(500'000);
  control_->set_live(big);
  v1::ControlMessage push;
  push.mutable_push()->set_nonce(1);
  push.mutable_push()->set_sequence(1);
  *push.mutable_push()->mutable_live() = assign(big.version);
  ASSERT_TRUE(control_->send(push));
  ASSERT_TRUE(wait_until([&] { return control_->bundle_requests().size() >= 2; })) << pop_.log();
  EXPECT_EQ(control_->bundle_requests()[0].offset(), 0U);
  EXPECT_EQ(control_->bundle_requests()[1].offset(), 2U * 256 * 1024);
  EXPECT_TRUE(wait_until([&] { return ask("", "big.example").body == "hello 1"; })) << pop_.log();
}

TEST_F(PopAssignmentTest, WhatWasDamagedInItsStoreComesAgain) {
  ASSERT_TRUE(deploy(half_).acked);
  const std::string address = control_->address();
  control_.reset();
  ASSERT_TRUE(pop_.stop(SIGKILL).has_value());
  std::ofstream(pop_.state() / "pops" / "AMS" / "workers" / "site") << "half of an assi";
  pop_.start();
  EXPECT_EQ(ask().status, 404U);
  control_ = std::make_unique<TestControlPlane>(address);
  control_->set_live(one_);
  ASSERT_TRUE(control_->wait_connected()) << pop_.log();
  EXPECT_EQ(control_->hello().held_size(), 0);
  EXPECT_TRUE(wait_until([&] { return ask().body == "one"; })) << pop_.log();
}

TEST_F(PopAssignmentTest, TellsWhatItHoldsWhenItComesBackAndGetsNothingTwice) {
  v1::Assignment assignment = half_;
  assignment.set_deployment(12);
  assignment.set_digest("0123abcd");
  ASSERT_TRUE(deploy(assignment).acked);
  const std::string address = control_->address();
  control_.reset();
  control_ = std::make_unique<TestControlPlane>(address);
  ASSERT_TRUE(control_->wait_connected()) << pop_.log();
  const v1::Hello hello = control_->hello();
  ASSERT_EQ(hello.held_size(), 1);
  EXPECT_EQ(hello.held(0).worker(), "site");
  EXPECT_EQ(hello.held(0).deployment(), 12U);
  EXPECT_EQ(hello.held(0).digest(), "0123abcd");
  EXPECT_EQ(hello.held_bundles_size(), 2);
}

TEST_F(PopAssignmentTest, ARehearsedOutageCutsItOffUntilItIsOver) {
  ASSERT_TRUE(deploy(assign(one_.version)).acked);
  RawClient kept(pop_.address());
  ASSERT_TRUE(kept.send("GET / HTTP/1.1\r\nhost: site.example\r\n\r\n"));
  ASSERT_TRUE(kept.read_response().ok());
  v1::ControlMessage outage;
  outage.mutable_outage()->set_failed(true);
  ASSERT_TRUE(control_->send(outage));
  EXPECT_TRUE(wait_until([&] { return !request(pop_.address(), "site.example").ok(); }));
  kept.send("GET / HTTP/1.1\r\nhost: site.example\r\n\r\n");
  EXPECT_FALSE(kept.read_response().ok());
  outage.mutable_outage()->set_failed(false);
  ASSERT_TRUE(control_->send(outage));
  EXPECT_TRUE(wait_until([&] {
    const Result<RawResponse> answer = request(pop_.address(), "site.example");
    return answer.ok() && answer.value().body == "one";
  })) << pop_.log();
}

class PopTailTest : public PopAssignmentTest {
 protected:
  void start(const v1::TailFilter& filter = {}) {
    v1::ControlMessage message;
    message.mutable_tail_start()->set_id(7);
    message.mutable_tail_start()->set_worker("site");
    *message.mutable_tail_start()->mutable_filter() = filter;
    ASSERT_TRUE(control_->send(message));
  }
  // Pushed behind the tail's start: when it is answered, the tail is on.
  void deploy_one(const std::string& source) {
    ASSERT_TRUE(control_->deploy(make_worker("site", ++number_, source)).value().acked);
  }
  std::vector<v1::TailEvent> events(std::size_t at_least) {
    std::vector<v1::TailEvent> all;
    EXPECT_TRUE(wait_until([&] {
      all.clear();
      for (const v1::TailEvents& batch : control_->tail_events()) {
        EXPECT_EQ(batch.id(), 7U);
        all.insert(all.end(), batch.events().begin(), batch.events().end());
      }
      return all.size() >= at_least;
    })) << pop_.log();
    return all;
  }

  std::uint64_t number_ = 0;
};

TEST_F(PopTailTest, TellsOfARequestWithAllThatItPrinted) {
  start();
  deploy_one("print words");
  const RawResponse answer =
      ask("isopop-client-location: 48.86,2.35\r\nisopop-client-country: FR\r\n");
  const v1::TailEvent event = events(1).at(0);
  EXPECT_EQ(event.pop(), "AMS");
  EXPECT_EQ(event.number(), 1U);
  EXPECT_EQ(event.ray(), answer.headers.at("isopop-ray"));
  EXPECT_EQ(event.method(), "GET");
  EXPECT_EQ(event.url(), "http://site.example/");
  EXPECT_EQ(event.status(), 200U);
  EXPECT_EQ(event.outcome(), "ok");
  EXPECT_EQ(event.cpu_us(), 1'234U);
  EXPECT_EQ(event.country(), "FR");
  ASSERT_EQ(event.logs_size(), 2);
  EXPECT_EQ(event.logs(0).level(), "warn");
  EXPECT_EQ(event.logs(0).text(), "words");
  EXPECT_EQ(event.logs(1).text(), "late");
}

TEST_F(PopTailTest, NamesWhatWentWrong) {
  start();
  deploy_one("throw oh-no");
  ask();
  EXPECT_EQ(events(1).at(0).outcome(), "exception");
  EXPECT_EQ(events(1).at(0).exception(), "oh-no");
  EXPECT_EQ(events(1).at(0).status(), 500U);
  deploy_one("limit");
  ask();
  EXPECT_EQ(events(2).at(1).outcome(), "exceededCpu");
  deploy_one("crash");
  ask();
  EXPECT_EQ(events(3).at(2).outcome(), "crashed");
  deploy_one("hold " + (pop_.state() / "never").string());
  {
    RawClient gone(pop_.address());
    ASSERT_TRUE(gone.send("GET / HTTP/1.1\r\nhost: site.example\r\n\r\n"));
    ASSERT_TRUE(wait_until([&] { return pop_.metric("isopop_pop_requests_running") == 1; }));
  }
  EXPECT_EQ(events(4).at(3).outcome(), "canceled");
  EXPECT_EQ(events(4).at(3).status(), 0U);
}

TEST_F(PopTailTest, EndsWhenItIsStoppedAndIsFilteredHere) {
  v1::TailFilter filter;
  filter.add_methods("POST");
  start(filter);
  deploy_one("tell x");
  ask();
  ASSERT_TRUE(request(pop_.address(), "site.example", "/", "POST").ok());
  EXPECT_EQ(events(1).at(0).method(), "POST");
  v1::ControlMessage stop;
  stop.mutable_tail_stop()->set_id(7);
  ASSERT_TRUE(control_->send(stop));
  deploy_one("tell y");  // answered behind the stop
  ASSERT_TRUE(request(pop_.address(), "site.example", "/", "POST").ok());
  const std::uint64_t beats = control_->heartbeats();
  ASSERT_TRUE(wait_until([&] { return control_->heartbeats() >= beats + 2; }));
  EXPECT_EQ(events(1).size(), 1U);
}

TEST(PopBundleKeyTest, OnlyWhatTheKeysOwnerSignedIsRun) {
  TestControlPlane control;
  const TempFolder folder = TempFolder::create("bundle_key").value();
  const pki::SigningKey key = pki::SigningKey::generate().value();
  const std::filesystem::path file = folder.path() / "bundle.pub";
  ASSERT_TRUE(write_file_atomically(file, key.public_pem()).ok());
  PopProcessOptions options = kScripted;
  options.arguments = {"--bundle-key", file.string()};
  const PopProcess pop(control.address(), options);
  ASSERT_TRUE(control.wait_connected()) << pop.log();
  TestWorker worker = make_worker("site", 1, "tell one");
  worker.version.set_signature(key.sign(signed_bytes(worker.version)));
  ASSERT_TRUE(control.deploy(worker).value().acked);
  const auto answer = control.deploy(make_worker("site", 2, "tell two")).value();
  EXPECT_FALSE(answer.acked);
  EXPECT_NE(answer.error.find("not signed"), std::string::npos) << answer.error;
  EXPECT_EQ(answer.kept_number, 1U);
  EXPECT_EQ(control.bundles_sent(), 1U);  // nothing was fetched in vain
  EXPECT_EQ(request(pop.address(), "site.example").value().body, "one");
}

TEST(PopProtocolTest, AnOldControlPlaneIsRefusedInWords) {
  TestControlPlane control;
  control.speak_protocol(1);
  const PopProcess pop(control.address(), kScripted);
  EXPECT_TRUE(wait_until([&] {
    return pop.log().find("speaks distribution protocol 1, this PoP 2; update") !=
           std::string::npos;
  })) << pop.log();
  EXPECT_EQ(control.streams(), 1U);
}

TEST(PopRoundTripTest, WithALongLineAllIsAsWithoutOnlyLater) {
  TestControlPlane control;
  PopProcessOptions options = kScripted;
  options.arguments = {"--control-rtt", "200 ms"};
  const PopProcess pop(control.address(), options);
  ASSERT_TRUE(control.wait_connected());
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(control.deploy(make_worker("site", 1, "tell one")).value().acked);
  // Push, question for the code, the code, Ack: there and back twice.
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(400));
  EXPECT_EQ(request(pop.address(), "site.example").value().body, "one");
}

}  // namespace
}  // namespace isopop::pop
