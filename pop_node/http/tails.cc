#include "pop_node/http/tails.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "common/hash/hash.h"

namespace isopop::pop {
namespace {

template <typename List, typename Predicate>
bool none_or_any(const List& list, Predicate predicate) {
  return list.empty() || std::any_of(list.begin(), list.end(), predicate);
}

// As people ask for it: whatever is neither fine nor the client's doing is an error.
std::string_view outcome_class(std::string_view outcome) {
  return outcome == "ok" || outcome == "canceled" ? outcome : "error";
}

bool is_sampled(double rate, std::string_view ray) {
  if (rate <= 0 || rate >= 1) return true;
  constexpr int kHashBits = 64;
  return static_cast<double>(hash64(ray)) < std::ldexp(rate, kHashBits);
}

bool has_text(const v1::TailEvent& event, const std::string& text) {
  if (text.empty() || event.exception().find(text) != std::string::npos) return true;
  return std::any_of(event.logs().begin(), event.logs().end(), [&text](const v1::TailLog& log) {
    return log.text().find(text) != std::string::npos;
  });
}

}  // namespace

bool passes(const v1::TailFilter& filter, const v1::TailEvent& event) {
  constexpr std::uint32_t kClassesBelow = 10;
  return none_or_any(filter.outcomes(),
                     [&event](const std::string& outcome) {
                       return outcome == outcome_class(event.outcome());
                     }) &&
         none_or_any(filter.methods(),
                     [&event](const std::string& method) { return method == event.method(); }) &&
         none_or_any(filter.statuses(),
                     [&event](std::uint32_t status) {
                       return status < kClassesBelow ? event.status() / 100 == status
                                                     : event.status() == status;
                     }) &&
         is_sampled(filter.sampling_rate(), event.ray()) && has_text(event, filter.search());
}

void Tails::start(const v1::TailStart& tail) {
  if (tails_.size() >= kTailsMax && !tails_.contains(tail.id())) return;
  Tail& begun = tails_[tail.id()];
  begun = {};
  begun.asked = tail;
  begun.waiting.set_id(tail.id());
}

bool Tails::want(std::string_view worker) const {
  return std::any_of(tails_.begin(), tails_.end(),
                     [worker](const auto& entry) { return entry.second.asked.worker() == worker; });
}

void Tails::offer(const v1::TailEvent& event, Instant now) {
  for (auto& [id, tail] : tails_) {
    if (tail.asked.worker() != event.worker() || !passes(tail.asked.filter(), event)) continue;
    if (now - tail.second_began >= std::chrono::seconds(1)) {
      tail.second_began = now;
      tail.events_this_second = 0;
      tail.bytes_this_second = 0;
    }
    const std::size_t bytes = event.ByteSizeLong();
    const bool fits = tail.events_this_second < kEventsPerSecondMax &&
                      tail.bytes_this_second + bytes <= kBytesPerSecondMax &&
                      static_cast<std::size_t>(tail.waiting.events_size()) < kWaitingMax;
    if (!fits) {
      tail.waiting.set_dropped(tail.waiting.dropped() + 1);
      continue;
    }
    ++tail.events_this_second;
    tail.bytes_this_second += bytes;
    *tail.waiting.add_events() = event;
  }
}

std::vector<v1::TailEvents> Tails::take() {
  std::vector<v1::TailEvents> batches;
  for (auto& [id, tail] : tails_) {
    if (tail.waiting.events().empty() && tail.waiting.dropped() == 0) continue;
    batches.push_back(std::exchange(tail.waiting, {}));
    tail.waiting.set_id(id);
  }
  return batches;
}

}  // namespace isopop::pop
