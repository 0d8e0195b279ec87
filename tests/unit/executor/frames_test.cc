#include "pop_node/executor/frames.h"

#include <gtest/gtest.h>

#include "isopop/v1/executor.pb.h"

namespace isopop::executor {
namespace {

// The other side of each test is libprotobuf with the contract itself.

std::string request_bytes() {
  v1::Frame frame;
  v1::RequestHead& request = *frame.mutable_request();
  request.set_id(7);
  request.set_method("POST");
  request.set_url("http://a.example/");
  v1::Header& header = *request.add_headers();
  header.set_name("a");
  header.set_value("\xFF");
  request.mutable_client()->set_known(true);
  request.mutable_client()->set_city("Zürich");
  request.mutable_client()->set_latitude_deg(47.37);
  request.set_body("body");
  request.set_has_body(true);
  request.set_wall_time_us(123456789012345);
  return frame.SerializeAsString();
}

v1::Frame parsed(const std::string& framed) {
  v1::Frame frame;
  EXPECT_TRUE(frame.ParseFromString(framed.substr(4)));
  EXPECT_EQ(static_cast<unsigned char>(framed[0]) + 256U * static_cast<unsigned char>(framed[1]),
            framed.size() - 4);
  return frame;
}

TEST(Frames, ReadARequest) {
  const Result<InboundFrame> frame = decode_frame(request_bytes());
  ASSERT_TRUE(frame.ok()) << frame.error().message;
  const auto& request = std::get<RequestFrame>(frame.value());
  EXPECT_EQ(request.id, 7U);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "http://a.example/");
  ASSERT_EQ(request.headers.size(), 1U);
  EXPECT_EQ(request.headers[0].value, "\xFF");
  EXPECT_TRUE(request.client.known);
  EXPECT_EQ(request.client.city, "Zürich");
  EXPECT_DOUBLE_EQ(request.client.latitude_deg, 47.37);
  EXPECT_EQ(request.body, "body");
  EXPECT_TRUE(request.has_body);
  EXPECT_FALSE(request.body_complete);
  EXPECT_EQ(request.wall_time_us, 123456789012345U);
}

TEST(Frames, ReadALoad) {
  v1::Bundle bundle;
  bundle.set_main_module("index.js");
  v1::Module& module = *bundle.add_modules();
  module.set_name("index.js");
  module.set_type(v1::MODULE_TYPE_ES_MODULE);
  module.set_content("code");
  v1::Frame frame;
  v1::Load& load = *frame.mutable_load();
  load.set_bundle(bundle.SerializeAsString());
  load.mutable_place()->set_colo("AMS");
  load.set_isolation(v1::ISOLATION_WARM);
  load.mutable_limits()->set_cpu_ms(12);
  load.mutable_limits()->set_memory_mib(13);
  load.mutable_limits()->set_subrequests(14);
  load.mutable_limits()->set_log_kib(15);
  v1::Variable& variable = *load.mutable_version()->mutable_settings()->add_variables();
  variable.set_name("N");
  variable.set_json("1");

  const Result<InboundFrame> read = decode_frame(frame.SerializeAsString());

  ASSERT_TRUE(read.ok()) << read.error().message;
  const auto& got = std::get<LoadFrame>(read.value());
  EXPECT_EQ(got.bundle.modules.at(0).content, "code");
  EXPECT_EQ(got.colo, "AMS");
  EXPECT_EQ(got.isolation, Isolation::kWarm);
  EXPECT_EQ(got.limits.cpu_ms, 12U);
  EXPECT_EQ(got.limits.memory_mib, 13U);
  EXPECT_EQ(got.limits.subrequests, 14U);
  EXPECT_EQ(got.limits.log_kib, 15U);
  EXPECT_EQ(got.limits.heap_mib, 128U) << "what is not said keeps its default";
  ASSERT_EQ(got.variables.size(), 1U);
  EXPECT_TRUE(got.variables[0].is_json);
}

TEST(Frames, RefuseEveryRequestThatIsCutShort) {
  const std::string bytes = request_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_frame(bytes.substr(0, size)).ok()) << size;
  }
}

TEST(Frames, DoNotCrashOnAnyChangedByte) {
  const std::string bytes = request_bytes();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(value);
      static_cast<void>(decode_frame(changed).ok());
    }
  }
}

TEST(Frames, RefuseABundleThatIsNoWorker) {
  v1::Bundle bundle;
  EXPECT_FALSE(decode_bundle(bundle.SerializeAsString()).ok());
  bundle.set_main_module("index.js");
  EXPECT_FALSE(decode_bundle(bundle.SerializeAsString()).ok());
  bundle.add_modules()->set_name("index.js");
  EXPECT_TRUE(decode_bundle(bundle.SerializeAsString()).ok());
  bundle.add_modules()->set_name("index.js");
  EXPECT_FALSE(decode_bundle(bundle.SerializeAsString()).ok()) << "two of one name";
}

TEST(Frames, WriteAResponse) {
  std::string out;
  append_response(out, 9,
                  {.status = 404,
                   .status_text = "Gone",
                   .headers = {{.name = "a", .value = "b"}, {.name = "a", .value = "\xE9"}}},
                  {.data = "body", .last = true}, {.isolate_us = 5, .run_us = 6});
  const v1::Frame frame = parsed(out);
  ASSERT_TRUE(frame.has_response());
  EXPECT_EQ(frame.response().id(), 9U);
  EXPECT_EQ(frame.response().status(), 404U);
  EXPECT_EQ(frame.response().status_text(), "Gone");
  EXPECT_EQ(frame.response().headers_size(), 2);
  EXPECT_EQ(frame.response().headers(1).value(), "\xE9");
  EXPECT_EQ(frame.response().body(), "body");
  EXPECT_TRUE(frame.response().body_complete());
  EXPECT_EQ(frame.response().times().isolate_us(), 5U);
  EXPECT_EQ(frame.response().times().run_us(), 6U);
}

TEST(Frames, WriteTheRest) {
  std::string out;
  append_failure(out, 3, FailureKind::kMemoryLimit,
                 {.module = "m", .line = 4, .column = 5, .message = "no", .stack = "s"}, {});
  EXPECT_EQ(parsed(out).failure().kind(), v1::FAILURE_KIND_MEMORY_LIMIT);
  EXPECT_EQ(parsed(out).failure().fault().line(), 4U);
  out.clear();
  append_body(out, 3, {.data = std::string_view("x\0y", 3), .last = true});
  EXPECT_EQ(parsed(out).response_body().data(), std::string("x\0y", 3));
  out.clear();
  append_credit(out, {.id = 3, .bytes = 100});
  EXPECT_EQ(parsed(out).credit().bytes(), 100U);
  out.clear();
  append_log(out, 3, "warn", "text");
  EXPECT_EQ(parsed(out).log().level(), "warn");
  out.clear();
  append_finished(out, 3, 77, std::nullopt);
  EXPECT_EQ(parsed(out).finished().cpu_us(), 77U);
  EXPECT_FALSE(parsed(out).finished().has_restore());
}

TEST(Frames, WriteWhatLoadingTook) {
  std::string out;
  append_loaded(
      out,
      {.compile_us = 1, .top_level_us = 2, .checkpoint_us = 3, .total_us = 4, .checkpoint_kib = 5});
  const v1::Frame frame = parsed(out);
  EXPECT_TRUE(frame.loaded().ok());
  EXPECT_EQ(frame.loaded().compile_us(), 1U);
  EXPECT_EQ(frame.loaded().top_level_us(), 2U);
  EXPECT_EQ(frame.loaded().checkpoint_us(), 3U);
  EXPECT_EQ(frame.loaded().total_us(), 4U);
  EXPECT_EQ(frame.loaded().checkpoint_kib(), 5U);
}

TEST(Frames, WriteTheLimitsThatARequestReached) {
  std::string out;
  append_finished(out, 3, 77, std::nullopt, {.subrequests = true, .log = false});
  EXPECT_TRUE(parsed(out).finished().reached_subrequests());
  EXPECT_FALSE(parsed(out).finished().reached_log());
}

TEST(Frames, WriteWhatARestoreTook) {
  std::string out;
  append_finished(out, 3, 77,
                  RestoreFigures{.restore_ns = 1,
                                 .pages_found = 2,
                                 .pages_restored = 3,
                                 .pages_dropped = 4,
                                 .mappings_undone = 5});
  const v1::RestoreFigures figures = parsed(out).finished().restore();
  EXPECT_EQ(figures.restore_ns(), 1U);
  EXPECT_EQ(figures.pages_found(), 2U);
  EXPECT_EQ(figures.pages_restored(), 3U);
  EXPECT_EQ(figures.pages_dropped(), 4U);
  EXPECT_EQ(figures.mappings_undone(), 5U);
}

}  // namespace
}  // namespace isopop::executor
