#include "control_plane/distribution/holdings.h"

#include <algorithm>

namespace isopop::control {
namespace {

// Works for both kinds of vector.
template <typename Entries>
auto place_of(Entries& entries, WorkerIndex worker) {
  return std::lower_bound(
      entries.begin(), entries.end(), worker,
      [](const Holdings::Entry& entry, WorkerIndex index) { return entry.worker < index; });
}

}  // namespace

const Holdings::Entry* Holdings::find(WorkerIndex worker) const {
  const auto found = place_of(entries_, worker);
  return found != entries_.end() && found->worker == worker ? &*found : nullptr;
}

Holdings::Entry& Holdings::at(WorkerIndex worker) {
  auto found = place_of(entries_, worker);
  if (found == entries_.end() || found->worker != worker) {
    found = entries_.insert(found, Entry{.worker = worker, .held = nullptr, .refused = nullptr});
  }
  return *found;
}

void Holdings::erase(WorkerIndex worker) {
  const auto found = place_of(entries_, worker);
  if (found != entries_.end() && found->worker == worker) entries_.erase(found);
}

Holdings::Answer Holdings::answer_to(WorkerIndex worker, const DesiredRef& desired) const {
  const Entry* entry = find(worker);
  if (desired == nullptr) {
    return entry == nullptr || entry->held == nullptr ? Answer::kAcknowledged : Answer::kNone;
  }
  if (entry == nullptr) return Answer::kNone;
  const std::string& digest = desired->assignment.digest();
  if (entry->held != nullptr && entry->held->digest() == digest) return Answer::kAcknowledged;
  if (entry->refused != nullptr && entry->refused->digest == digest) return Answer::kRefused;
  return Answer::kNone;
}

}  // namespace isopop::control
