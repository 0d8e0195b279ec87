#include "control_plane/rpc/telemetry.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace isopop::control {
namespace {

constexpr auto kRankInterval = std::chrono::minutes(1);
constexpr std::chrono::milliseconds kRecent{2'000};
// Heartbeats with figures that are kept for kRecent.
constexpr std::size_t kRecentMax = 20'000;

}  // namespace

void Telemetry::attach() {
  ranked_at_ = clock_.now();
  loop_.distributor().add_sink(*this);
  loop_.add_watcher(*this);
}

Result<TailHub::TailId> Telemetry::open_tail(const v1::TailRequest& request, TailReader& reader) {
  ISOPOP_TRY_ASSIGN(const TailHub::TailId id, hub_.open(request));
  readers_[id] = &reader;
  settle();
  return id;
}

void Telemetry::close_tail(TailHub::TailId id) {
  readers_.erase(id);
  hub_.close(id);
  settle();
}

std::optional<v1::TailBatch> Telemetry::next_batch(TailHub::TailId id) {
  return hub_.next(id);
}

Result<void> Telemetry::add_window(TrafficWindow& window) {
  if (windows_.size() >= kWindowsMax) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("{} watch the figures already; end one of them first", kWindowsMax)};
  }
  windows_.insert(&window);
  return {};
}

v1::Figures Telemetry::recent(const std::string& worker) const {
  TrafficWindow window(worker);
  const Instant now = clock_.now();
  for (const Recent& entry : recent_) {
    if (now - entry.at <= kRecent) window.add(entry.pop, entry.figures);
  }
  return window.take(clock_.wall_now(), kRecent);
}

void Telemetry::on_heartbeat(const std::string& pop, const v1::Heartbeat& heartbeat) {
  const Instant now = clock_.now();
  if (now - ranked_at_ >= kRankInterval) {
    ranked_at_ = now;
    totals_.rank();
  }
  while (!recent_.empty() && (now - recent_.front().at > kRecent || recent_.size() >= kRecentMax)) {
    recent_.pop_front();
  }
  if (heartbeat.figures().empty()) return;
  totals_.add(pop, heartbeat);
  for (TrafficWindow* window : windows_) window->add(pop, heartbeat);
  Recent& entry = recent_.emplace_back(Recent{.at = now, .pop = pop, .figures = {}});
  *entry.figures.mutable_figures() = heartbeat.figures();
}

void Telemetry::on_tail(const std::string& pop, const v1::TailEvents& events) {
  hub_.receive(pop, events);
  settle();
}

void Telemetry::pops_changed(const std::set<std::string>& ids) {
  for (const std::string& id : ids) note_pop(id);
  settle();
}

void Telemetry::note_pop(const std::string& id) {
  const std::optional<v1::Pop> pop = loop_.distributor().pop(id);
  if (!pop || pop->state() == v1::POP_STATE_DOWN) {
    if (connected_.erase(id) > 0) hub_.pop_disconnected(id);
    return;
  }
  // Another moment is another stream: what was asked on the one before is not known there.
  const auto [entry, is_new] = connected_.try_emplace(id, pop->connected_at_ms());
  if (!is_new && entry->second == pop->connected_at_ms()) return;
  entry->second = pop->connected_at_ms();
  hub_.pop_connected({.id = id, .region = pop->identity().region()});
}

void Telemetry::settle() {
  for (const TailHub::ToPop& message : hub_.take_messages()) {
    // A PoP that is overwhelmed is not asked; its stream will not last either.
    static_cast<void>(loop_.post_to_pop(message.pop, message.message));
  }
  for (const TailHub::TailId id : hub_.take_readable()) {
    if (const auto reader = readers_.find(id); reader != readers_.end()) {
      reader->second->tail_readable();
    }
  }
}

}  // namespace isopop::control
