#include "tests/integration/router/router_fixture.h"

#include <csignal>
#include <utility>

#include "common/text/text.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

constexpr std::string_view kCities =
    "name,ascii_name,country_code,lat,lon,population\n"
    "Amsterdam,Amsterdam,NL,52.374,4.8897,741636\n"
    "São Paulo,Sao Paulo,BR,-23.5475,-46.6361,10021295\n"
    "New York City,New York City,US,40.7143,-74.006,8175133\n"
    "Tokyo,Tokyo,JP,35.6895,139.6917,8336599\n";

router::Pop make_pop(std::string id, std::string city, std::string country, GeoPoint place,
                     const std::string& http_address) {
  return {.id = std::move(id),
          .city = std::move(city),
          .country = std::move(country),
          .region = "",
          .place = place,
          .http_address = http_address,
          .state = router::PopState::kReady};
}

}  // namespace

router::Pop amsterdam(const std::string& http_address) {
  return make_pop("AMS", "Amsterdam", "NL", {.latitude_deg = 52.3, .longitude_deg = 4.76},
                  http_address);
}
router::Pop new_york(const std::string& http_address) {
  return make_pop("EWR", "Newark", "US", {.latitude_deg = 40.69, .longitude_deg = -74.17},
                  http_address);
}
router::Pop tokyo(const std::string& http_address) {
  return make_pop("NRT", "Tokyo", "JP", {.latitude_deg = 35.76, .longitude_deg = 140.39},
                  http_address);
}

RouterTest::RouterTest()
    : state_(std::move(TempFolder::create("router-test")).value()),
      control_(std::make_unique<FakeControl>()),
      control_address_(control_->address()) {
  EXPECT_TRUE(write_file_atomically(state_.path() / "cities.csv", kCities).ok());
}

void RouterTest::start_router(const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {
      "--listen", "127.0.0.1:0",          "--control", control_address_,
      "--state",  state_.path().string(), "--cities",  (state_.path() / "cities.csv").string()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Result<Child> child = start_server("isopop-router", arguments, state_.path() / "router.log");
  ASSERT_TRUE(child.ok()) << child.error().message;
  router_ = std::move(child).value();
  const auto endpoint_file = state_.path() / "router.endpoint";
  const bool is_up = wait_until([&] { return read_file(endpoint_file).ok(); });
  ASSERT_TRUE(is_up) << router_log();
  address_ = trim(read_file(endpoint_file).value());
}

void RouterTest::announce(const std::vector<router::Pop>& pops) {
  control_->announce(pops);
  const bool is_ready =
      wait_until([&] { return status(client_.get(address_, "/__isopop/readyz")) == 200; });
  ASSERT_TRUE(is_ready) << router_log();
  // Every PoP told of, in the states they were told in.
  ASSERT_TRUE(wait_until([&] {
    double known = 0;
    for (const std::string_view state : {"starting", "ready", "down"}) {
      known += metric("isopop_router_pops{state=\"" + std::string(state) + "\"}").value_or(0);
    }
    return known >= static_cast<double>(pops.size());
  }));
}

std::optional<ExitStatus> RouterTest::stop_router() {
  router_->send_signal(SIGTERM);
  return router_->wait_exit(std::chrono::seconds(10));
}

http::FetchOutcome RouterTest::get(const http::Headers& headers) {
  http::Headers all = headers;
  all.set("host", "hello.test");
  return client_.get(address_, "/", all);
}

std::optional<double> RouterTest::metric(const std::string& name) {
  const std::string text = body(client_.get(address_, "/__isopop/metrics"));
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with(name + " ")) return parse_double(line.substr(name.size() + 1));
  }
  return std::nullopt;
}

std::string RouterTest::router_log() const {
  const Result<std::string> log = read_file(state_.path() / "router.log");
  return log.ok() ? log.value() : "no log";
}

std::string header(const http::FetchOutcome& outcome, std::string_view name) {
  if (!outcome.response.ok()) return "";
  return std::string(outcome.response.value().head.headers.get(name).value_or(""));
}

unsigned status(const http::FetchOutcome& outcome) {
  return outcome.response.ok() ? outcome.response.value().head.status : 0;
}

std::string body(const http::FetchOutcome& outcome) {
  return outcome.response.ok() ? outcome.response.value().body
                               : "no response: " + outcome.response.error().message;
}

}  // namespace isopop::test
