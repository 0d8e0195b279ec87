#include "control_plane/rpc/tail_stream.h"

#include <algorithm>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "common/rpc/rpc.h"
#include "control_plane/rpc/pull_stream.h"

namespace isopop::control {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIntervalMin{500};
constexpr milliseconds kIntervalMax{60'000};
constexpr milliseconds kIntervalDefault{2'000};

class TailStream final : public PullStream<v1::TailBatch>, public TailReader {
 public:
  TailStream(ControlLoop& loop, Telemetry& telemetry, const v1::TailRequest& request)
      : PullStream(loop), telemetry_(telemetry), request_(request) {}

  void tail_readable() override { pump(); }

 private:
  void opened() override {
    const bool taken = loop_.store().post([this, keep = shared_from_this()](Registry& registry) {
      const Result<Registry::History> history = registry.versions(request_.worker());
      std::optional<Error> error;
      if (!history.ok()) error = history.error();
      loop_.post([this, keep, error] {
        if (error) return finish(rpc::to_status(*error));
        begin();
      });
    });
    if (!taken) finish(rpc::to_status(Store::busy_error()));
  }

  void begin() {
    if (is_closed_) return;
    const Result<TailHub::TailId> id = telemetry_.open_tail(request_, *this);
    if (!id.ok()) return finish(rpc::to_status(id.error()));
    id_ = id.value();
    pump();
  }

  void closed() override {
    is_closed_ = true;
    if (id_) telemetry_.close_tail(*id_);
  }

  std::optional<v1::TailBatch> next() override {
    return id_ ? telemetry_.next_batch(*id_) : std::nullopt;
  }

  Telemetry& telemetry_;
  v1::TailRequest request_;
  std::optional<TailHub::TailId> id_;
  bool is_closed_ = false;
};

class FiguresStream final : public PullStream<v1::Figures> {
 public:
  FiguresStream(ControlLoop& loop, Telemetry& telemetry, asio::io_context& io, const Clock& clock,
                const v1::WatchFiguresRequest& request, milliseconds interval)
      : PullStream(loop),
        telemetry_(telemetry),
        clock_(clock),
        worker_(request.worker()),
        interval_(interval),
        timer_(io),
        window_(request.worker()) {}

  void shut_down() override {
    timer_.cancel();
    PullStream::shut_down();
  }

 private:
  void opened() override {
    if (const Result<void> added = telemetry_.add_window(window_); !added.ok()) {
      return finish(rpc::to_status(added.error()));
    }
    since_ = clock_.now();
    due_ = telemetry_.recent(worker_);
    pump();
    wait();
  }

  void closed() override {
    is_closed_ = true;
    timer_.cancel();
    telemetry_.remove_window(window_);
  }

  void wait() {
    timer_.expires_after(interval_);
    timer_.async_wait([this, keep = shared_from_this()](const boost::system::error_code& error) {
      if (error || is_closed_) return;
      // While a slow reader takes the last one, the interval grows.
      if (!is_writing()) {
        const Instant now = clock_.now();
        const auto passed = std::chrono::ceil<milliseconds>(now - std::exchange(since_, now));
        due_ = window_.take(clock_.wall_now(), std::max(passed, milliseconds(1)));
        pump();
      }
      wait();
    });
  }

  std::optional<v1::Figures> next() override { return std::exchange(due_, std::nullopt); }

  Telemetry& telemetry_;
  const Clock& clock_;
  std::string worker_;
  milliseconds interval_;
  asio::steady_timer timer_;
  TrafficWindow window_;
  Instant since_;
  std::optional<v1::Figures> due_;
  bool is_closed_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::TailBatch>* start_tail_stream(ControlLoop& loop, Telemetry& telemetry,
                                                           const v1::TailRequest& request) {
  const auto stream = std::make_shared<TailStream>(loop, telemetry, request);
  stream->start();
  return stream.get();
}

grpc::ServerWriteReactor<v1::Figures>* start_figures_stream(
    ControlLoop& loop, Telemetry& telemetry, asio::io_context& io, const Clock& clock,
    const v1::WatchFiguresRequest& request) {
  milliseconds interval(request.interval_ms());
  if (request.interval_ms() == 0) interval = kIntervalDefault;
  interval = std::clamp(interval, kIntervalMin, kIntervalMax);
  const auto stream =
      std::make_shared<FiguresStream>(loop, telemetry, io, clock, request, interval);
  stream->start();
  return stream.get();
}

}  // namespace isopop::control
