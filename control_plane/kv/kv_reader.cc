#include "control_plane/kv/kv_reader.h"

#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "control_plane/kv/kv_table.h"

namespace isopop::control {

KvReader::KvReader(Store& store, const Clock& clock, OnReading on_reading, Limits limits)
    : store_(store), clock_(clock), on_reading_(std::move(on_reading)), limits_(limits) {}

void KvReader::read(KvKey key, std::string reader, Answer answer) {
  Answer turned_away;
  {
    const std::lock_guard lock(mutex_);
    const bool is_full = waiting_.size() + waiting_for_room_.size() >= limits_.waiting_max;
    if (is_full) {
      turned_away = std::move(answer);
    } else {
      waiting_.push_back(
          {.key = std::move(key), .reader = std::move(reader), .answer = std::move(answer)});
      if (std::exchange(is_posted_, true)) return;
    }
  }
  if (turned_away) return turned_away(Store::busy_error());
  go_on();
}

void KvReader::release(std::size_t bytes) {
  if (bytes == 0) return;
  {
    const std::lock_guard lock(mutex_);
    answer_bytes_ -= bytes;
    if (waiting_for_room_.empty()) return;
    std::move(waiting_for_room_.begin(), waiting_for_room_.end(), std::back_inserter(waiting_));
    waiting_for_room_.clear();
    if (std::exchange(is_posted_, true)) return;
  }
  go_on();
}

void KvReader::go_on() {
  if (store_.post([this](Registry& registry) { drain(registry); })) return;
  std::deque<Waiting> refused;
  {
    const std::lock_guard lock(mutex_);
    refused = std::exchange(waiting_, {});
    is_posted_ = false;
  }
  for (const Waiting& waiting : refused) waiting.answer(Store::busy_error());
}

void KvReader::drain(Registry& registry) {
  std::deque<Waiting> batch;
  {
    const std::lock_guard lock(mutex_);
    batch = std::exchange(waiting_, {});
    is_posted_ = false;
  }
  KvTable table(registry.database(), clock_);
  std::map<KvKey, std::vector<Waiting>> by_key;
  for (Waiting& waiting : batch) {
    std::vector<Waiting>& readers = by_key[waiting.key];
    readers.push_back(std::move(waiting));
  }
  for (auto& [key, readers] : by_key) {
    const Result<v1::KvReadResponse> found = table.read(key.space, key.key);
    const std::size_t bytes = found.ok() ? room_for(found.value()) : 0;
    for (Waiting& waiting : readers) {
      if (!take_room(waiting, bytes)) continue;
      // Writes are done on this thread too: none comes between the look and this.
      if (found.ok() && !waiting.reader.empty()) on_reading_(waiting.reader, key);
      waiting.answer(found);
    }
  }
}

bool KvReader::take_room(Waiting& waiting, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  // One alone is always taken.
  if (bytes != 0 && answer_bytes_ != 0 && answer_bytes_ + bytes > limits_.answer_bytes_max) {
    waiting_for_room_.push_back(std::move(waiting));
    return false;
  }
  answer_bytes_ += bytes;
  return true;
}

}  // namespace isopop::control
