#pragma once

#include <memory>
#include <string>
#include <variant>

#include "common/result/result.h"
#include "isopop/v1/executor.pb.h"
#include "isopop/v1/worker.pb.h"
#include "pop_node/kv/kv_upstream.h"
#include "pop_node/kv/pop_kv.h"

namespace isopop::pop {

// What a worker asks of a namespace, as a subrequest on its binding, and the answer on its way
// back. The other half of it is pop_node/runtime/src/kv.js. The head's URL is the key, or the
// prefix:
//
//   GET     age-max                   200 value; metadata, expiration · 404: there is no such key
//   PUT     metadata, expiration      200
//   DELETE                            200
//   LIST    limit, cursor             200 JSON: keys, list_complete, cursor
//
// Any other status has a sentence for the worker as its body. Header values are bytes of UTF-8.
// The executor is as little trusted as a client. Pure functions.

struct KvRead {
  KvKey key;
  std::chrono::seconds age_max = PopKv::kAgeDefault;
};
using KvOperation = std::variant<KvRead, v1::KvWriteRequest::Write, v1::KvListRequest>;

// `settings` are those of the worker that asks. INVALID_ARGUMENT.
[[nodiscard]] Result<KvOperation> to_kv_operation(const v1::SubrequestHead& asked, std::string body,
                                                  const v1::WorkerSettings& settings);

struct KvReply {
  v1::ResponseHead head;                    // all but its body
  std::shared_ptr<const std::string> body;  // never null
};
[[nodiscard]] KvReply to_kv_reply(const Result<KvCopy>& read);
[[nodiscard]] KvReply to_kv_reply(const Result<void>& written);
[[nodiscard]] KvReply to_kv_reply(const Result<v1::KvListResponse>& listed);
[[nodiscard]] KvReply to_kv_reply(const Error& error);

}  // namespace isopop::pop
