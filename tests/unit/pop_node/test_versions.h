#pragma once

#include <cstdint>
#include <string>

#include "common/hash/hash.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::pop {

// A worker version and its serialised bundle, consistent with each other.
struct VersionWithCode {
  v1::WorkerVersion version;
  std::string bundle;
};

inline VersionWithCode make_version(const std::string& name, std::uint64_t number,
                                    const std::string& source) {
  v1::Bundle bundle;
  bundle.set_main_module("index.js");
  v1::Module& module = *bundle.add_modules();
  module.set_name("index.js");
  module.set_type(v1::MODULE_TYPE_ES_MODULE);
  module.set_content(source);
  VersionWithCode made;
  made.bundle = bundle.SerializeAsString();
  made.version.set_worker(name);
  made.version.set_number(number);
  made.version.set_bundle_sha256(sha256_hex(made.bundle));
  made.version.set_bundle_bytes(made.bundle.size());
  made.version.add_routes(name + ".example/*");
  return made;
}

}  // namespace isopop::pop
