#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::pop {

// A serialised v1::Bundle without the modules' contents, which are skipped and not copied: a PoP
// that takes new code needs memory for it once.
struct BundleForm {
  struct Module {
    std::string name;
    int type = v1::MODULE_TYPE_UNSPECIFIED;
    std::uint64_t bytes = 0;
  };
  std::string main_module;
  std::vector<Module> modules;
};

// INVALID_ARGUMENT: it does not parse.
[[nodiscard]] Result<BundleForm> read_bundle_form(std::string_view bundle);

// Names are there and differ, the main module is an ES module, and all together are not larger than
// `script_bytes_max` (RESOURCE_EXHAUSTED).
[[nodiscard]] Result<void> check_bundle_form(const BundleForm& form,
                                             std::uint64_t script_bytes_max);

}  // namespace isopop::pop
