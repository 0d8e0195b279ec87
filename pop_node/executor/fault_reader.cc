#include "pop_node/executor/fault_reader.h"

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "pop_node/executor/v8_text.h"

namespace isopop::executor {
namespace {

// Enough for any message a person reads; the rest of a giant string is nobody's help.
constexpr std::size_t kMessageBytesMax = 4096;
constexpr std::size_t kStackBytesMax = 8192;

std::string bounded(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

std::string string_of(v8::Local<v8::Context> context, v8::Local<v8::Value> value) {
  v8::Isolate* const isolate = context->GetIsolate();
  const v8::TryCatch quiet(isolate);
  v8::Local<v8::String> text;
  if (value.IsEmpty() || !value->ToDetailString(context).ToLocal(&text)) return "an unknown error";
  return from_v8(isolate, text);
}

std::string stack_of(v8::Local<v8::Context> context, v8::Local<v8::Value> thrown) {
  v8::Isolate* const isolate = context->GetIsolate();
  if (thrown.IsEmpty() || !thrown->IsNativeError()) return {};
  const v8::TryCatch quiet(isolate);
  v8::Local<v8::Value> stack;
  if (!v8::TryCatch::StackTrace(context, thrown).ToLocal(&stack) || !stack->IsString()) return {};
  return from_v8(isolate, stack.As<v8::String>());
}

struct Place {
  std::string module;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

std::uint32_t number_of(std::string_view digits) {
  std::uint32_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

// The first "(module:line:column)" or "at module:line:column" of a stack that is the worker's.
Place place_in_stack(std::string_view stack) {
  while (!stack.empty()) {
    const std::size_t end = stack.find('\n');
    std::string_view line = stack.substr(0, end);
    stack = end == std::string_view::npos ? std::string_view() : stack.substr(end + 1);
    const std::size_t at = line.find("    at ");
    if (at != 0) continue;
    line.remove_prefix(7);
    if (line.ends_with(')')) {
      const std::size_t open = line.rfind('(');
      if (open == std::string_view::npos) continue;
      line = line.substr(open + 1, line.size() - open - 2);
    }
    if (line.starts_with("async ")) line.remove_prefix(6);
    const std::size_t column = line.rfind(':');
    if (column == std::string_view::npos || column == 0) continue;
    const std::size_t row = line.rfind(':', column - 1);
    if (row == std::string_view::npos || line.substr(0, row) == kRuntimeScript) continue;
    return {.module = std::string(line.substr(0, row)),
            .line = number_of(line.substr(row + 1, column - row - 1)),
            .column = number_of(line.substr(column + 1))};
  }
  return {};
}

Place place_of(v8::Local<v8::Context> context, v8::Local<v8::Message> message) {
  if (message.IsEmpty()) return {};
  v8::Isolate* const isolate = context->GetIsolate();
  const v8::Local<v8::Value> name = message->GetScriptResourceName();
  if (name.IsEmpty() || !name->IsString()) return {};
  return {.module = from_v8(isolate, name.As<v8::String>()),
          .line = static_cast<std::uint32_t>(message->GetLineNumber(context).FromMaybe(0)),
          .column = static_cast<std::uint32_t>(message->GetStartColumn(context).FromMaybe(-1) + 1)};
}

}  // namespace

WorkerFault read_fault(v8::Local<v8::Context> context, v8::Local<v8::Value> thrown,
                       v8::Local<v8::Message> message) {
  v8::Isolate* const isolate = context->GetIsolate();
  const v8::HandleScope handles(isolate);
  if (message.IsEmpty() && !thrown.IsEmpty()) {
    const v8::TryCatch quiet(isolate);
    message = v8::Exception::CreateMessage(isolate, thrown);
  }
  WorkerFault fault;
  fault.message = bounded(string_of(context, thrown), kMessageBytesMax);
  fault.stack = bounded(stack_of(context, thrown), kStackBytesMax);
  Place place = place_of(context, message);
  if (place.module == kRuntimeScript || place.module.empty()) place = place_in_stack(fault.stack);
  fault.module = std::move(place.module);
  fault.line = place.line;
  fault.column = place.column;
  return fault;
}

WorkerFault fault_of(std::string message, std::string module) {
  WorkerFault fault;
  fault.module = std::move(module);
  fault.message = std::move(message);
  return fault;
}

}  // namespace isopop::executor
