#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "common/result/result.h"
#include "isopop/v1/executor.pb.h"
#include "pop_node/pool/subrequest_ledger.h"

namespace isopop::pop {

// A breach of the worker's limits, as opposed to its own failure.
[[nodiscard]] constexpr bool is_limit(v1::FailureKind kind) {
  return kind == v1::FAILURE_KIND_CPU_LIMIT || kind == v1::FAILURE_KIND_MEMORY_LIMIT ||
         kind == v1::FAILURE_KIND_WALL_LIMIT;
}

// What an executor may say next. The executor runs untrusted code, so every frame is checked
// against what went before: ids, order, credit, sizes. An error means the executor broke the
// protocol and has to go. Pure; one object an executor.
class ExecutorProtocol {
 public:
  // How many requests of its own a request may make.
  explicit ExecutorProtocol(std::uint32_t subrequests_max = 0)
      : subrequests_max_(subrequests_max) {}

  // The PoP's side, as it happens.
  void request_sent(const v1::RequestHead& head);
  void body_sent(std::uint32_t id, std::size_t bytes, bool last);
  void granted(std::uint32_t id, std::size_t bytes);
  void subresponse_sent(const v1::Subresponse& part);

  // What may still be sent of a request's body now; 0 also when the request is over.
  [[nodiscard]] std::size_t send_window(std::uint32_t id) const;
  // Of an answer to a request's own request; null when that request is over.
  [[nodiscard]] const SubrequestLedger* subrequests(std::uint32_t parent) const;
  // Whether it is the executor's turn: nothing it sent is waiting for the client, and it lacks
  // nothing from the client either.
  [[nodiscard]] bool is_executors_turn(std::uint32_t id) const;
  // Whether the answer is whole and the request's body was sent whole: nothing is left to cancel.
  [[nodiscard]] bool is_settled(std::uint32_t id) const;

  // kDrop: of a request that is already over. kBehindAnswer: a limit that was reached when the
  // client had its whole answer.
  enum class Verdict { kDeliver, kDrop, kBehindAnswer };
  [[nodiscard]] Result<Verdict> check(const v1::Frame& frame);

 private:
  struct Request {
    std::size_t send_window = 0;
    bool body_sent = false;
    std::size_t receive_window = 0;
    bool has_head = false;
    bool is_answered = false;  // whole response, or failure
    bool has_failed = false;
    SubrequestLedger subrequests;
  };

  Result<Verdict> check_request_frame(const v1::Frame& frame, std::uint32_t id);
  Result<Verdict> check_subrequest(const v1::Subrequest& part, Request& request) const;
  static Result<Verdict> check_failure(const v1::Failure& failure, Request& request);
  static Result<void> check_head(const v1::ResponseHead& head, Request& request);
  static Result<void> take_body(std::size_t bytes, Request& request);

  std::uint32_t subrequests_max_;
  bool loaded_ = false;
  std::uint32_t last_id_ = 0;
  std::map<std::uint32_t, Request> requests_;
};

}  // namespace isopop::pop
