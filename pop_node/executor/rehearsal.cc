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

// Every path of the worker, and the plain one in between, as it is in life.
constexpr std::array<std::string_view, 16> kPaths = {
    "/", "/json?a=b", "/",          "/later", "/", "/post", "/headers", "/url?a=b",
    "/", "/stream",   "/transform", "/throw", "/", "/log",  "/timer",   "/values"};

constexpr const char* kWorker = R"(
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const answers = {
  '/': (request) => new Response(`Hello from ${request.cf.colo} to ${request.cf.city}`),
  '/json': (request, url) => Response.json({
    path: url.pathname, query: url.searchParams.get('a'),
    agent: request.headers.get('user-agent'), at: Date.now() }),
  async '/later'(request, url, ctx) {
    ctx.waitUntil(Promise.resolve(1));
    await null;
    return new Response('later', { status: 201, headers: [['x-a', 'b']] });
  },
  async '/post'(request) {
    const copy = request.clone();
    const sent = await request.json();
    const text = await copy.text();
    return new Response(JSON.stringify({ sent, text }), { headers: { 'content-type': 'text/plain' } });
  },
  '/headers'(request) {
    const headers = new Headers(request.headers);
    headers.set('x-set', 'a');
    headers.append('x-append', 'b');
    headers.delete('accept');
    let all = headers.has('host') ? '' : '-';
    for (const [name, value] of headers) all += `${name}: ${value}\n`;
    return new Response(all, { headers });
  },
  '/url'(request, url) {
    url.searchParams.set('x', 'y');
    url.searchParams.append('z', '1 2');
    for (const [name, value] of new URLSearchParams('q=1&r=2')) url.searchParams.set(name, value);
    return Response.redirect(new URL('/other', url).href, 302);
  },
  '/stream': () => new Response(new ReadableStream({
    start(controller) { controller.enqueue(encoder.encode('abc')); },
    pull(controller) { controller.enqueue(encoder.encode('def')); controller.close(); },
  })),
  async '/transform'() {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    writer.write(encoder.encode('abc')).then(() => writer.close());
    const reader = readable.getReader();
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += decoder.decode(read.value, { stream: true });
    }
    return new Response(encoder.encode(text));
  },
  '/throw'() {
    try {
      answers.missing();
    } catch (error) {
      throw new TypeError(`after ${error.message}`);
    }
  },
  '/log'() {
    console.log('text', 1, { a: [1, 2], b: null }, new Error('shown'));
    console.error('text');
    return new Response('logged');
  },
  async '/timer'() {
    const unused = setTimeout(() => {}, 5);
    clearTimeout(unused);
    await new Promise((resolve) => { setTimeout(resolve, 1); });
    return new Response('late');
  },
  '/values'(request) {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    const copy = structuredClone({ bytes, at: new Date(0), text: atob(btoa('abc')) });
    const controller = new AbortController();
    controller.signal.addEventListener('abort', () => {});
    controller.abort();
    return new Response(`${crypto.randomUUID().length} ${copy.text} ${Math.random() < 1} `
      + request.signal.aborted);
  },
};

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const answer = await answers[url.pathname](request, url, ctx);
    // What a regular expression matched last can be seen on RegExp.
    /(?:)/.exec('');
    return answer;
  },
};
)";

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

LoadFrame make_load() {
  LoadFrame load;
  load.colo = "AMS";
  load.bundle = {.main_module = "rehearsal.js",
                 .modules = {{.name = "rehearsal.js", .content = kWorker}}};
  return load;
}

}  // namespace

void rehearse(Environment& environment, const Surroundings& surroundings) {
  const LoadFrame load = make_load();
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
      const std::optional<Instant> next = realm.next_event();
      ISOPOP_ASSERT(next.has_value(), "our own request to wait for nothing but timers");
      realm.on_time(*next);
    }
  }
}

}  // namespace isopop::executor
