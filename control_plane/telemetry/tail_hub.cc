#include "control_plane/telemetry/tail_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace isopop::control {
namespace {

constexpr std::size_t kSearchBytesMax = 1024;
constexpr int kListMax = 10'000;

// 404, or 4 for all of 4xx.
bool is_status_filter(std::uint32_t status) {
  return (status >= 1 && status <= 5) || (status >= 100 && status <= 599);
}

Result<void> check(const v1::TailFilter& filter) {
  if (!(filter.sampling_rate() >= 0.0 && filter.sampling_rate() <= 1.0)) {
    return invalid_argument("the sampling rate must be above 0 and at most 1");
  }
  if (filter.search().size() > kSearchBytesMax) {
    return invalid_argument(fmt::format("at most {} bytes can be searched for", kSearchBytesMax));
  }
  if (filter.pops_size() > kListMax || filter.methods_size() > kListMax ||
      filter.outcomes_size() > kListMax || filter.statuses_size() > kListMax) {
    return invalid_argument(fmt::format("a filter names at most {} of a kind", kListMax));
  }
  for (const std::uint32_t status : filter.statuses()) {
    if (is_status_filter(status)) continue;
    return invalid_argument(
        fmt::format("{} is no status: give 404, or 4 for all from 400 to 499", status));
  }
  for (const std::string& outcome : filter.outcomes()) {
    if (outcome == "ok" || outcome == "error" || outcome == "canceled") continue;
    return invalid_argument("an outcome is 'ok', 'error' or 'canceled'");
  }
  return {};
}

bool names(const v1::TailFilter& filter, const TailPop& pop) {
  if (!filter.region().empty() && filter.region() != pop.region) return false;
  return filter.pops().empty() ||
         std::find(filter.pops().begin(), filter.pops().end(), pop.id) != filter.pops().end();
}

}  // namespace

Result<TailHub::TailId> TailHub::open(const v1::TailRequest& request) {
  ISOPOP_TRY(check(request.filter()));
  if (tails_.size() >= limits_.tails_max) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("{} tails are open already; end one of them first", tails_.size())};
  }
  const TailId id = ++last_id_;
  Tail& tail = tails_[id];
  tail.request = request;
  for (const auto& [name, pop] : pops_) ask_if_named(id, tail, pop);
  readable_.insert(id);
  return id;
}

void TailHub::ask_if_named(TailId id, Tail& tail, const TailPop& pop) {
  if (!names(tail.request.filter(), pop)) return;
  ToPop start{.pop = pop.id, .message = {}};
  v1::TailStart& message = *start.message.mutable_tail_start();
  message.set_id(id);
  message.set_worker(tail.request.worker());
  *message.mutable_filter() = tail.request.filter();
  messages_.push_back(std::move(start));
  tail.asked.insert(pop.id);
  tail.pops_changed = true;
}

void TailHub::close(TailId id) {
  const auto found = tails_.find(id);
  if (found == tails_.end()) return;
  for (const std::string& pop : found->second.asked) {
    ToPop stop{.pop = pop, .message = {}};
    stop.message.mutable_tail_stop()->set_id(id);
    messages_.push_back(std::move(stop));
  }
  tails_.erase(found);
  readable_.erase(id);
}

void TailHub::pop_connected(const TailPop& pop) {
  pops_[pop.id] = pop;
  for (auto& [id, tail] : tails_) {
    tail.asked.erase(pop.id);
    tail.pops_changed = true;
    ask_if_named(id, tail, pop);
    readable_.insert(id);
  }
}

void TailHub::pop_disconnected(const std::string& pop) {
  if (pops_.erase(pop) == 0) return;
  for (auto& [id, tail] : tails_) {
    if (tail.asked.erase(pop) == 0) continue;
    tail.pops_changed = true;
    readable_.insert(id);
  }
}

void TailHub::receive(const std::string& pop, const v1::TailEvents& events) {
  const auto found = tails_.find(events.id());
  if (found == tails_.end() || !found->second.asked.contains(pop)) return;
  Tail& tail = found->second;
  tail.dropped_at_pops += events.dropped();
  for (v1::TailEvent event : events.events()) {
    event.set_pop(pop);
    const std::size_t bytes = event.ByteSizeLong();
    if (tail.queue.size() >= limits_.queue_events_max ||
        tail.queue_bytes + bytes > limits_.queue_bytes_max) {
      ++tail.dropped_here;
      continue;
    }
    tail.queue_bytes += bytes;
    tail.queue.push_back(std::move(event));
  }
  readable_.insert(found->first);
}

std::optional<v1::TailBatch> TailHub::next(TailId id) {
  const auto found = tails_.find(id);
  if (found == tails_.end()) return std::nullopt;
  Tail& tail = found->second;
  if (tail.queue.empty() && tail.dropped_at_pops == 0 && tail.dropped_here == 0 &&
      !tail.pops_changed) {
    return std::nullopt;
  }
  v1::TailBatch batch;
  std::size_t batch_bytes = 0;
  while (!tail.queue.empty() && batch_bytes < limits_.batch_bytes_max &&
         static_cast<std::size_t>(batch.events_size()) < limits_.batch_events_max) {
    const std::size_t bytes = tail.queue.front().ByteSizeLong();
    batch_bytes += bytes;
    tail.queue_bytes -= bytes;
    *batch.add_events() = std::move(tail.queue.front());
    tail.queue.pop_front();
  }
  batch.set_dropped_at_pops(std::exchange(tail.dropped_at_pops, 0));
  batch.set_dropped_here(std::exchange(tail.dropped_here, 0));
  batch.set_pops(tail.asked.size());
  tail.pops_changed = false;
  return batch;
}

std::vector<TailHub::ToPop> TailHub::take_messages() {
  return std::exchange(messages_, {});
}

std::set<TailHub::TailId> TailHub::take_readable() {
  return std::exchange(readable_, {});
}

}  // namespace isopop::control
