#include <gtest/gtest.h>

#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

// (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
const std::string kAddWasm(
    "\0asm\1\0\0\0\1\7\1\x60\2\x7f\x7f\1\x7f\3\2\1\0\7\7\1\3add\0\0\n\t\1\7\0\x20\0\x20\1\x6a\x0b",
    41);

v1::Bundle all_kinds() {
  return make_bundle({
      {.name = "index.js", .content = R"(
import { greet } from './lib/greet.js';
import text from './assets/hello.txt';
import data from './assets/bytes.bin';
import config from './config.json';
import add from './add.wasm';
const instance = new WebAssembly.Instance(add);
export default { async fetch() {
  const lazy = await import('./lib/lazy.js');
  return Response.json({
    greet: greet('you'), text, data: [data instanceof ArrayBuffer, ...new Uint8Array(data)],
    config, sum: instance.exports.add(2, 40), lazy: lazy.value, again: lazy.default,
  });
} };)"},
      {.name = "lib/greet.js", .content = R"(
import { word } from '../words.js';
export const greet = (who) => `${word} ${who}`;)"},
      {.name = "lib/lazy.js",
       .content = "export const value = await Promise.resolve(7); export default 'lazy';"},
      {.name = "words.js", .content = "export const word = 'hello';"},
      {.name = "assets/hello.txt", .type = v1::MODULE_TYPE_TEXT, .content = "grüße\n"},
      {.name = "assets/bytes.bin",
       .type = v1::MODULE_TYPE_DATA,
       .content = std::string("\0\1\xFF", 3)},
      {.name = "config.json", .type = v1::MODULE_TYPE_JSON, .content = R"({"a":[1,2]})"},
      {.name = "add.wasm", .type = v1::MODULE_TYPE_WASM, .content = kAddWasm},
  });
}

v1::Loaded load_of(const std::vector<ModuleText>& modules) {
  ExecutorClient executor = ExecutorClient::start();
  return executor.load(make_load(make_bundle(modules), v1::ISOLATION_WARM));
}

TEST(Modules, OfAllKindsAreImported) {
  for (const v1::Isolation isolation : {v1::ISOLATION_WARM, v1::ISOLATION_FRESH}) {
    ExecutorClient executor = ExecutorClient::start();
    const v1::Loaded loaded = executor.load(make_load(all_kinds(), isolation));
    ASSERT_TRUE(loaded.ok()) << loaded.ShortDebugString();
    const Answer answer = executor.fetch();
    EXPECT_EQ(answer.body, R"({"greet":"hello you","text":"grüße\n","data":[true,0,1,255],)"
                           R"("config":{"a":[1,2]},"sum":42,"lazy":7,"again":"lazy"})")
        << answer.describe();
  }
}

TEST(Modules, MayImportEachOther) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Bundle bundle = make_bundle(
      {{.name = "index.js", .content = R"(
import { b } from './b.js';
export const a = () => 'a';
export default { fetch() { return new Response(b()); } };)"},
       {.name = "b.js",
        .content = "import { a } from './index.js'; export const b = () => a() + 'b';"}});
  ASSERT_TRUE(executor.load(make_load(bundle, v1::ISOLATION_WARM)).ok());
  EXPECT_EQ(executor.fetch().body, "ab");
}

TEST(Modules, ThatAreMissingAreNamedWithTheirLine) {
  const v1::Loaded loaded = load_of({{.name = "index.js",
                                      .content = "import './lib/a.js';\n"
                                                 "export default {};"},
                                     {.name = "lib/a.js", .content = "\n\nimport '../b.js';"}});
  EXPECT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.fault().module(), "lib/a.js");
  EXPECT_EQ(loaded.fault().line(), 3U);
  EXPECT_NE(loaded.fault().message().find("\"../b.js\""), std::string::npos);
}

TEST(Modules, OutsideOfTheBundleAreRefused) {
  for (const char* specifier : {"fs", "node:fs", "../../etc/passwd", "/etc/passwd",
                                "http://example.com/x.js", "./index", "data:text/javascript,1"}) {
    const v1::Loaded loaded =
        load_of({{.name = "index.js",
                  .content = std::string("import '") + specifier + "';\nexport default {};"}});
    EXPECT_FALSE(loaded.ok()) << specifier;
    EXPECT_EQ(loaded.fault().line(), 1U) << loaded.ShortDebugString();
  }
}

TEST(Modules, ThatLackAnExportAreNamed) {
  const v1::Loaded loaded = load_of({{.name = "index.js",
                                      .content = "\nimport { nope } from './b.js';\n"
                                                 "export default { fetch() { return nope; } };"},
                                     {.name = "b.js", .content = "export const yes = 1;"}});
  EXPECT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.fault().module(), "index.js");
  EXPECT_EQ(loaded.fault().line(), 2U);
  EXPECT_NE(loaded.fault().message().find("nope"), std::string::npos);
}

TEST(Modules, ThatAreBrokenAreNamed) {
  const std::vector<ModuleText> broken = {
      {.name = "x.json", .type = v1::MODULE_TYPE_JSON, .content = "{"},
      {.name = "x.wasm", .type = v1::MODULE_TYPE_WASM, .content = "not wasm"},
      {.name = "x.js", .content = "\n\nlet = ;"},
  };
  for (const ModuleText& module : broken) {
    const v1::Loaded loaded = load_of(
        {{.name = "index.js", .content = "import './" + module.name + "';\nexport default {};"},
         module});
    EXPECT_FALSE(loaded.ok()) << module.name;
    EXPECT_EQ(loaded.fault().module(), module.name);
    EXPECT_FALSE(loaded.fault().message().empty());
  }
}

TEST(Modules, ImportedInAHandlerMayFail) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Bundle bundle =
      make_bundle({{.name = "index.js", .content = R"(export default { async fetch(request) {
  try {
    await import(new URL(request.url).searchParams.get('m'));
    return new Response('imported');
  } catch (error) {
    return new Response(error.message);
  }
} };)"},
                   {.name = "bad.js", .content = "\nlet = ;"},
                   {.name = "throws.js", .content = "throw new Error('at its top level');"}});
  ASSERT_TRUE(executor.load(make_load(bundle, v1::ISOLATION_WARM)).ok());
  EXPECT_NE(executor.fetch("/?m=./none.js").body.find("cannot find module"), std::string::npos);
  EXPECT_NE(executor.fetch("/?m=./bad.js").body.find("bad.js:2"), std::string::npos);
  // A second time too: a module that was compiled in vain is not half there.
  EXPECT_NE(executor.fetch("/?m=./bad.js").body.find("bad.js:2"), std::string::npos);
  EXPECT_EQ(executor.fetch("/?m=./throws.js").body, "at its top level");
}

TEST(Modules, MayAwaitAtTheirTopLevel) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load("const x = await Promise.resolve('waited');\n"
                                  "export default { fetch() { return new Response(x); } };"))
                  .ok());
  EXPECT_EQ(executor.fetch().body, "waited");
}

}  // namespace
}  // namespace isopop::test
