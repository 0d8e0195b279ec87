#include "pop_node/executor/structured_clone.h"

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "pop_node/executor/v8_text.h"

namespace isopop::executor {
namespace {

class Delegate final : public v8::ValueSerializer::Delegate {
 public:
  Delegate(v8::Local<v8::Context> context, v8::Local<v8::Function> make_error)
      : context_(context), make_error_(make_error) {}

  void ThrowDataCloneError(v8::Local<v8::String> message) override {
    v8::Isolate* const isolate = context_->GetIsolate();
    v8::Local<v8::Value> argument = message;
    v8::Local<v8::Value> error;
    if (make_error_->Call(context_, v8::Undefined(isolate), 1, &argument).ToLocal(&error)) {
      isolate->ThrowException(error);
    }
  }

 private:
  v8::Local<v8::Context> context_;
  v8::Local<v8::Function> make_error_;
};

struct FreeBytes {
  void operator()(std::uint8_t* bytes) const { std::free(bytes); }
};

}  // namespace

v8::MaybeLocal<v8::Value> structured_clone(v8::Local<v8::Context> context,
                                           v8::Local<v8::Value> value,
                                           v8::Local<v8::Array> transferred,
                                           v8::Local<v8::Function> make_error) {
  v8::Isolate* const isolate = context->GetIsolate();
  Delegate delegate(context, make_error);
  std::vector<v8::Local<v8::ArrayBuffer>> buffers;
  for (std::uint32_t i = 0; i < transferred->Length(); ++i) {
    v8::Local<v8::Value> item;
    if (!transferred->Get(context, i).ToLocal(&item)) return {};
    if (item->IsArrayBuffer()) buffers.push_back(item.As<v8::ArrayBuffer>());
    if (!item->IsArrayBuffer() || !buffers.back()->IsDetachable()) {
      delegate.ThrowDataCloneError(to_v8(isolate, "an ArrayBuffer cannot be transferred"));
      return {};
    }
  }

  v8::ValueSerializer serializer(isolate, &delegate);
  serializer.WriteHeader();
  for (std::uint32_t i = 0; i < buffers.size(); ++i) serializer.TransferArrayBuffer(i, buffers[i]);
  const bool written = serializer.WriteValue(context, value).FromMaybe(false);
  const auto [data, size] = serializer.Release();
  const std::unique_ptr<std::uint8_t, FreeBytes> bytes(data);
  if (!written) return {};

  v8::ValueDeserializer deserializer(isolate, bytes.get(), size);
  for (std::uint32_t i = 0; i < buffers.size(); ++i) {
    std::shared_ptr<v8::BackingStore> store = buffers[i]->GetBackingStore();
    buffers[i]->Detach();
    deserializer.TransferArrayBuffer(i, v8::ArrayBuffer::New(isolate, std::move(store)));
  }
  if (deserializer.ReadHeader(context).IsNothing()) return {};
  return deserializer.ReadValue(context);
}

}  // namespace isopop::executor
