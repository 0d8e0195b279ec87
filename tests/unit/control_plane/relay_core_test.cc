#include "control_plane/relay/relay_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/hash/hash.h"
#include "control_plane/distribution/distributor.h"

namespace isopop::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using ChannelId = RelayCore::ChannelId;
using namespace std::chrono_literals;

v1::PopMessage hello(const std::string& pop) {
  v1::PopMessage message;
  message.mutable_hello()->set_protocol_version(kProtocolVersion);
  message.mutable_hello()->mutable_identity()->set_id(pop);
  return message;
}

v1::PopMessage ack(std::uint64_t nonce) {
  v1::PopMessage message;
  message.mutable_ack()->set_nonce(nonce);
  return message;
}

v1::PopMessage bundle_request(const std::string& sha256, std::uint64_t offset = 0) {
  v1::PopMessage message;
  message.mutable_bundle_request()->set_sha256(sha256);
  message.mutable_bundle_request()->set_offset(offset);
  return message;
}

v1::ControlMessage welcome(std::uint64_t workers) {
  v1::ControlMessage message;
  message.mutable_welcome()->set_protocol_version(kProtocolVersion);
  message.mutable_welcome()->set_workers(workers);
  return message;
}

v1::ControlMessage push(std::uint64_t nonce, const std::string& worker, std::uint64_t number) {
  v1::ControlMessage message;
  message.mutable_push()->set_nonce(nonce);
  message.mutable_push()->set_sequence(nonce);
  v1::Assignment& live = *message.mutable_push()->mutable_live();
  live.set_worker(worker);
  live.set_deployment(number);
  live.set_digest("digest-" + std::to_string(number));
  live.add_shares()->mutable_version()->set_number(number);
  return message;
}

v1::ControlMessage chunk(const std::string& bytes, std::uint64_t offset, std::size_t size) {
  v1::ControlMessage message;
  v1::BundleChunk& piece = *message.mutable_bundle_chunk();
  piece.set_sha256(sha256_hex(bytes));
  piece.set_offset(offset);
  piece.set_total_bytes(bytes.size());
  piece.set_data(bytes.substr(offset, size));
  return message;
}

class RelayCoreTest : public testing::Test {
 protected:
  // The root accepts the relay.
  void connect_root() {
    core_.root_connected();
    const std::vector<v1::RelayUp::Frame> frames = up();
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames[0].channel(), 0U);
    EXPECT_EQ(frames[0].message().hello().identity().id(), "eu-1");
    EXPECT_EQ(frames[0].message().hello().protocol_version(), kProtocolVersion);
    from_root(0, welcome(0));
  }
  ChannelId open(const std::string& pop) {
    const ChannelId id = core_.open({.peer = "peer of " + pop, .pop = {}, .relay = {}});
    core_.receive(id, hello(pop));
    return id;
  }
  // A PoP that is complete, with nothing left for either side.
  ChannelId open_complete(const std::string& pop) {
    const ChannelId id = open(pop);
    up();
    from_root(id, welcome(0));
    EXPECT_THAT(down(id), SizeIs(1));
    return id;
  }
  void from_root(ChannelId id, const v1::ControlMessage& message) {
    v1::RelayDown batch;
    v1::RelayDown::Frame& frame = *batch.add_frames();
    frame.set_channel(id);
    *frame.mutable_message() = message;
    core_.receive_from_root(batch);
  }
  void close_from_root(ChannelId id) {
    v1::RelayDown batch;
    batch.add_frames()->set_channel(id);
    batch.mutable_frames(0)->set_closed(true);
    core_.receive_from_root(batch);
  }
  std::vector<v1::RelayUp::Frame> up() {
    std::vector<v1::RelayUp::Frame> frames;
    while (const std::optional<v1::RelayUp> message = core_.next_for_root()) {
      frames.insert(frames.end(), message->frames().begin(), message->frames().end());
    }
    return frames;
  }
  std::vector<v1::ControlMessage> down(ChannelId id) {
    std::vector<v1::ControlMessage> messages;
    while (const std::optional<v1::ControlMessage> message = core_.next_for_pop(id)) {
      messages.push_back(*message);
    }
    return messages;
  }
  void lose_root() {
    core_.root_lost();
    EXPECT_FALSE(core_.next_for_root());
  }

  ManualClock clock_;
  RelayCore core_{"eu-1", "1.0", clock_};
};

TEST_F(RelayCoreTest, EachPopIsAChannelWithItsOwnHelloAndPeer) {
  connect_root();
  const ChannelId ams = open("AMS");
  const ChannelId fra = open("FRA");
  const std::vector<v1::RelayUp::Frame> frames = up();
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].channel(), ams);
  EXPECT_EQ(frames[0].peer(), "peer of AMS");
  EXPECT_EQ(frames[0].message().hello().identity().id(), "AMS");
  EXPECT_EQ(frames[1].channel(), fra);
  from_root(ams, welcome(1));
  from_root(ams, push(1, "shop", 3));
  const std::vector<v1::ControlMessage> messages = down(ams);
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].welcome().workers(), 1U);
  EXPECT_EQ(messages[1].push().live().worker(), "shop");
  EXPECT_THAT(down(fra), IsEmpty());
  core_.receive(ams, ack(messages[1].push().nonce()));
  const std::vector<v1::RelayUp::Frame> answers = up();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].message().ack().nonce(), 1U);
  EXPECT_EQ(answers[0].peer(), "") << "said once";
}

TEST_F(RelayCoreTest, APopThatComesBeforeTheRootIsToldOfLater) {
  const ChannelId ams = open("AMS");
  EXPECT_FALSE(core_.next_for_root());
  EXPECT_THAT(down(ams), IsEmpty());
  connect_root();
  const std::vector<v1::RelayUp::Frame> frames = up();
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].message().hello().identity().id(), "AMS");
}

TEST_F(RelayCoreTest, SaysAnewWhatEachPopHoldsWhenTheRootIsBack) {
  connect_root();
  const ChannelId ams = open("AMS");
  up();
  from_root(ams, welcome(2));
  from_root(ams, push(1, "shop", 3));
  from_root(ams, push(2, "blog", 1));
  down(ams);
  core_.receive(ams, ack(1));
  v1::PopMessage nack;
  nack.mutable_nack()->set_nonce(2);
  core_.receive(ams, nack);
  up();
  lose_root();
  EXPECT_THAT(core_.take_effects().closed, IsEmpty()) << "it keeps its stream";
  connect_root();
  const std::vector<v1::RelayUp::Frame> frames = up();
  ASSERT_THAT(frames, SizeIs(1));
  ASSERT_EQ(frames[0].message().hello().held_size(), 1);
  EXPECT_EQ(frames[0].message().hello().held(0).worker(), "shop");
  EXPECT_EQ(frames[0].message().hello().held(0).digest(), "digest-3");
  // The PoP was welcomed once; what the root counts anew is not its affair.
  from_root(ams, welcome(1));
  from_root(ams, push(1, "blog", 2));
  const std::vector<v1::ControlMessage> messages = down(ams);
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_TRUE(messages[0].kv_invalidations().everything());
  EXPECT_EQ(messages[1].push().nonce(), 3U) << "the PoP's stream goes on counting";
  EXPECT_EQ(messages[1].push().sequence(), 3U);
  core_.receive(ams, ack(3));
  EXPECT_EQ(up().at(0).message().ack().nonce(), 1U) << "by the root's count";
}

TEST_F(RelayCoreTest, AnAnswerToWhatTheLostRootPushedIsKeptAndNotPassedOn) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  from_root(ams, push(1, "shop", 3));
  down(ams);
  lose_root();
  core_.receive(ams, ack(1));
  connect_root();
  const std::vector<v1::RelayUp::Frame> frames = up();
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].message().hello().held(0).number(), 3U);
}

TEST_F(RelayCoreTest, APopThatIsNotCompleteWhenTheRootIsLostComesAnew) {
  connect_root();
  const ChannelId ams = open("AMS");
  const ChannelId fra = open_complete("FRA");
  up();
  from_root(ams, welcome(2));
  from_root(ams, push(1, "shop", 3));
  down(ams);
  core_.receive(ams, ack(1));
  static_cast<void>(core_.take_effects());
  lose_root();
  EXPECT_THAT(core_.take_effects().closed, ElementsAre(ams));
  down(fra);
  EXPECT_THAT(down(fra), IsEmpty());
}

TEST_F(RelayCoreTest, FetchesABundleOnceForAllThatAsk) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  const ChannelId fra = open_complete("FRA");
  const std::string bytes(600'000, 'x');
  const std::string sha256 = sha256_hex(bytes);
  core_.receive(ams, bundle_request(sha256));
  core_.receive(fra, bundle_request(sha256, 500'000));
  EXPECT_THAT(core_.take_effects().bundles_wanted, ElementsAre(sha256)) << "on disk, first";
  EXPECT_THAT(up(), IsEmpty());
  core_.bundle_missing(sha256);
  const std::vector<v1::RelayUp::Frame> asked = up();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].channel(), ams);
  EXPECT_EQ(asked[0].message().bundle_request().sha256(), sha256);
  from_root(ams, chunk(bytes, 0, 262'144));
  from_root(ams, chunk(bytes, 262'144, 262'144));
  EXPECT_THAT(down(ams), IsEmpty()) << "nothing that was not checked";
  from_root(ams, chunk(bytes, 524'288, 262'144));
  EXPECT_EQ(core_.take_effects().bundles_fetched.count(sha256), 1U);
  std::string got;
  for (const v1::ControlMessage& message : down(ams)) got += message.bundle_chunk().data();
  EXPECT_EQ(got, bytes);
  const std::vector<v1::ControlMessage> rest = down(fra);
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0].bundle_chunk().offset(), 500'000U);
  // And from memory afterwards.
  core_.receive(fra, bundle_request(sha256));
  EXPECT_THAT(core_.take_effects().bundles_wanted, IsEmpty());
  EXPECT_THAT(down(fra), SizeIs(3));
  EXPECT_EQ(core_.totals().bundles_fetched, 1U);
}

TEST_F(RelayCoreTest, ABundleOnDiskIsNotAskedForAndNeedsNoRoot) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  lose_root();
  down(ams);
  const std::string bytes = "code";
  core_.receive(ams, bundle_request(sha256_hex(bytes)));
  core_.bundle_found(sha256_hex(bytes), std::make_shared<const std::string>(bytes));
  ASSERT_THAT(down(ams), SizeIs(1));
}

TEST_F(RelayCoreTest, AFetchGoesOnWhereItWasWithAnotherPopOrAnotherStream) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  const ChannelId fra = open_complete("FRA");
  const std::string bytes(300'000, 'y');
  const std::string sha256 = sha256_hex(bytes);
  for (const ChannelId id : {ams, fra}) core_.receive(id, bundle_request(sha256));
  core_.bundle_missing(sha256);
  up();
  from_root(ams, chunk(bytes, 0, 100'000));
  core_.disconnected(ams);
  const std::vector<v1::RelayUp::Frame> again = up();
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_TRUE(again[0].closed());
  EXPECT_EQ(again[1].channel(), fra);
  EXPECT_EQ(again[1].message().bundle_request().offset(), 100'000U);
  from_root(fra, chunk(bytes, 100'000, 100'000));
  lose_root();
  connect_root();
  const std::vector<v1::RelayUp::Frame> hello_only = up();
  ASSERT_THAT(hello_only, SizeIs(2));
  EXPECT_TRUE(hello_only[0].message().has_hello()) << "before all else";
  EXPECT_EQ(hello_only[1].message().bundle_request().offset(), 200'000U);
  from_root(fra, chunk(bytes, 200'000, 100'000));
  std::string got;
  for (const v1::ControlMessage& message : down(fra)) got += message.bundle_chunk().data();
  EXPECT_EQ(got, bytes);
}

TEST_F(RelayCoreTest, SpoiledBytesEndTheRootsStreamAndReachNobody) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  const std::string sha256 = sha256_hex("what it should be");
  core_.receive(ams, bundle_request(sha256));
  core_.bundle_missing(sha256);
  v1::ControlMessage spoiled = chunk("what it is not", 0, 100);
  spoiled.mutable_bundle_chunk()->set_sha256(sha256);
  from_root(ams, spoiled);
  const RelayCore::Effects effects = core_.take_effects();
  ASSERT_TRUE(effects.root_broke);
  EXPECT_THAT(effects.bundles_fetched, IsEmpty());
  EXPECT_THAT(down(ams), IsEmpty());
}

TEST_F(RelayCoreTest, AStuckPopHoldsUpNobodyAndIsLetGoInTheEnd) {
  connect_root();
  const ChannelId stuck = open_complete("AMS");
  const ChannelId other = open_complete("FRA");
  std::uint64_t nonce = 0;
  while (core_.take_effects().closed.empty() && nonce < 5'000) {
    ++nonce;
    from_root(stuck, push(nonce, "w" + std::to_string(nonce), 1));
  }
  EXPECT_LT(nonce, 5'000U) << "what waits is bounded";
  from_root(other, push(1, "shop", 1));
  EXPECT_THAT(down(other), SizeIs(1));
  const std::vector<v1::RelayUp::Frame> frames = up();
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].channel(), stuck);
  EXPECT_TRUE(frames[0].closed());
}

TEST_F(RelayCoreTest, HeartbeatsThatWaitAreAddedUp) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  for (std::uint64_t i = 1; i <= 3; ++i) {
    v1::PopMessage beat;
    beat.mutable_heartbeat()->set_requests(10 * i);
    v1::WorkerFigures& figures = *beat.mutable_heartbeat()->add_figures();
    figures.set_worker("shop");
    figures.set_requests(10);
    v1::LatencyBucket& bucket = *figures.add_latency();
    bucket.set_index(static_cast<std::uint32_t>(i % 2));
    bucket.set_count(10);
    core_.receive(ams, beat);
  }
  const std::vector<v1::RelayUp::Frame> frames = up();
  ASSERT_THAT(frames, SizeIs(1));
  const v1::Heartbeat& beat = frames[0].message().heartbeat();
  EXPECT_EQ(beat.requests(), 30U) << "a total";
  ASSERT_EQ(beat.figures_size(), 1);
  EXPECT_EQ(beat.figures(0).requests(), 30U) << "a sum";
  ASSERT_EQ(beat.figures(0).latency_size(), 2);
  EXPECT_EQ(beat.figures(0).latency(1).count(), 20U);
}

TEST_F(RelayCoreTest, ANewRootHearsWhatIsSaidOnlyOnce) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  v1::PopMessage beat;
  beat.mutable_heartbeat()->mutable_sandbox()->add_measures()->set_name("seccomp");
  core_.receive(ams, beat);
  beat.mutable_heartbeat()->clear_sandbox();
  beat.mutable_heartbeat()->set_executors(4);
  core_.receive(ams, beat);
  up();
  lose_root();
  connect_root();
  const std::vector<v1::RelayUp::Frame> frames = up();
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[1].message().heartbeat().executors(), 4U);
  EXPECT_EQ(frames[1].message().heartbeat().sandbox().measures(0).name(), "seccomp");
}

TEST_F(RelayCoreTest, TailsEndWithTheRootThatAskedForThem) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  v1::ControlMessage start;
  start.mutable_tail_start()->set_id(7);
  from_root(ams, start);
  EXPECT_THAT(down(ams), SizeIs(1));
  v1::PopMessage events;
  events.mutable_tail_events()->set_id(7);
  events.mutable_tail_events()->add_events()->set_url("https://shop.test/");
  core_.receive(ams, events);
  EXPECT_EQ(up().at(0).message().tail_events().events_size(), 1);
  lose_root();
  const std::vector<v1::ControlMessage> messages = down(ams);
  ASSERT_FALSE(messages.empty());
  EXPECT_TRUE(std::any_of(messages.begin(), messages.end(),
                          [](const v1::ControlMessage& it) { return it.tail_stop().id() == 7; }));
  connect_root();
  up();
  core_.receive(ams, events);
  EXPECT_THAT(up(), IsEmpty()) << "nobody asked for them any more";
}

TEST_F(RelayCoreTest, TailEventsThatTheRootDoesNotTakeAreCounted) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  v1::ControlMessage start;
  start.mutable_tail_start()->set_id(7);
  from_root(ams, start);
  v1::PopMessage events;
  events.mutable_tail_events()->set_id(7);
  events.mutable_tail_events()->add_events()->set_url(std::string(100'000, 'u'));
  for (int i = 0; i < 10; ++i) core_.receive(ams, events);
  std::uint64_t passed = 0;
  std::uint64_t dropped = 0;
  const auto count = [&] {
    for (const v1::RelayUp::Frame& frame : up()) {
      passed += static_cast<std::uint64_t>(frame.message().tail_events().events_size());
      dropped += frame.message().tail_events().dropped();
    }
  };
  count();
  EXPECT_LT(passed, 10U);
  core_.receive(ams, events);
  count();
  EXPECT_EQ(passed + dropped, 11U);
}

TEST_F(RelayCoreTest, TheRootsWordEndsAPopsStream) {
  connect_root();
  const ChannelId ams = open("AMS");
  up();
  v1::ControlMessage refusal;
  refusal.mutable_refusal()->set_reason("update isopop-pop");
  from_root(ams, refusal);
  EXPECT_THAT(core_.take_effects().closed, ElementsAre(ams));
  const std::vector<v1::ControlMessage> messages = down(ams);
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].refusal().reason(), "update isopop-pop");
  close_from_root(ams);
  core_.disconnected(ams);
  EXPECT_THAT(up(), IsEmpty()) << "the root knows";
}

TEST_F(RelayCoreTest, ClosesPopsThatAreSilentAndTellsTheRoot) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  const ChannelId mute = core_.open({.peer = "somebody", .pop = {}, .relay = {}});
  static_cast<void>(core_.take_effects());
  for (int i = 0; i < 14; ++i) {
    clock_.advance(250ms);
    core_.tick();
  }
  EXPECT_THAT(core_.take_effects().closed, ElementsAre(ams));
  EXPECT_TRUE(up().at(0).closed());
  for (int i = 0; i < 14; ++i) {
    clock_.advance(250ms);
    core_.tick();
  }
  EXPECT_THAT(core_.take_effects().closed, ElementsAre(mute));
}

TEST_F(RelayCoreTest, ItsOwnStandstillIsNotHeldAgainstPops) {
  connect_root();
  const ChannelId ams = open_complete("AMS");
  static_cast<void>(core_.take_effects());
  clock_.advance(1min);
  core_.tick();
  EXPECT_THAT(core_.take_effects().closed, IsEmpty());
  EXPECT_TRUE(core_.next_for_root() == std::nullopt);
  static_cast<void>(ams);
}

TEST_F(RelayCoreTest, APopThatIsNotWhatItsCertificateSaysGoesNoFurther) {
  connect_root();
  const ChannelId id = core_.open({.peer = "peer", .pop = "FRA", .relay = {}});
  core_.receive(id, hello("AMS"));
  EXPECT_THAT(core_.take_effects().closed, ElementsAre(id));
  EXPECT_THAT(up(), IsEmpty());
}

TEST_F(RelayCoreTest, ClosesPopsThatBreakTheContract) {
  connect_root();
  const ChannelId twice = open_complete("AMS");
  core_.receive(twice, hello("AMS"));
  const ChannelId unasked = open_complete("FRA");
  core_.receive(unasked, ack(99));
  const ChannelId early = core_.open({.peer = "peer", .pop = {}, .relay = {}});
  core_.receive(early, ack(1));
  const ChannelId greedy = open_complete("EWR");
  for (int i = 0; i < 200; ++i)
    core_.receive(greedy, bundle_request(sha256_hex(std::to_string(i))));
  EXPECT_THAT(core_.take_effects().closed, ElementsAre(twice, unasked, early, greedy));
}

TEST_F(RelayCoreTest, ARelayThatIsRefusedSaysWhyAndOpensNothing) {
  core_.root_connected();
  open("AMS");
  up();
  v1::ControlMessage refusal;
  refusal.mutable_refusal()->set_reason("update both");
  from_root(0, refusal);
  EXPECT_EQ(core_.take_effects().root_broke, "update both");
  EXPECT_FALSE(core_.is_connected());
  EXPECT_THAT(up(), IsEmpty());
}

TEST_F(RelayCoreTest, ManyPopsShareAMessageAndTakeTurns) {
  connect_root();
  for (int i = 0; i < 300; ++i) open("P" + std::to_string(i));
  const std::optional<v1::RelayUp> first = core_.next_for_root();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->frames_size(), 256);
  const std::optional<v1::RelayUp> second = core_.next_for_root();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->frames_size(), 44);
}

}  // namespace
}  // namespace isopop::control
