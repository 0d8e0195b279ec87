#include "pop_node/executor/rehearsal.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/result/assert.h"

namespace isopop::executor {
namespace {

// Each path so many times: enough for V8 to have optimised what every request runs, and to know the
// rest well. More costs the start of each PoP more than it brings.
constexpr std::uint32_t kRounds = 14;

// Every path of pop_node/runtime/rehearsal.js, and the plain one in between, as it is in life.
constexpr std::array<std::string_view, 16> kPaths = {
    "/", "/json?a=b", "/",          "/later", "/", "/post", "/headers", "/url?a=b",
    "/", "/stream",   "/transform", "/throw", "/", "/log",  "/timer",   "/values"};

RequestFrame make_request(std::uint32_t id) {
  constexpr std::array kCities = {"Amsterdam", "Nairobi", "Lima"};
  const std::string_view path = kPaths.at(id % kPaths.size());
  RequestFrame request;
  request.id = id;
  request.has_body = path == "/post";
  request.method = request.has_body ? "POST" : "GET";
  request.url = "http://rehearsal.example" + std::string(path);
  for (const auto& [name, value] :
       {std::pair("host", "rehearsal.example"), std::pair("user-agent", "curl/7.88.1"),
        std::pair("accept", "*/*"), std::pair("accept-encoding", "gzip, br"),
        std::pair("accept-language", "en"), std::pair("content-type", "application/json")}) {
    request.headers.push_back({.name = name, .value = value});
  }
  request.client = {.country = id % 2 == 0 ? "NL" : "KE",
                    .city = kCities.at(id % kCities.size()),
                    .latitude_deg = 52.37 - id % 7,
                    .longitude_deg = 4.89 + id % 11,
                    .known = true};
  if (request.has_body) request.body = R"({"a":[1,2,{"b":"c"}]})";
  request.body_complete = true;
  request.http_protocol = "HTTP/1.1";
  return request;
}

LoadFrame make_load(std::string_view source) {
  LoadFrame load;
  // It is our own, and the machine may be slow.
  load.limits.cpu_ms = load.limits.top_level_cpu_ms = 60'000;
  load.colo = "AMS";
  load.bundle = {.main_module = "rehearsal.js",
                 .modules = {{.name = "rehearsal.js", .content = std::string(source)}}};
  return load;
}

}  // namespace

void rehearse(Environment& environment, const Surroundings& surroundings, std::string_view source) {
  const LoadFrame load = make_load(source);
  Realm realm(surroundings, environment, load);
  LoadTimes times;
  const std::optional<WorkerFault> fault = realm.run_top_level(times);
  ISOPOP_ASSERT(!fault, "our own worker to load");
  // The last one is the plain path.
  for (std::uint32_t id = 1; id <= kRounds * kPaths.size(); ++id) {
    RequestFrame request = make_request(id);
    const Result<void> begun = surroundings.traffic.begin(request);
    ISOPOP_ASSERT(begun.ok(), "our own request to be taken");
    realm.start(request);
    while (!realm.idle()) {
      ISOPOP_ASSERT(realm.breach() == Realm::Breach::kNone,
                    "our own request to keep to its limits");
      const std::optional<Instant> next = realm.next_event();
      ISOPOP_ASSERT(next.has_value(), "our own request to wait for nothing but timers");
      realm.on_time(*next);
    }
  }
}

}  // namespace isopop::executor
