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

// One version alone.
inline v1::Assignment assign(const v1::WorkerVersion& version) {
  v1::Assignment assignment;
  assignment.set_worker(version.worker());
  assignment.set_deployment(version.number());
  v1::Share& share = *assignment.add_shares();
  *share.mutable_version() = version;
  share.set_weight(10'000);
  return assignment;
}

// The first with `weight` of 10,000, the second with the rest.
inline v1::Assignment split(const v1::WorkerVersion& first, std::uint32_t weight,
                            const v1::WorkerVersion& second) {
  v1::Assignment assignment = assign(first);
  assignment.mutable_shares(0)->set_weight(weight);
  v1::Share& share = *assignment.add_shares();
  *share.mutable_version() = second;
  share.set_weight(10'000 - weight);
  return assignment;
}

}  // namespace isopop::pop
