#pragma once

#include <functional>

#include "common/result/result.h"
#include "isopop/v1/kv.pb.h"
#include "pop_node/kv/kv_cache.h"

namespace isopop::pop {

// Whoever holds what is true: the control plane, or a relay on the way to it. Answers come on the
// PoP's event loop, never from within the call that asked. UNAVAILABLE and DEADLINE_EXCEEDED: it
// cannot be reached.
class KvUpstream {
 public:
  using ReadAnswer = std::function<void(Result<KvCopy>)>;
  using WriteAnswer = std::function<void(Result<v1::KvWriteResponse>)>;
  using ListAnswer = std::function<void(Result<v1::KvListResponse>)>;

  virtual ~KvUpstream() = default;
  virtual void read(const KvKey& key, ReadAnswer answer) = 0;
  virtual void write(v1::KvWriteRequest::Write write, WriteAnswer answer) = 0;
  virtual void list(const v1::KvListRequest& request, ListAnswer answer) = 0;
  // It may have another address from now on.
  virtual void connect_anew() = 0;
};

}  // namespace isopop::pop
