#include "pop_node/executor/bindings.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result/assert.h"
#include "pop_node/executor/buffer_allocator.h"
#include "pop_node/executor/random_numbers.h"
#include "pop_node/executor/realm.h"
#include "pop_node/executor/structured_clone.h"
#include "pop_node/executor/text_codec.h"
#include "pop_node/executor/v8_text.h"

namespace isopop::executor {
namespace {

// What an answer of HTTP can have; 1xx are not a worker's to send.
constexpr std::uint32_t kStatusMin = 200;
constexpr std::uint32_t kStatusMax = 599;
// Far more than a PoP lets through, and a frame can carry it.
constexpr std::uint32_t kHeadersMax = 4096;
constexpr std::size_t kHeadBytesMax = 256 * 1024;

using Arguments = v8::FunctionCallbackInfo<v8::Value>;

// What comes from JavaScript is checked for its type, always: a worker can replace String() or
// Array.prototype under the runtime's feet, and V8's casts trust their caller.

std::uint32_t uint_at(const Arguments& arguments, int index) {
  return arguments[index]->IsUint32() ? arguments[index].As<v8::Uint32>()->Value() : 0;
}

v8::Local<v8::String> string_of(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  return value->IsString() ? value.As<v8::String>() : v8::String::Empty(isolate);
}

v8::Local<v8::String> string_at(const Arguments& arguments, int index) {
  return string_of(arguments.GetIsolate(), arguments[index]);
}

std::string text_at(const Arguments& arguments, int index) {
  return from_v8(arguments.GetIsolate(), string_at(arguments, index));
}

// The bytes of a view, where they lie; good until JavaScript runs again.
std::string_view bytes_at(const Arguments& arguments, int index) {
  if (!arguments[index]->IsArrayBufferView()) return {};
  const auto view = arguments[index].As<v8::ArrayBufferView>();
  if (view->ByteLength() == 0) return {};
  const auto* data = static_cast<const char*>(view->Buffer()->GetBackingStore()->Data());
  return {data + view->ByteOffset(), view->ByteLength()};
}

// The same, to be written to.
std::span<char> room_at(const Arguments& arguments, int index) {
  const std::string_view bytes = bytes_at(arguments, index);
  return {const_cast<char*>(bytes.data()), bytes.size()};  // NOLINT(*-const-cast): the worker's own
}

// Empty, with an exception under way, when there is no memory for it.
v8::MaybeLocal<v8::Uint8Array> make_bytes(v8::Isolate* isolate, std::string_view bytes) {
  v8::Local<v8::ArrayBuffer> buffer;
  if (!new_buffer(isolate, bytes.size()).ToLocal(&buffer)) return {};
  if (!bytes.empty()) std::memcpy(buffer->GetBackingStore()->Data(), bytes.data(), bytes.size());
  return v8::Uint8Array::New(buffer, 0, bytes.size());
}

void return_bytes(const Arguments& arguments, std::string_view bytes) {
  v8::Local<v8::Uint8Array> array;
  if (make_bytes(arguments.GetIsolate(), bytes).ToLocal(&array)) {
    arguments.GetReturnValue().Set(array);
  }
}

void throw_error(v8::Isolate* isolate, std::string_view message) {
  isolate->ThrowException(v8::Exception::Error(to_v8(isolate, message)));
}

// True, with an exception under way, while the worker's top level runs.
bool refused_at_top_level(v8::Isolate* isolate, std::string_view what) {
  if (!Realm::of(isolate).at_top_level()) return false;
  throw_error(isolate, std::string(what) +
                           " is not allowed in the top level of a module: "
                           "do it in the handler of a request");
  return true;
}

// [name, value, name, value, …]
std::vector<Header> headers_at(const Arguments& arguments, int index) {
  std::vector<Header> headers;
  if (!arguments[index]->IsArray()) return headers;
  v8::Isolate* const isolate = arguments.GetIsolate();
  const v8::Local<v8::Context> context = isolate->GetCurrentContext();
  const auto flat = arguments[index].As<v8::Array>();
  const std::uint32_t length = std::min(flat->Length(), 2 * kHeadersMax);
  headers.reserve(length / 2);
  for (std::uint32_t i = 0; i + 1 < length; i += 2) {
    v8::Local<v8::Value> name;
    v8::Local<v8::Value> value;
    if (!flat->Get(context, i).ToLocal(&name) || !flat->Get(context, i + 1).ToLocal(&value)) break;
    headers.push_back({.name = from_v8_latin1(isolate, string_of(isolate, name)),
                       .value = from_v8_latin1(isolate, string_of(isolate, value))});
  }
  return headers;
}

Subrequests& subrequests_of(const Arguments& arguments) {
  return Realm::of(arguments.GetIsolate()).surroundings().traffic.subrequests();
}

std::size_t size_of(const ResponseHead& head) {
  std::size_t bytes = head.status_text.size();
  for (const Header& header : head.headers) bytes += header.name.size() + header.value.size();
  return bytes;
}

// respond(id, status, statusText, flatHeaders, body, complete) -> all of it is sent
void respond(const Arguments& arguments) {
  v8::Isolate* const isolate = arguments.GetIsolate();
  ResponseHead head;
  head.status = uint_at(arguments, 1);
  if (head.status < kStatusMin || head.status > kStatusMax) {
    throw_error(isolate, "a response must have a status from 200 to 599");
    return;
  }
  head.status_text = text_at(arguments, 2);
  head.headers = headers_at(arguments, 3);
  if (size_of(head) > kHeadBytesMax) {
    throw_error(isolate, "the status text and headers of the response are too large");
    return;
  }
  const Traffic::Ending ending =
      arguments[5]->IsTrue() ? Traffic::Ending::kComplete : Traffic::Ending::kOpen;
  Traffic& traffic = Realm::of(isolate).surroundings().traffic;
  const std::string text = text_at(arguments, 4);
  const std::string_view body = text.empty() ? bytes_at(arguments, 4) : std::string_view(text);
  arguments.GetReturnValue().Set(traffic.respond(uint_at(arguments, 0), head, body, ending));
}

// writeBody(id, view) -> there is room for more
void write_body(const Arguments& arguments) {
  Traffic& traffic = Realm::of(arguments.GetIsolate()).surroundings().traffic;
  if (traffic.is_held_up(uint_at(arguments, 0))) {
    throw_error(arguments.GetIsolate(), "the last piece of the body has not been taken yet");
    return;
  }
  arguments.GetReturnValue().Set(traffic.write_body(uint_at(arguments, 0), bytes_at(arguments, 1)));
}

// endBody(id) -> all of it is sent
void end_body(const Arguments& arguments) {
  Traffic& traffic = Realm::of(arguments.GetIsolate()).surroundings().traffic;
  arguments.GetReturnValue().Set(traffic.end_body(uint_at(arguments, 0)));
}

// fail(id, error)
void fail(const Arguments& arguments) {
  Realm::of(arguments.GetIsolate()).fail(uint_at(arguments, 0), arguments[1]);
}

// finish(id)
void finish(const Arguments& arguments) {
  Realm::of(arguments.GetIsolate()).finish(uint_at(arguments, 0));
}

// readBody(id) -> Uint8Array, null at the end, undefined when onBody(id) will tell
void read_body(const Arguments& arguments) {
  const Traffic::BodyRead read =
      Realm::of(arguments.GetIsolate()).surroundings().traffic.read_body(uint_at(arguments, 0));
  if (read.kind == Traffic::Piece::kEnd) arguments.GetReturnValue().SetNull();
  if (read.kind == Traffic::Piece::kData) return_bytes(arguments, read.data);
}

// takeBody(id) -> Uint8Array, undefined when not all of it is here
void take_body(const Arguments& arguments) {
  const std::optional<std::string> all = Realm::of(arguments.GetIsolate())
                                             .surroundings()
                                             .traffic.take_whole_body(uint_at(arguments, 0));
  if (all) return_bytes(arguments, *all);
}

// currentRequest() -> id of the request whose turn it is
void current_request(const Arguments& arguments) {
  arguments.GetReturnValue().Set(Realm::of(arguments.GetIsolate()).current_request());
}

// startFetch(method, url, flatHeaders, body, binding) -> id; throws what is wrong with it. With a
// binding of `env` the URL is what that understands by it.
void start_fetch(const Arguments& arguments) {
  v8::Isolate* const isolate = arguments.GetIsolate();
  if (refused_at_top_level(isolate, "fetch()")) return;
  const Realm& realm = Realm::of(isolate);
  const std::string text = text_at(arguments, 3);
  const std::string_view body = text.empty() ? bytes_at(arguments, 3) : std::string_view(text);
  const Result<std::uint32_t> id = realm.start_fetch({.method = text_at(arguments, 0),
                                                      .url = text_at(arguments, 1),
                                                      .headers = headers_at(arguments, 2),
                                                      .binding = text_at(arguments, 4)},
                                                     body);
  if (id.ok()) {
    arguments.GetReturnValue().Set(id.value());
  } else {
    throw_error(isolate, id.error().message);
  }
}

// cancelFetch(id)
void cancel_fetch(const Arguments& arguments) {
  subrequests_of(arguments).cancel(uint_at(arguments, 0));
}

// fetchNews(request) -> the next of its fetches that something has come of, undefined without one
void fetch_news(const Arguments& arguments) {
  const auto id = subrequests_of(arguments).next_news(uint_at(arguments, 0));
  if (id) arguments.GetReturnValue().Set(*id);
}

// fetchHead(id) -> [status, statusText, flatHeaders]; a string when there is no answer, and why;
// undefined when fetchNews() will tell
void fetch_head(const Arguments& arguments) {
  v8::Isolate* const isolate = arguments.GetIsolate();
  const auto taken = subrequests_of(arguments).take_head(uint_at(arguments, 0));
  if (const auto* failure = std::get_if<std::string>(&taken)) {
    arguments.GetReturnValue().Set(to_v8(isolate, *failure));
  }
  const auto* head = std::get_if<SubresponseHead>(&taken);
  if (head == nullptr) return;
  std::vector<v8::Local<v8::Value>> flat;
  for (const Header& header : head->headers) {
    flat.push_back(name_v8(isolate, header.name));
    flat.push_back(to_v8_latin1(isolate, header.value));
  }
  std::array<v8::Local<v8::Value>, 3> parts = {v8::Integer::NewFromUnsigned(isolate, head->status),
                                               to_v8(isolate, head->status_text),
                                               v8::Array::New(isolate, flat.data(), flat.size())};
  arguments.GetReturnValue().Set(v8::Array::New(isolate, parts.data(), parts.size()));
}

// fetchBody(id) -> Uint8Array, null at the end, a string when it broke off, and why; undefined when
// fetchNews() will tell
void fetch_body(const Arguments& arguments) {
  const auto read = subrequests_of(arguments).read_body(uint_at(arguments, 0));
  if (const auto* data = std::get_if<std::string>(&read)) return_bytes(arguments, *data);
  if (std::holds_alternative<Subrequests::End>(read)) arguments.GetReturnValue().SetNull();
  if (const auto* failure = std::get_if<SubresponseFailure>(&read)) {
    arguments.GetReturnValue().Set(to_v8(arguments.GetIsolate(), failure->reason));
  }
}

// startTimer(milliseconds, repeat) -> id
void start_timer(const Arguments& arguments) {
  v8::Isolate* const isolate = arguments.GetIsolate();
  if (refused_at_top_level(isolate, "setting a timer")) return;
  const TimerQueue::Kind kind =
      arguments[1]->IsTrue() ? TimerQueue::Kind::kRepeating : TimerQueue::Kind::kOnce;
  const double delay_ms = arguments[0]->IsNumber() ? arguments[0].As<v8::Number>()->Value() : 0.0;
  const std::optional<std::uint32_t> id = Realm::of(isolate).start_timer(delay_ms, kind);
  if (id) {
    arguments.GetReturnValue().Set(*id);
  } else {
    throw_error(isolate, "no timer can be set: there are too many, or the request is over");
  }
}

// stopTimer(id)
void stop_timer(const Arguments& arguments) {
  Realm::of(arguments.GetIsolate()).stop_timer(uint_at(arguments, 0));
}

// queueMicrotask(function)
void queue_microtask(const Arguments& arguments) {
  if (!arguments[0]->IsFunction()) return;
  arguments.GetIsolate()->EnqueueMicrotask(arguments[0].As<v8::Function>());
}

// now() -> milliseconds since 1970
void now(const Arguments& arguments) {
  arguments.GetReturnValue().Set(
      Realm::of(arguments.GetIsolate()).surroundings().frozen_clock.now_ms());
}

#ifdef ISOPOP_TEST_CRASH
// Compiled into isopop-executor-crash alone, with which tests/hostile starts its PoP: a worker that
// logs "crash: null" brings its executor down by native means, and so on.
int recurse_natively(volatile int* below) {
  volatile int here = *below + 1;
  return here > 0 ? recurse_natively(&here) + here : 0;
}

void crash_on_demand(std::string_view text) {
  static volatile std::uintptr_t nowhere = 0;
  if (text == "crash: null") static_cast<void>(*reinterpret_cast<volatile int*>(nowhere));
  if (text == "crash: write") *const_cast<volatile char*>("constant") = 0;
  if (text == "crash: abort") std::abort();
  if (text == "crash: trap") __builtin_trap();
  if (text == "crash: exit") std::_Exit(0);
  volatile int depth = 0;
  if (text == "crash: stack") nowhere = static_cast<std::uintptr_t>(recurse_natively(&depth));
}
#endif

// log(level, text)
void log(const Arguments& arguments) {
  const Realm& realm = Realm::of(arguments.GetIsolate());
#ifdef ISOPOP_TEST_CRASH
  crash_on_demand(text_at(arguments, 1));
#endif
  realm.surroundings().traffic.log(realm.current_request(), text_at(arguments, 0),
                                   text_at(arguments, 1));
}

// encodeUtf8(string) -> Uint8Array
void encode_utf8(const Arguments& arguments) {
  v8::Isolate* const isolate = arguments.GetIsolate();
  const v8::Local<v8::String> string = string_at(arguments, 0);
  const int size = string->Utf8Length(isolate);
  v8::Local<v8::ArrayBuffer> buffer;
  if (!new_buffer(isolate, static_cast<std::size_t>(size)).ToLocal(&buffer)) return;
  if (size > 0) {
    string->WriteUtf8(isolate, static_cast<char*>(buffer->GetBackingStore()->Data()), size, nullptr,
                      v8::String::NO_NULL_TERMINATION | v8::String::REPLACE_INVALID_UTF8);
  }
  arguments.GetReturnValue().Set(v8::Uint8Array::New(buffer, 0, static_cast<std::size_t>(size)));
}

// encodeUtf8Into(string, view) -> [read, written]
void encode_utf8_into(const Arguments& arguments) {
  v8::Isolate* const isolate = arguments.GetIsolate();
  const std::span<char> target = room_at(arguments, 1);
  int read = 0;
  int written = 0;
  if (!target.empty()) {
    written = string_at(arguments, 0)
                  ->WriteUtf8(isolate, target.data(), static_cast<int>(target.size()), &read,
                              v8::String::NO_NULL_TERMINATION | v8::String::REPLACE_INVALID_UTF8);
  }
  std::array<v8::Local<v8::Value>, 2> pair = {v8::Integer::New(isolate, read),
                                              v8::Integer::New(isolate, written)};
  arguments.GetReturnValue().Set(v8::Array::New(isolate, pair.data(), pair.size()));
}

// decodeUtf8(view, fatal) -> string; undefined when it is fatal and not UTF-8
void decode_utf8(const Arguments& arguments) {
  const std::string_view bytes = bytes_at(arguments, 0);
  if (arguments[1]->IsTrue() && !is_utf8(bytes)) return;
  arguments.GetReturnValue().Set(to_v8(arguments.GetIsolate(), bytes));
}

// decodeLatin1(view) -> string
void decode_latin1(const Arguments& arguments) {
  arguments.GetReturnValue().Set(to_v8_latin1(arguments.GetIsolate(), bytes_at(arguments, 0)));
}

// base64Encode(string) -> string; undefined when a character is above U+00FF
void encode_base64(const Arguments& arguments) {
  v8::Isolate* const isolate = arguments.GetIsolate();
  const v8::Local<v8::String> string = string_at(arguments, 0);
  if (!string->ContainsOnlyOneByte()) return;
  arguments.GetReturnValue().Set(
      to_v8_latin1(isolate, base64_encode(from_v8_latin1(isolate, string))));
}

// base64Decode(string) -> string; undefined when it is not base64
void decode_base64(const Arguments& arguments) {
  v8::Isolate* const isolate = arguments.GetIsolate();
  const std::optional<std::string> bytes = base64_decode(text_at(arguments, 0));
  if (bytes) arguments.GetReturnValue().Set(to_v8_latin1(isolate, *bytes));
}

// fillRandom(Uint8Array)
void fill_random(const Arguments& arguments) {
  if (refused_at_top_level(arguments.GetIsolate(), "drawing random values")) return;
  const std::span<char> room = room_at(arguments, 0);
  draw_from_kernel(room.data(), room.size());
}

// randomUuid() -> string: version 4 of RFC 9562
void random_uuid(const Arguments& arguments) {
  if (refused_at_top_level(arguments.GetIsolate(), "drawing random values")) return;
  std::array<unsigned char, 16> bytes{};
  draw_from_kernel(bytes.data(), bytes.size());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kDigits[bytes.at(i) >> 4U]);
    text.push_back(kDigits[bytes.at(i) & 15U]);
  }
  arguments.GetReturnValue().Set(to_v8_latin1(arguments.GetIsolate(), text));
}

// random() -> number in [0, 1): what Math.random is
void random(const Arguments& arguments) {
  arguments.GetReturnValue().Set(Realm::of(arguments.GetIsolate()).random().next());
}

// clone(value, transferred, makeError) -> a copy
void clone(const Arguments& arguments) {
  v8::Local<v8::Value> copy;
  if (!arguments[1]->IsArray() || !arguments[2]->IsFunction()) return;
  if (structured_clone(arguments.GetIsolate()->GetCurrentContext(), arguments[0],
                       arguments[1].As<v8::Array>(), arguments[2].As<v8::Function>())
          .ToLocal(&copy)) {
    arguments.GetReturnValue().Set(copy);
  }
}

struct Binding {
  std::string_view name;
  v8::FunctionCallback callback;
};

constexpr std::array kBindings = {
    Binding{"respond", respond},
    Binding{"writeBody", write_body},
    Binding{"endBody", end_body},
    Binding{"fail", fail},
    Binding{"finish", finish},
    Binding{"readBody", read_body},
    Binding{"takeBody", take_body},
    Binding{"currentRequest", current_request},
    Binding{"startFetch", start_fetch},
    Binding{"cancelFetch", cancel_fetch},
    Binding{"fetchNews", fetch_news},
    Binding{"fetchHead", fetch_head},
    Binding{"fetchBody", fetch_body},
    Binding{"startTimer", start_timer},
    Binding{"stopTimer", stop_timer},
    Binding{"queueMicrotask", queue_microtask},
    Binding{"now", now},
    Binding{"log", log},
    Binding{"encodeUtf8", encode_utf8},
    Binding{"encodeUtf8Into", encode_utf8_into},
    Binding{"decodeUtf8", decode_utf8},
    Binding{"decodeLatin1", decode_latin1},
    Binding{"base64Encode", encode_base64},
    Binding{"base64Decode", decode_base64},
    Binding{"fillRandom", fill_random},
    Binding{"randomUuid", random_uuid},
    Binding{"random", random},
    Binding{"clone", clone},
};

}  // namespace

v8::Local<v8::Object> make_host(v8::Local<v8::Context> context) {
  v8::Isolate* const isolate = context->GetIsolate();
  const v8::Local<v8::Object> host = v8::Object::New(isolate);
  for (const Binding& binding : kBindings) {
    const v8::Local<v8::String> name = name_v8(isolate, binding.name);
    const v8::Local<v8::FunctionTemplate> function =
        v8::FunctionTemplate::New(isolate, binding.callback);
    function->SetClassName(name);
    function->RemovePrototype();
    const bool set =
        host->CreateDataProperty(context, name, function->GetFunction(context).ToLocalChecked())
            .FromMaybe(false);
    ISOPOP_ASSERT(set, "a new object to take a property");
  }
  return host;
}

const std::intptr_t* external_references() {
  static const auto table = [] {
    std::array<std::intptr_t, kBindings.size() + 1> references{};
    for (std::size_t i = 0; i < kBindings.size(); ++i) {
      references.at(i) = reinterpret_cast<std::intptr_t>(kBindings.at(i).callback);
    }
    return references;
  }();
  return table.data();
}

}  // namespace isopop::executor
