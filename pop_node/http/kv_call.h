#pragma once

#include <functional>
#include <memory>
#include <string>

#include "isopop/v1/executor.pb.h"
#include "pop_node/http/subrequest_load.h"
#include "pop_node/kv/kv_translation.h"
#include "pop_node/kv/pop_kv.h"
#include "pop_node/pool/subrequest_port.h"

namespace isopop::pop {

// One subrequest on a worker's binding, from its head to the end of its answer. A session: whoever
// it waits for keeps it alive until then. Lives on the PoP's event loop.
class KvCall final : public SubrequestCall, public std::enable_shared_from_this<KvCall> {
 public:
  // For the metrics: "answered" or "refused". Not called for one that was cancelled.
  using OnAnswered = std::function<void(const std::string& outcome)>;

  // `kv` outlives it, and so does the sink until cancel() or the answer's end.
  KvCall(PopKv& kv, SubrequestOrigin origin, SubresponseSink& sink,
         std::shared_ptr<SubrequestLoad> load, OnAnswered on_answered);
  ~KvCall() override;
  KvCall(const KvCall&) = delete;
  KvCall& operator=(const KvCall&) = delete;
  KvCall(KvCall&&) = delete;
  KvCall& operator=(KvCall&&) = delete;

  void take(v1::Subrequest part) override;
  void cancel() override;
  [[nodiscard]] bool is_over() const override;

 private:
  void take_body(const v1::BodyChunk& chunk);
  void refuse();
  void begin();
  void reply(KvReply reply);
  void send_more();
  void send(v1::Subresponse part);
  void leave_load();

  PopKv& kv_;
  SubrequestOrigin origin_;
  SubresponseSink* sink_;  // null: wants nothing more
  std::shared_ptr<SubrequestLoad> load_;
  OnAnswered on_answered_;
  bool is_let_in_;
  std::uint32_t id_ = 0;
  v1::SubrequestHead asked_;
  std::string body_;
  std::size_t held_bytes_ = 0;
  std::shared_ptr<const std::string> answer_;  // once there is one
  std::string outcome_ = "answered";
  std::size_t sent_ = 0;  // of it
};

}  // namespace isopop::pop
