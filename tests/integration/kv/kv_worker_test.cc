// What a worker sees of a namespace: env.KV with real executors, in every isolation mode.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "common/files/files.h"
#include "tests/integration/kv/kv_fixture.h"

namespace isopop {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class KvWorkerTest : public KvFixture, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    KvFixture::SetUp();
    pop_ = start_pop("AMS");
  }
  // What the body of the worker's fetch() returns, as JSON; asked twice, so that an executor is
  // used again where its mode does that.
  json run(const std::string& body) {
    deploy("const run = async () => {\n" + body +
               "\n};\n"
               "try { return Response.json({ is: await run() }); }\n"
               "catch (error) { return Response.json({ is: String(error) }); }",
           GetParam());
    static_cast<void>(ask(*pop_, "/"));
    const std::string text = ask(*pop_, "/");
    const json answer = json::parse(text, nullptr, false);
    EXPECT_TRUE(answer.is_object()) << text << pop_->log();
    return answer.is_object() ? answer.value("is", json()) : json();
  }

  std::unique_ptr<pop::PopProcess> pop_;
};

INSTANTIATE_TEST_SUITE_P(Modes, KvWorkerTest,
                         ::testing::Values("pristine", "fresh", "warm", "container"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(KvWorkerTest, ReadsInEveryTypeWhatItWrote) {
  const json is = run(R"(
    const { KV } = env;
    await KV.put('text', 'grüße \u{1F600}');
    await KV.put('json', JSON.stringify({ a: [1] }));
    await KV.put('bytes', new Uint8Array([0, 255, 7]).subarray(1));
    await KV.put('stream', new Response('streamed').body);
    await KV.put('empty', '');
    await KV.put('a/../b ?#%\u{1F600}', 'odd');
    const reader = (await KV.get('text', { type: 'stream' })).getReader();
    const { value } = await reader.read();
    return [
      await KV.get('text'), await KV.get('json', 'json'), await KV.get('json', { type: 'json' }),
      [...new Uint8Array(await KV.get('bytes', 'arrayBuffer'))], await KV.get('stream'),
      await KV.get('empty'), await KV.get('a/../b ?#%\u{1F600}'), await KV.get('never'),
      new TextDecoder().decode(value), String(KV),
    ];
  )");
  EXPECT_EQ(is, json::parse(R"(["grüße 😀", {"a": [1]}, {"a": [1]}, [255, 7], "streamed", "",
      "odd", null, "grüße 😀", "[object KvNamespace]"])"));
}

TEST_P(KvWorkerTest, MetadataAndExpirationGoAlong) {
  const json is = run(R"(
    const { KV } = env;
    const now = Math.floor(Date.now() / 1000);
    const expiration = now + 1000;
    await KV.put('a', '1', { metadata: { grüße: '\u{1F600}' }, expiration });
    await KV.put('b', '2', { expirationTtl: 60 });
    await KV.put('c', '3');
    const { keys, list_complete: complete, cursor } = await KV.list();
    return [
      await KV.getWithMetadata('a'), await KV.getWithMetadata('never'),
      keys.map(({ name, metadata, expiration: at }) => [name, metadata, at - now]),
      complete, cursor,
    ];
  )");
  ASSERT_TRUE(is.is_array()) << is;
  EXPECT_EQ(is[0],
            json::parse(R"({"value": "1", "metadata": {"grüße": "😀"}, "cacheStatus": null})"));
  EXPECT_EQ(is[1], json::parse(R"({"value": null, "metadata": null, "cacheStatus": null})"));
  EXPECT_EQ(is[2][0], json::parse(R"(["a", {"grüße": "😀"}, 1000])"));
  EXPECT_EQ(is[2][1][0], "b");
  // From the moment of the second put, which the clock may have gone on to meanwhile.
  EXPECT_GE(is[2][1][2].get<int>(), 60);
  EXPECT_LT(is[2][1][2].get<int>(), 120);
  EXPECT_EQ(is[2][2][0], "c");
  EXPECT_EQ(is[3], true);
  EXPECT_EQ(is[4], nullptr);
}

TEST_P(KvWorkerTest, ListsPageByPageAndDeletes) {
  const json is = run(R"(
    const { KV } = env;
    for (const name of ['p/1', 'p/2', 'p/3', 'q']) await KV.put(name, name);
    await KV.delete('p/2');
    const first = await KV.list({ prefix: 'p/', limit: 1 });
    const second = await KV.list({ prefix: 'p/', limit: 1, cursor: first.cursor });
    const deleted = await KV.get('p/2');
    return [first.keys, first.list_complete, second.keys, second.list_complete, deleted];
  )");
  EXPECT_EQ(is, json::parse(R"([[{"name": "p/1"}], false, [{"name": "p/3"}], true, null])"));
}

TEST_P(KvWorkerTest, SaysWhatIsWrongAsCloudflareDoes) {
  const json is = run(R"(
    const { KV } = env;
    const why = async (ask) => {
      try { await ask(); return null; } catch (error) { return String(error); }
    };
    return [
      await why(() => KV.get('')),
      await why(() => KV.put('..', '1')),
      await why(() => KV.get('x'.repeat(513))),
      await why(() => KV.put('a', 1)),
      await why(() => KV.put('a', '1', { expirationTtl: 59 })),
      await why(() => KV.put('a', '1', { expiration: 1 })),
      await why(() => KV.put('a', '1', { metadata: 'x'.repeat(1100) })),
      await why(() => KV.get('a', 'blob')),
      await why(() => KV.get('a', { cacheTtl: 1 })),
      await why(() => KV.list({ limit: 1001 })),
      await why(() => new KV.constructor()),
    ];
  )");
  EXPECT_EQ(is[0], "TypeError: Key name cannot be empty.");
  EXPECT_EQ(is[1], "TypeError: \"..\" is not allowed as a key name.");
  EXPECT_EQ(
      is[2],
      "Error: KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.");
  EXPECT_EQ(is[3],
            "TypeError: KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and "
            "ReadableStreams as values.");
  EXPECT_EQ(is[4],
            "Error: KV PUT failed: 400 Invalid expiration_ttl of 59. Expiration TTL must be at "
            "least 60.");
  EXPECT_THAT(is[5], HasSubstr("Invalid expiration of 1."));
  EXPECT_THAT(is[6], HasSubstr("Metadata length of 1102 exceeds limit of 1024."));
  EXPECT_THAT(is[7], HasSubstr("Unknown response type."));
  EXPECT_THAT(is[8], HasSubstr("Cache TTL must be at least 30."));
  EXPECT_THAT(is[9], HasSubstr("Invalid key_count_limit of 1001."));
  EXPECT_EQ(is[10], "TypeError: Illegal constructor");
}

TEST_P(KvWorkerTest, ALargeValueGoesBothWays) {
  const json is = run(R"(
    const value = new Uint8Array(5_000_000).fill(7);
    value[4_999_999] = 9;
    await env.KV.put('large', value);
    const back = new Uint8Array(await env.KV.get('large', 'arrayBuffer'));
    return [back.length, back[0], back[4_999_999]];
  )");
  EXPECT_EQ(is, json::parse("[5000000, 7, 9]"));
}

TEST_P(KvWorkerTest, OperationsCountAsSubrequests) {
  const json is = run(R"(
    let done = 0;
    for (; done < 100; done += 1) await env.KV.get('a' + done);
    return done;
  )");
  EXPECT_THAT(is, HasSubstr("Too many subrequests by a single request: its limit is 50"));
}

using KvExampleTest = KvFixture;

TEST_F(KvExampleTest, CountsThings) {
  const auto pop = start_pop("AMS");
  v1::KvNamespaceRequest request;
  request.set_name("counters");
  grpc::ClientContext context;
  v1::KvNamespace created;
  ASSERT_TRUE(stub().CreateNamespace(&context, request, &created).ok());
  const auto deployed =
      control_.popctl({"deploy", std::string(ISOPOP_SOURCE_DIR) + "/workers/kv-counter", "--wait"});
  ASSERT_EQ(deployed.status.code, 0) << deployed.errors;
  const auto on = [&pop](const std::string& method, const std::string& path) {
    return pop::request(pop->address(), "kv-counter.isopop.test", path, method).value();
  };
  EXPECT_EQ(on("GET", "/apples").status, 404U);
  EXPECT_EQ(on("POST", "/apples").body, R"({"name":"apples","count":1})");
  EXPECT_EQ(on("POST", "/apples").body, R"({"name":"apples","count":2})");
  EXPECT_THAT(on("GET", "/apples").body, HasSubstr(R"("count":2,"last":"20)"));
  EXPECT_THAT(on("GET", "/").body, HasSubstr(R"("name":"apples")"));
  EXPECT_EQ(on("DELETE", "/apples").status, 204U);
  EXPECT_EQ(on("GET", "/apples").status, 404U);
}

}  // namespace
}  // namespace isopop
