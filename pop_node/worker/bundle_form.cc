#include "pop_node/worker/bundle_form.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <set>

namespace isopop::pop {
namespace {

using google::protobuf::internal::WireFormatLite;
using Input = google::protobuf::io::CodedInputStream;

constexpr std::uint32_t tag_of(int field, WireFormatLite::WireType type) {
  return WireFormatLite::MakeTag(field, type);
}
constexpr auto kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
constexpr auto kVarint = WireFormatLite::WIRETYPE_VARINT;

bool read_text(Input& input, std::string& text) {
  std::uint32_t size = 0;
  return input.ReadVarint32(&size) && input.ReadString(&text, static_cast<int>(size));
}

bool skip_bytes(Input& input, std::uint64_t& size) {
  std::uint32_t bytes = 0;
  if (!input.ReadVarint32(&bytes)) return false;
  size = bytes;
  return input.Skip(static_cast<int>(bytes));
}

bool read_module(Input& input, BundleForm::Module& module) {
  while (const std::uint32_t tag = input.ReadTag()) {
    bool is_whole = false;
    if (tag == tag_of(v1::Module::kNameFieldNumber, kBytes)) {
      is_whole = read_text(input, module.name);
    } else if (tag == tag_of(v1::Module::kTypeFieldNumber, kVarint)) {
      std::uint32_t type = 0;
      is_whole = input.ReadVarint32(&type);
      module.type = static_cast<int>(type);
    } else if (tag == tag_of(v1::Module::kContentFieldNumber, kBytes)) {
      is_whole = skip_bytes(input, module.bytes);
    } else {
      is_whole = WireFormatLite::SkipField(&input, tag);
    }
    if (!is_whole) return false;
  }
  return input.ConsumedEntireMessage();
}

bool read_inner_module(Input& input, BundleForm::Module& module) {
  std::uint32_t size = 0;
  if (!input.ReadVarint32(&size)) return false;
  // A length that leads out of the bundle is taken for one up to its end, so it is looked at first.
  if (static_cast<std::int64_t>(size) > input.BytesUntilTotalBytesLimit()) return false;
  const Input::Limit outer = input.PushLimit(static_cast<int>(size));
  const bool is_whole = read_module(input, module) && input.BytesUntilLimit() == 0;
  input.PopLimit(outer);
  return is_whole;
}

bool read_bundle(Input& input, BundleForm& form) {
  while (const std::uint32_t tag = input.ReadTag()) {
    bool is_whole = false;
    if (tag == tag_of(v1::Bundle::kMainModuleFieldNumber, kBytes)) {
      is_whole = read_text(input, form.main_module);
    } else if (tag == tag_of(v1::Bundle::kModulesFieldNumber, kBytes)) {
      is_whole = read_inner_module(input, form.modules.emplace_back());
    } else {
      is_whole = WireFormatLite::SkipField(&input, tag);
    }
    if (!is_whole) return false;
  }
  return input.ConsumedEntireMessage();
}

}  // namespace

Result<BundleForm> read_bundle_form(std::string_view bundle) {
  Input input(reinterpret_cast<const std::uint8_t*>(bundle.data()),
              static_cast<int>(bundle.size()));
  input.SetTotalBytesLimit(static_cast<int>(bundle.size()));
  BundleForm form;
  if (!read_bundle(input, form)) return invalid_argument("the bundle does not parse");
  return form;
}

Result<void> check_bundle_form(const BundleForm& form, std::uint64_t script_bytes_max) {
  std::set<std::string_view> names;
  std::uint64_t script_bytes = 0;
  for (const BundleForm::Module& module : form.modules) {
    if (module.name.empty()) return invalid_argument("a module of the bundle has no name");
    if (!names.insert(module.name).second) {
      return invalid_argument("the bundle has two modules named '" + module.name + "'");
    }
    script_bytes += module.bytes;
  }
  if (script_bytes > script_bytes_max) {
    return Error{ErrorCode::kResourceExhausted, "the worker's modules have " +
                                                    std::to_string(script_bytes) +
                                                    " bytes together, its script size limit is " +
                                                    std::to_string(script_bytes_max)};
  }
  const auto main_module = std::find_if(
      form.modules.begin(), form.modules.end(),
      [&form](const BundleForm::Module& module) { return module.name == form.main_module; });
  if (main_module == form.modules.end()) {
    return invalid_argument("the bundle's main module '" + form.main_module + "' is not in it");
  }
  if (main_module->type != v1::MODULE_TYPE_ES_MODULE) {
    return invalid_argument("the main module '" + form.main_module + "' is not an ES module");
  }
  return {};
}

}  // namespace isopop::pop
