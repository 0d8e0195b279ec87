#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/event_loop/asio.h"
#include "common/http/server.h"
#include "common/random/random.h"
#include "common/time/clock.h"
#include "pop_node/http/pop_metrics.h"
#include "pop_node/http/subrequest_load.h"
#include "pop_node/http/tails.h"
#include "pop_node/http/version_figures.h"
#include "pop_node/kv/pop_kv.h"
#include "pop_node/pool/executor_pool.h"
#include "pop_node/worker/worker_registry.h"

namespace isopop::pop {

// What all requests of a PoP share. Outlives them; lives on the PoP's event loop.
struct EdgeContext {
  asio::io_context& io;
  const Clock& clock;
  const WorkerRegistry& registry;
  ExecutorPool& pool;
  PopMetrics& metrics;
  VersionFigures& figures;
  Tails& tails;
  PopKv& kv;
  std::string colo;  // the PoP's id: the end of every ray id
  // Shared: what holds a part of it may be destroyed with the event loop, after all else here.
  std::shared_ptr<SubrequestLoad> subrequests = std::make_shared<SubrequestLoad>();
};

// The PoP's HTTP face: its own pages below /__isopop/ on any host, everything else a worker's. Give
// handle() and refuse() to http::Server.
class EdgeHandler final {
 public:
  // `is_ready` answers /__isopop/readyz.
  EdgeHandler(EdgeContext context, std::function<bool()> is_ready);

  asio::awaitable<void> handle(http::Exchange& exchange);
  // Dresses the answers that the server gives by itself.
  void dress(http::Refusal& refusal);
  // For the figures of the metrics page; before the first request.
  void attach(const http::Server& server) { server_ = &server; }

 private:
  asio::awaitable<void> answer_own_page(http::Exchange& exchange, std::string_view path);
  [[nodiscard]] std::string next_ray();

  EdgeContext context_;
  std::function<bool()> is_ready_;
  const http::Server* server_ = nullptr;
  RandomStream rays_;
};

}  // namespace isopop::pop
