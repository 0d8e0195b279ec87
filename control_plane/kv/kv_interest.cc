#include "control_plane/kv/kv_interest.h"

#include <algorithm>
#include <set>
#include <utility>

namespace isopop::control {
namespace {

std::size_t bytes_of(const KvKey& key) {
  return key.space.size() + key.key.size();
}

}  // namespace

KvInterest::Readers KvInterest::add(const std::string& reader, const KvKey& key) {
  const auto found = readers_.find(key);
  const std::size_t more_bytes = found == readers_.end() ? bytes_of(key) : 0;
  if (marks_ + 1 > limits_.marks_max || key_bytes_ + more_bytes > limits_.key_bytes_max) {
    // The reader's copy is not told of either: it is among those that forget, and caches nothing
    // that it asked for before it heard.
    Readers all = start_anew();
    if (std::find(all.begin(), all.end(), reader) == all.end()) all.push_back(reader);
    return all;
  }
  key_bytes_ += more_bytes;
  std::vector<std::uint32_t>& numbers = readers_[key];
  const std::uint32_t number = number_of(reader);
  const auto place = std::lower_bound(numbers.begin(), numbers.end(), number);
  if (place != numbers.end() && *place == number) return {};
  numbers.insert(place, number);
  ++marks_;
  return {};
}

KvInterest::Readers KvInterest::changed(const KvKey& key) {
  const auto found = readers_.find(key);
  if (found == readers_.end()) return {};
  Readers readers;
  readers.reserve(found->second.size());
  for (const std::uint32_t number : found->second) readers.push_back(names_[number]);
  marks_ -= found->second.size();
  key_bytes_ -= bytes_of(key);
  readers_.erase(found);
  return readers;
}

KvInterest::Readers KvInterest::space_deleted(const std::string& space) {
  std::set<std::string> readers;
  auto next = readers_.lower_bound({.space = space, .key = ""});
  while (next != readers_.end() && next->first.space == space) {
    for (const std::uint32_t number : next->second) readers.insert(names_[number]);
    marks_ -= next->second.size();
    key_bytes_ -= bytes_of(next->first);
    next = readers_.erase(next);
  }
  return {readers.begin(), readers.end()};
}

KvInterest::Readers KvInterest::start_anew() {
  Readers all = std::exchange(names_, {});
  readers_.clear();
  numbers_.clear();
  marks_ = 0;
  key_bytes_ = 0;
  return all;
}

std::uint32_t KvInterest::number_of(const std::string& reader) {
  const auto [entry, is_new] = numbers_.try_emplace(reader, names_.size());
  if (is_new) names_.push_back(reader);
  return entry->second;
}

}  // namespace isopop::control
