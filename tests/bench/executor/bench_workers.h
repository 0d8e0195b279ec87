#pragma once

#include <array>
#include <string>

namespace isopop::test {

// The workers that are measured: the same that other runtimes were measured with.

inline constexpr char kHelloWorker[] = R"(export default {
  async fetch(request, env, ctx) {
    return new Response(`Hello from ${request.cf.colo}`);
  },
};)";

// 2,000 small objects at the top level, hello afterwards.
inline constexpr char kObjectsWorker[] = R"(const objects = [];
for (let i = 0; i < 2000; ++i) objects.push({ id: i, name: `object ${i}`, even: i % 2 === 0 });
export default {
  async fetch(request, env, ctx) {
    return new Response(`Hello from ${request.cf.colo}, with ${objects.length} objects`);
  },
};)";

// 10 kB of JSON, built for each request.
inline constexpr char kJsonWorker[] = R"(export default {
  async fetch(request, env, ctx) {
    const items = [];
    for (let i = 0; i < 120; ++i) {
      const tags = ["new", "blue"];
      items.push({ id: i, name: `item ${i}`, price: i * 1.25, tags, stock: i % 7 });
    }
    return new Response(JSON.stringify({ colo: request.cf.colo, items }),
                        { headers: { "content-type": "application/json" } });
  },
};)";

struct BenchWorker {
  const char* name;
  const char* source;
};
inline constexpr std::array<BenchWorker, 3> kBenchWorkers = {
    {{"hello", kHelloWorker}, {"objects", kObjectsWorker}, {"json", kJsonWorker}}};

// The worker as another one: its code differs from all others'.
[[nodiscard]] inline std::string variant_of(const char* source, std::size_t number) {
  return "// worker " + std::to_string(number) + "\n" + source;
}

}  // namespace isopop::test
