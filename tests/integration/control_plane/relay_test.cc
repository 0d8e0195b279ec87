#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/rpc/rpc.h"
#include "isopop/v1/control.grpc.pb.h"
#include "isopop/v1/distribution.grpc.pb.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/control_plane/fake_pop.h"
#include "tests/integration/pop_node/raw_client.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::wait_until;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr const char* kHello = "export default { fetch() { return new Response('hello'); } };";
constexpr const char* kSecond = "export default { fetch() { return new Response('second'); } };";

// An isopop-control --relay-of on a state folder of its own. Ends with the object.
class RelayProcess final {
 public:
  explicit RelayProcess(std::string name)
      : name_(std::move(name)), folder_(TempFolder::create("isopop-relay-").value()) {}

  void start(const std::string& root, const std::string& listen = "127.0.0.1:0",
             const std::vector<std::string>& more_arguments = {}) {
    std::error_code ignored;
    std::filesystem::remove(state() / "relay.endpoint", ignored);
    std::vector<std::string> arguments = {
        "--relay-of",     root,       "--relay-name", name_,           "--state",
        state().string(), "--listen", listen,         "--http-listen", "127.0.0.1:0"};
    arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
    Result<Child> child =
        isopop::test::start_server("isopop-control", arguments, folder_.path() / "relay.log");
    ASSERT_TRUE(child.ok()) << child.error().message;
    child_ = std::move(child).value();
    ASSERT_TRUE(wait_until([this] {
      return std::filesystem::exists(state() / "relay.endpoint") || child_->poll_exit();
    }));
    ASSERT_FALSE(child_->poll_exit()) << log();
    const std::string text = read_file(state() / "relay.endpoint").value();
    endpoint_ = text.substr(0, text.find('\n'));
  }
  void stop(int signal) {
    child_->send_signal(signal);
    EXPECT_TRUE(child_->wait_exit(std::chrono::seconds(10))) << log();
    child_.reset();
  }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  [[nodiscard]] std::filesystem::path state() const { return folder_.path() / "state"; }
  [[nodiscard]] std::string log() const { return read_file(folder_.path() / "relay.log").value(); }

 private:
  std::string name_;
  TempFolder folder_;
  std::optional<Child> child_;
  std::string endpoint_;
};

// A real isopop-pop.
class RealPop final {
 public:
  RealPop(const std::string& id, const std::string& control,
          const std::vector<std::string>& more_arguments = {})
      : folder_(TempFolder::create("isopop-relayed-pop-").value()) {
    std::vector<std::string> arguments = {"--id",
                                          id,
                                          "--city",
                                          "Amsterdam",
                                          "--country",
                                          "NL",
                                          "--region",
                                          "Europe",
                                          "--lat",
                                          "52.31",
                                          "--lon",
                                          "4.76",
                                          "--listen",
                                          "127.0.0.1:0",
                                          "--control",
                                          control,
                                          "--state",
                                          (folder_.path() / "state").string(),
                                          "--spare-executors",
                                          "0"};
    arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
    child_ = isopop::test::start_server("isopop-pop", arguments, folder_.path() / "log").value();
    constexpr std::string_view kSaid = "serves on ";
    static_cast<void>(wait_until([&] { return log().find(kSaid) != std::string::npos; }));
    const std::string text = log();
    const std::size_t at = text.find(kSaid) + kSaid.size();
    address_ = text.substr(at, text.find(';', at) - at);
  }
  [[nodiscard]] std::string get(const std::string& worker) const {
    const Result<pop::RawResponse> answer = pop::request(address_, worker + ".isopop.test", "/");
    return answer.ok() ? answer.value().body : answer.error().message;
  }
  [[nodiscard]] std::string log() const { return read_file(folder_.path() / "log").value(); }

 private:
  TempFolder folder_;
  std::optional<Child> child_;
  std::string address_;
};

class RelayTest : public testing::Test {
 protected:
  // Which PoPs are ready, and through which relay.
  std::map<std::string, std::string> ready_pops() {
    const auto stub = v1::Control::NewStub(rpc::connect(root_.endpoint()));
    grpc::ClientContext context;
    v1::ListPopsResponse response;
    if (!stub->ListPops(&context, {}, &response).ok()) return {};
    std::map<std::string, std::string> pops;
    for (const v1::Pop& pop : response.pops()) {
      if (pop.state() == v1::POP_STATE_READY) pops[pop.identity().id()] = pop.relay();
    }
    return pops;
  }
  static FakePop::Options fetching(const std::string& id) {
    FakePop::Options options;
    options.id = id;
    options.fetches_bundles = true;
    return options;
  }

  ControlProcess root_;
  RelayProcess europe_{"europe"};
  RelayProcess america_{"america"};
};

TEST_F(RelayTest, BringsWorkersToThePopsOfAllRelays) {
  root_.start();
  europe_.start(root_.endpoint());
  america_.start(root_.endpoint());
  const FakePop ams(europe_.endpoint(), fetching("AMS"));
  const FakePop fra(europe_.endpoint(), fetching("FRA"));
  const FakePop ewr(america_.endpoint(), fetching("EWR"));
  const FakePop nrt(root_.endpoint(), fetching("NRT"));
  ASSERT_TRUE(wait_until([&] { return ready_pops().size() == 4; })) << europe_.log();
  EXPECT_THAT(ready_pops(), UnorderedElementsAre(Pair("AMS", "europe"), Pair("FRA", "europe"),
                                                 Pair("EWR", "america"), Pair("NRT", "")));
  const auto deployed = root_.deploy("hello", kHello, {"--wait"});
  ASSERT_TRUE(deployed.success()) << deployed.describe() << europe_.log();
  for (const FakePop* pop : {&ams, &fra, &ewr, &nrt}) {
    EXPECT_EQ(pop->versions(), (std::map<std::string, std::uint64_t>{{"hello", 1}}));
    EXPECT_EQ(pop->bundles(), nrt.bundles()) << "byte for byte, each hash checked";
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(europe_.state() / "bundles"), {}), 1);
}

TEST_F(RelayTest, KeepsItsPopsWhenTheRootIsKilledAndBringsThemUpToDateAfterwards) {
  root_.start();
  const std::string address = root_.endpoint();
  europe_.start(address);
  const FakePop ams(europe_.endpoint(), fetching("AMS"));
  ASSERT_TRUE(wait_until([&] { return ready_pops().size() == 1; })) << europe_.log();
  ASSERT_TRUE(root_.deploy("hello", kHello, {"--wait"}).success());
  root_.stop(SIGKILL);
  ASSERT_TRUE(wait_until(
      [&] { return europe_.log().find("lost the control plane") != std::string::npos; }));
  root_.start({"--listen", address});
  ASSERT_TRUE(wait_until([&] { return ready_pops().contains("AMS"); })) << europe_.log();
  ASSERT_TRUE(root_.deploy("hello", kSecond, {"--wait"}).success()) << europe_.log();
  EXPECT_EQ(ams.versions().at("hello"), 2U);
  EXPECT_TRUE(ams.is_open()) << "one stream from the first to the last";
  EXPECT_EQ(ams.pushes().size(), 2U) << "what it held was not pushed again";
}

TEST_F(RelayTest, APopThatAnswersNothingHoldsUpNobody) {
  root_.start();
  europe_.start(root_.endpoint());
  FakePop::Options mute = fetching("FRA");
  mute.answer = FakePop::Answer::kNothing;
  const FakePop stuck(europe_.endpoint(), mute);
  const FakePop ams(europe_.endpoint(), fetching("AMS"));
  ASSERT_TRUE(wait_until([&] { return ready_pops().size() == 2; })) << europe_.log();
  for (int i = 0; i < 3; ++i) {
    const std::string name = "hello" + std::to_string(i);
    ASSERT_TRUE(root_.deploy(name, kHello).success());
  }
  EXPECT_TRUE(wait_until([&] { return ams.versions().size() == 3; })) << europe_.log();
}

TEST_F(RelayTest, PassesOnWhyAPopIsRefused) {
  root_.start();
  europe_.start(root_.endpoint());
  FakePop::Options old = fetching("AMS");
  old.protocol_version = 1;
  const FakePop pop(europe_.endpoint(), old);
  EXPECT_TRUE(wait_until([&] { return pop.refusal().find("protocol") != std::string::npos; }))
      << europe_.log();
}

// A relay's stream as a relay that is slow to hear its first PoP would use it.
TEST_F(RelayTest, ChannelsBeginInAnyOrder) {
  root_.start();
  const auto stub = v1::Distribution::NewStub(rpc::connect(root_.endpoint()));
  grpc::ClientContext context;
  const auto stream = stub->Relay(&context);
  const auto say_hello = [&stream](std::uint64_t channel, const std::string& id) {
    v1::RelayUp message;
    v1::RelayUp::Frame& frame = *message.add_frames();
    frame.set_channel(channel);
    frame.mutable_message()->mutable_hello()->set_protocol_version(2);
    frame.mutable_message()->mutable_hello()->mutable_identity()->set_id(id);
    return stream->Write(message);
  };
  ASSERT_TRUE(say_hello(0, "europe"));
  ASSERT_TRUE(say_hello(2, "FRA"));
  ASSERT_TRUE(say_hello(1, "AMS"));
  std::set<std::uint64_t> welcomed;
  v1::RelayDown answer;
  while (welcomed.size() < 3 && stream->Read(&answer)) {
    for (const v1::RelayDown::Frame& frame : answer.frames()) {
      if (frame.message().has_welcome()) welcomed.insert(frame.channel());
    }
  }
  EXPECT_EQ(welcomed, (std::set<std::uint64_t>{0, 1, 2}));
  context.TryCancel();
}

TEST_F(RelayTest, RealPopsServeWhileRootAndRelayAreAwayAndCatchUp) {
  root_.start();
  const std::string root_address = root_.endpoint();
  europe_.start(root_address);
  america_.start(root_address);
  const std::string europe_address = europe_.endpoint();
  const RealPop ams("AMS", europe_address);
  const RealPop ewr("EWR", america_.endpoint());
  ASSERT_TRUE(wait_until([&] { return ready_pops().size() == 2; })) << europe_.log() << ams.log();
  const auto deployed = root_.deploy("hello", kHello, {"--wait"});
  ASSERT_TRUE(deployed.success()) << deployed.describe() << ams.log();
  EXPECT_EQ(ams.get("hello"), "hello");
  EXPECT_EQ(ewr.get("hello"), "hello");

  root_.stop(SIGKILL);
  europe_.stop(SIGKILL);
  EXPECT_EQ(ams.get("hello"), "hello");
  EXPECT_EQ(ewr.get("hello"), "hello");

  root_.start({"--listen", root_address});
  europe_.start(root_address, europe_address);
  ASSERT_TRUE(wait_until([&] { return ready_pops().size() == 2; })) << europe_.log() << ams.log();
  const auto again = root_.deploy("hello", kSecond, {"--wait"});
  ASSERT_TRUE(again.success()) << again.describe() << ams.log();
  EXPECT_EQ(ams.get("hello"), "second");
  EXPECT_EQ(ewr.get("hello"), "second");
}

TEST_F(RelayTest, WithCertificatesPopsEnrollAndConnectThroughTheRelay) {
  const std::string pki = (root_.folder() / "pki").string();
  const std::string join = (root_.folder() / "join").string();
  root_.start({"--pki", pki, "--join", join});
  europe_.start(root_.endpoint(), "127.0.0.1:0", {"--join", join});
  const RealPop ams("AMS", europe_.endpoint(), {"--join", join});
  std::string pops;
  const bool is_ready = wait_until([&] {
    pops = root_
               .popctl({"--endpoint", root_.endpoint(), "--token-file", pki + "/admin.token",
                        "--ca", join + "/ca.crt", "pops", "list", "-o", "json"})
               .output;
    return pops.find("\"ready\"") != std::string::npos;
  });
  EXPECT_TRUE(is_ready) << pops << europe_.log() << ams.log();
  EXPECT_THAT(root_.log(), testing::HasSubstr("pop/AMS enrolled"));
  // Who shows no certificate gets no stream, from the relay either.
  const FakePop nobody(europe_.endpoint(), fetching("FRA"));
  EXPECT_TRUE(wait_until([&] { return !nobody.is_open(); }));
}

}  // namespace
}  // namespace isopop::control::test
