// What one request costs in a real isopop-executor, seen from its socket: the hello worker in each
// mode, a body through a stream, and the start of the process with its first worker.

#include <benchmark/benchmark.h>

#include <string>

#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

constexpr char kHello[] = R"(export default {
  async fetch(request, env, ctx) {
    return new Response(`Hello from ${request.cf.colo}`);
  },
};)";

v1::RequestHead browser_request(std::uint32_t id) {
  v1::RequestHead request = make_request(id, "/");
  for (const auto& [name, value] :
       {std::pair("host", "hello.example"), std::pair("user-agent", "Mozilla/5.0 (X11; Linux)"),
        std::pair("accept", "*/*"), std::pair("accept-encoding", "gzip, br"),
        std::pair("accept-language", "en"), std::pair("x-forwarded-for", "192.0.2.1")}) {
    v1::Header& header = *request.add_headers();
    header.set_name(name);
    header.set_value(value);
  }
  return request;
}

void hello(benchmark::State& state, v1::Isolation isolation) {
  ExecutorClient executor = ExecutorClient::start();
  if (!executor.load(make_load(kHello, isolation)).ok()) state.SkipWithError("not loaded");
  std::uint32_t id = 0;
  double cpu_us = 0;
  for (auto _ : state) {
    const Answer answer = executor.fetch(browser_request(++id));
    if (!answer.finished || answer.body != "Hello from AMS") state.SkipWithError("no answer");
    cpu_us += answer.finished ? answer.finished->cpu_us() : 0;
  }
  state.counters["javascript_us"] = benchmark::Counter(cpu_us, benchmark::Counter::kAvgIterations);
}
void BM_Warm(benchmark::State& state) {
  hello(state, v1::ISOLATION_WARM);
}
void BM_Fresh(benchmark::State& state) {
  hello(state, v1::ISOLATION_FRESH);
}
void BM_Pristine(benchmark::State& state) {
  hello(state, v1::ISOLATION_PRISTINE);
}
BENCHMARK(BM_Pristine)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(BM_Warm)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(BM_Fresh)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_StreamMebibyte(benchmark::State& state) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Loaded loaded = executor.load(make_load(R"(export default { fetch() {
    let left = 16;
    const piece = new Uint8Array(65536);
    return new Response(new ReadableStream({
      pull(controller) {
        if (left-- === 0) controller.close();
        else controller.enqueue(piece);
      },
    }));
  } };)"));
  if (!loaded.ok()) state.SkipWithError("not loaded");
  std::uint32_t id = 0;
  for (auto _ : state) {
    if (executor.fetch(make_request(++id)).body.size() != 1U << 20U) state.SkipWithError("cut");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) << 20);
}
BENCHMARK(BM_StreamMebibyte)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_StartToFirstAnswer(benchmark::State& state) {
  for (auto _ : state) {
    ExecutorClient executor = ExecutorClient::start();
    if (!executor.load(make_load(kHello)).ok()) state.SkipWithError("not loaded");
    if (!executor.fetch(browser_request(1)).finished) state.SkipWithError("no answer");
  }
}
BENCHMARK(BM_StartToFirstAnswer)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace isopop::test
