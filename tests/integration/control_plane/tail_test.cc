// `popctl tail` from a worker at a real PoP to the lines that a script reads.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::wait_until;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kCode = R"(
export default {
  fetch(request) {
    const path = new URL(request.url).pathname;
    if (path === '/boom') throw new Error('out of stock');
    console.log(path === '/flood' ? 'x'.repeat(20000) : 'asked for ' + path);
    return new Response('fine');
  }
};
)";

// A `popctl tail` in the background, its output in files.
class RunningTail final {
 public:
  RunningTail(const ControlProcess& control, std::vector<std::string> more)
      : folder_(TempFolder::create("isopop-tail-").value()) {
    std::vector<std::string> arguments = {
        "--state", control.state().string(), "tail", "shop", "--format", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto open_file = [this](const char* name) {
      return UniqueFd(open((folder_.path() / name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    };
    const UniqueFd output = open_file("output");
    const UniqueFd errors = open_file("errors");
    child_ = Child::start({.program = isopop::test::program_path("popctl"),
                           .arguments = arguments,
                           .environment = {},
                           .standard_output = output.get(),
                           .standard_error = errors.get()})
                 .value();
  }

  [[nodiscard]] std::vector<json> events() const {
    std::istringstream lines(read_file(folder_.path() / "output").value());
    std::vector<json> events;
    for (std::string line; std::getline(lines, line);) {
      // The last one may be on its way to the file.
      json event = json::parse(line, nullptr, false);
      if (!event.is_discarded()) events.push_back(std::move(event));
    }
    return events;
  }
  [[nodiscard]] std::vector<json> events_of(const std::string& path) const {
    std::vector<json> found;
    for (const json& event : events()) {
      if (event["url"].get<std::string>().ends_with(path)) found.push_back(event);
    }
    return found;
  }
  // As Ctrl-C does; what it said.
  [[nodiscard]] std::string end() {
    child_->send_signal(SIGINT);
    const std::optional<ExitStatus> status = child_->wait_exit(std::chrono::seconds(10));
    EXPECT_TRUE(status && status->success());
    return read_file(folder_.path() / "errors").value();
  }

 private:
  TempFolder folder_;
  std::optional<Child> child_;
};

class TailTest : public testing::Test {
 protected:
  void SetUp() override {
    control_.start();
    pop_.emplace(control_.endpoint());
    ASSERT_TRUE(wait_until([this] {
      return control_.popctl({"status"}).output.find("1 ready") != std::string::npos;
    })) << pop_->log();
    const auto deployed = control_.deploy("shop", kCode, {"--isolation", "warm", "--wait"});
    ASSERT_TRUE(deployed.success()) << deployed.describe();
  }

  [[nodiscard]] unsigned get(const std::string& path) const {
    const Result<pop::RawResponse> answer = pop::request(pop_->address(), "shop.isopop.test", path);
    return answer.ok() ? answer.value().status : 0;
  }
  // Asks until the tail tells of it: from then on it tells of everything. How often it asked.
  [[nodiscard]] std::size_t ask_until_told(const RunningTail& tail, const std::string& path) const {
    std::size_t asked = 0;
    EXPECT_TRUE(wait_until([&] {
      ++asked;
      static_cast<void>(get(path));
      return !tail.events_of(path).empty();
    }));
    return asked;
  }

  ControlProcess control_;
  std::optional<pop::PopProcess> pop_;
};

TEST_F(TailTest, TellsOfLogLinesAndExceptions) {
  RunningTail tail(control_, {});
  static_cast<void>(ask_until_told(tail, "/begin"));
  EXPECT_EQ(get("/cart"), 200U);
  EXPECT_EQ(get("/boom"), 500U);
  ASSERT_TRUE(wait_until([&] { return !tail.events_of("/boom").empty(); }));
  ASSERT_EQ(tail.events_of("/cart").size(), 1U);
  const json cart = tail.events_of("/cart").front();
  EXPECT_EQ(cart["pop"], "AMS");
  EXPECT_EQ(cart["worker"], "shop");
  EXPECT_EQ(cart["version"], 1);
  EXPECT_EQ(cart["method"], "GET");
  EXPECT_EQ(cart["status"], 200);
  EXPECT_EQ(cart["outcome"], "ok");
  EXPECT_EQ(cart["logs"], json::parse(R"([{"level": "log", "text": "asked for /cart"}])"));
  EXPECT_EQ(cart["exception"], "");
  const json boom = tail.events_of("/boom").front();
  EXPECT_EQ(boom["status"], 500);
  EXPECT_EQ(boom["outcome"], "exception");
  EXPECT_THAT(boom["exception"].get<std::string>(), HasSubstr("out of stock"));
  EXPECT_THAT(tail.end(), HasSubstr("dropped: 0 at PoPs, 0 on the way"));
}

TEST_F(TailTest, TellsOnlyOfWhatItsFilterLetsThrough) {
  const RunningTail everything(control_, {});
  const RunningTail errors(control_, {"--status", "error"});
  const RunningTail words(control_, {"--search", "for /needle"});
  static_cast<void>(ask_until_told(everything, "/begin"));
  static_cast<void>(ask_until_told(errors, "/boom"));
  static_cast<void>(ask_until_told(words, "/needle"));
  EXPECT_EQ(get("/cart"), 200U);
  // What comes after it was told of: so were /cart, and all before, if they ever are.
  const std::size_t booms = errors.events().size();
  EXPECT_EQ(get("/boom"), 500U);
  const std::size_t needles = words.events().size();
  EXPECT_EQ(get("/needle"), 200U);
  ASSERT_TRUE(wait_until([&] {
    return errors.events().size() > booms && words.events().size() > needles &&
           !everything.events_of("/cart").empty();
  }));
  EXPECT_EQ(errors.events_of("/boom").size(), errors.events().size());
  EXPECT_EQ(words.events_of("/needle").size(), words.events().size());
}

// More text than a PoP sends in a second: what is left out is counted, each request once.
TEST_F(TailTest, CountsWhatAFloodDrops) {
  RunningTail tail(control_, {});
  std::size_t others = ask_until_told(tail, "/begin");
  constexpr std::size_t kFlood = 150;
  for (std::size_t i = 0; i < kFlood; ++i) EXPECT_EQ(get("/flood"), 200U);
  others += ask_until_told(tail, "/end");
  const std::size_t told = tail.events_of("/flood").size();
  const std::string said = tail.end();
  const std::size_t at = said.find("dropped: ");
  ASSERT_NE(at, std::string::npos) << said;
  std::size_t at_pops = 0;
  std::size_t on_the_way = 0;
  ASSERT_EQ(
      std::sscanf(said.c_str() + at, "dropped: %zu at PoPs, %zu on the way", &at_pops, &on_the_way),
      2);
  EXPECT_LT(told, kFlood);
  EXPECT_GE(told + at_pops + on_the_way, kFlood);
  EXPECT_LE(told + at_pops + on_the_way, kFlood + others);
}

}  // namespace
}  // namespace isopop::control::test
