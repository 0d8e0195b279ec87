#pragma once

#include <v8.h>

#include <string>
#include <string_view>

namespace isopop::executor {

// Text between C++ and V8. Strings above V8's limit (512 MiB) become empty; nothing that comes over
// the wire is near it.

inline v8::Local<v8::String> to_v8(v8::Isolate* isolate, std::string_view utf8) {
  v8::Local<v8::String> string;
  if (!v8::String::NewFromUtf8(isolate, utf8.data(), v8::NewStringType::kNormal,
                               static_cast<int>(utf8.size()))
           .ToLocal(&string)) {
    return v8::String::Empty(isolate);
  }
  return string;
}

// Each byte becomes the character of the same number: the way of HTTP header values.
inline v8::Local<v8::String> to_v8_latin1(v8::Isolate* isolate, std::string_view bytes,
                                          v8::NewStringType type = v8::NewStringType::kNormal) {
  v8::Local<v8::String> string;
  if (!v8::String::NewFromOneByte(isolate, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                  type, static_cast<int>(bytes.size()))
           .ToLocal(&string)) {
    return v8::String::Empty(isolate);
  }
  return string;
}

// A name that is used again and again.
inline v8::Local<v8::String> name_v8(v8::Isolate* isolate, std::string_view ascii) {
  return to_v8_latin1(isolate, ascii, v8::NewStringType::kInternalized);
}

// Lone surrogates become U+FFFD.
inline std::string from_v8(v8::Isolate* isolate, v8::Local<v8::String> string) {
  std::string text(static_cast<std::size_t>(string->Utf8Length(isolate)), '\0');
  string->WriteUtf8(isolate, text.data(), static_cast<int>(text.size()), nullptr,
                    v8::String::NO_NULL_TERMINATION | v8::String::REPLACE_INVALID_UTF8);
  return text;
}

// The reverse of to_v8_latin1, for strings that were checked to hold only such characters.
inline std::string from_v8_latin1(v8::Isolate* isolate, v8::Local<v8::String> string) {
  std::string bytes(static_cast<std::size_t>(string->Length()), '\0');
  string->WriteOneByte(isolate, reinterpret_cast<std::uint8_t*>(bytes.data()), 0,
                       static_cast<int>(bytes.size()), v8::String::NO_NULL_TERMINATION);
  return bytes;
}

}  // namespace isopop::executor
