#include "pop_node/executor/groundwork.h"

#include <array>
#include <utility>

#include "pop_node/executor/cpu_watchdog.h"
#include "pop_node/executor/frames.h"
#include "pop_node/executor/last_words.h"
#include "pop_node/executor/realm.h"
#include "pop_node/executor/sandbox.h"
#include "pop_node/executor/snapshot_blob.h"
#include "pop_node/executor/traffic.h"

namespace isopop::executor {
namespace {

constexpr std::size_t kHeapBytes = std::size_t{128} << 20U;
// The restorer's tables and the channel's input; touched only where they are used.
constexpr std::size_t kSurvivingBytes = std::size_t{16} << 20U;
// Enough for V8 to have optimised what is run each time.
constexpr int kRehearsals = 900;

// What most workers do, in turn: the paths that are worth having optimised.
constexpr const char* kRehearsalWorker = R"(
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (request.method === 'POST') {
      const sent = await request.json();
      return new Response(JSON.stringify(sent), { headers: { 'content-type': 'text/plain' } });
    }
    switch (url.pathname) {
      case '/json':
        return Response.json({ path: url.pathname, query: url.searchParams.get('a'),
                               agent: request.headers.get('user-agent'), at: Date.now() });
      case '/later':
        ctx.waitUntil(Promise.resolve(1));
        await null;
        return new Response('later', { status: 201, headers: [['x-a', 'b']] });
      default:
        return new Response(`Hello from ${request.cf.colo} to ${request.cf.city}`);
    }
  },
};
)";

RequestFrame rehearsal_request(std::uint32_t id) {
  constexpr std::array kPaths = {"/", "/json?a=b", "/", "/later", "/", "/post"};
  constexpr std::array kCities = {"Amsterdam", "Nairobi", "Lima"};
  RequestFrame request;
  const std::size_t kind = id % kPaths.size();
  request.id = id;
  request.method = kind == 5 ? "POST" : "GET";
  request.url = std::string("http://rehearsal.example") + kPaths.at(kind);
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
  request.has_body = kind == 5;
  if (request.has_body) request.body = R"({"a":[1,2,{"b":"c"}]})";
  request.body_complete = true;
  request.http_protocol = "HTTP/1.1";
  return request;
}

}  // namespace

Groundwork::Groundwork(Options options)
    : snapshot(snapshot_blob()),
      environment(std::make_unique<Environment>(v8_system, &snapshot, kHeapBytes)),
      options_(std::move(options)) {}

void Groundwork::rehearse() {
  std::string output;
  Traffic traffic(output, clock);
  LastWords last_words(-1, {}, {});
  const auto watchdog = CpuWatchdog::create(last_words);
  ISOPOP_ASSERT(watchdog.ok(), "a timer on the CPU clock");
  const Surroundings surroundings{.traffic = traffic,
                                  .frozen_clock = frozen_clock,
                                  .clock = clock,
                                  .watchdog = *watchdog.value(),
                                  .last_words = last_words,
                                  .v8_system = v8_system,
                                  .snapshot = &snapshot};
  LoadFrame load;
  load.colo = "AMS";
  load.bundle = {.main_module = "rehearsal.js",
                 .modules = {{.name = "rehearsal.js", .content = kRehearsalWorker}}};
  {
    Realm realm(surroundings, *environment, load);
    LoadTimes times;
    const std::optional<WorkerFault> fault = realm.run_top_level(times);
    ISOPOP_ASSERT(!fault, "our own worker to load");
    for (std::uint32_t id = 1; id <= kRehearsals; ++id) {
      RequestFrame request = rehearsal_request(id);
      const Result<void> begun = traffic.begin(request);
      ISOPOP_ASSERT(begun.ok(), "our own request to be taken");
      realm.start(request);
      output.clear();
    }
    ISOPOP_ASSERT(realm.idle(), "our own requests to be answered");
  }
}

Result<void> Groundwork::save() {
  if (options_.checkpoint == nullptr) return {};
  if (options_.checkpoint->take() == checkpoint::Checkpoint::Point::kFailed) {
    return internal_error(std::string(options_.checkpoint->failure()));
  }
  checkpoint::Checkpoint::stop_journal();
  return {};
}

Result<void> Groundwork::part_from_zygote() {
  if (options_.memory == nullptr) return {};
  return options_.memory->part();
}

Result<Groundwork::Layer> Groundwork::make_layer() const {
  if (options_.checkpoint == nullptr) {
    return Error{ErrorCode::kFailedPrecondition, options_.no_checkpoint_reason};
  }
  ISOPOP_TRY_ASSIGN(checkpoint::SurvivingMemory memory,
                    checkpoint::SurvivingMemory::create(kSurvivingBytes));
  ISOPOP_TRY_ASSIGN(checkpoint::Checkpoint * made,
                    checkpoint::Checkpoint::create(
                        {.finder = options_.finder, .gap_pages_max = 1, .proc = proc_directory()},
                        memory, options_.checkpoint));
  return Layer{.memory = memory, .checkpoint = made};
}

std::string Groundwork::finder_name() const {
  if (options_.checkpoint == nullptr) return "none: " + options_.no_checkpoint_reason;
  return std::string(checkpoint::to_string(options_.checkpoint->finder()));
}

}  // namespace isopop::executor
