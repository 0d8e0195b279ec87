#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/event_loop/asio.h"
#include "common/http/server.h"
#include "pop_node/http/edge_handler.h"
#include "pop_node/http/error_answers.h"
#include "pop_node/http/request_translation.h"
#include "pop_node/http/tailed_request.h"
#include "pop_node/pool/executor_run.h"
#include "pop_node/pool/signal.h"
#include "pop_node/worker/live_worker.h"

namespace isopop::pop {

// One request from its parsed head to the end of its answer: finds the worker, waits for an
// executor, carries both bodies under credit, and says what went wrong if something did. A body
// that is small is read before the request takes an executor, so that a slow client holds up
// nobody. Lives in the handler's coroutine.
class EdgeRequest final {
 public:
  EdgeRequest(EdgeContext& context, http::Exchange& exchange, std::string ray);
  EdgeRequest(const EdgeRequest&) = delete;
  EdgeRequest& operator=(const EdgeRequest&) = delete;

  asio::awaitable<void> serve();

 private:
  enum class Next { kGoOn, kDone };

  asio::awaitable<Next> find_worker();
  // Of the version that the request is for; null when no worker answers there.
  [[nodiscard]] LiveWorkerPtr choose_worker() const;
  void begin_tail();
  void count();
  asio::awaitable<Next> read_first_part();
  asio::awaitable<Next> wait_for_place();
  asio::awaitable<void> run_worker();
  void send_head();
  static asio::awaitable<void> upload(EdgeRequest& self);
  asio::awaitable<void> upload_body();
  asio::awaitable<void> answer();
  asio::awaitable<void> send_answer(v1::ResponseHead response);
  asio::awaitable<void> stream_body(std::string first_piece);
  asio::awaitable<void> refuse_body();
  asio::awaitable<void> send_error(ErrorAnswer error, const std::string& reason);
  void decorate(http::ResponseHead& head, const v1::RunTimes& times) const;
  void note_sent(const Result<void>& sent);
  void watch_client();
  void note_fault(const v1::Failure& failure);
  [[nodiscard]] bool is_over_limit(std::uint64_t body_bytes) const;
  [[nodiscard]] std::string_view start_name() const;

  EdgeContext& context_;
  http::Exchange& exchange_;
  std::string ray_;
  Instant began_;
  std::chrono::nanoseconds queued_{};
  unsigned status_ = 0;
  std::string_view outcome_ = "canceled";  // as tails call it, unless it comes to something else

  RequestTarget target_;
  std::string client_;  // its address
  LiveWorkerPtr worker_;
  std::shared_ptr<TailedRequest> tailed_;  // null: nobody tails it
  std::string first_part_;
  bool body_complete_ = false;
  std::uint64_t body_bytes_ = 0;
  std::unique_ptr<ExecutorRun> run_;
  bool was_placed_ = false;
  bool is_uploading_ = false;
  bool too_large_ = false;
  Signal upload_ended_;
};

}  // namespace isopop::pop
