#include "pop_node/kv/pop_kv.h"

#include <algorithm>
#include <utility>

namespace isopop::pop {
namespace {

bool is_out_of_reach(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kDeadlineExceeded;
}

KvCopy copy_of(const v1::KvWriteRequest::Write& write, std::uint64_t stamp) {
  auto copy = std::make_shared<v1::KvReadResponse>();
  copy->set_found(!write.deleted());
  copy->set_value(write.value());
  copy->set_metadata(write.metadata());
  copy->set_expires_at_s(write.expires_at_s());
  copy->set_stamp(stamp);
  return copy;
}

}  // namespace

PopKv::PopKv(const Clock& clock, KvUpstream& upstream, std::size_t cache_bytes)
    : clock_(clock), upstream_(upstream), stamps_(clock), cache_(clock, cache_bytes) {}

void PopKv::read(const KvKey& key, std::chrono::seconds age_max, ReadAnswer answer) {
  if (KvCopy copy = cache_.fresh(key, std::max(age_max, kAgeMin)); copy != nullptr) {
    ++hits_;
    return answer(std::move(copy));
  }
  ask(key, std::move(answer));
}

void PopKv::ask(const KvKey& key, ReadAnswer answer) {
  if (const auto found = questions_.find(key); found != questions_.end()) {
    ++joined_;
    found->second->waiting.push_back(std::move(answer));
    return;
  }
  ++misses_;
  const auto question = std::make_shared<Question>();
  question->waiting.push_back(std::move(answer));
  questions_[key] = question;
  upstream_.read(key, [this, key, question](Result<KvCopy> answered) {
    take_answer(key, question, std::move(answered));
  });
}

void PopKv::take_answer(const KvKey& key, const std::shared_ptr<Question>& question,
                        Result<KvCopy> answer) {
  if (question->is_current) questions_.erase(key);
  if (answer.ok()) {
    stamps_.observe(answer.value()->stamp());
    if (question->is_current) cache_.keep(key, answer.value());
  } else if (is_out_of_reach(answer.error())) {
    if (KvCopy old = cache_.any(key); old != nullptr) {
      stale_reads_ += question->waiting.size();
      answer = std::move(old);
    }
  }
  for (const ReadAnswer& waiting : std::exchange(question->waiting, {})) waiting(answer);
}

void PopKv::write(v1::KvWriteRequest::Write write, DoneAnswer answer) {
  ++written_;
  const KvKey key{.space = write.namespace_(), .key = write.key()};
  const auto under_way =
      std::make_shared<Write>(Write{.stamp = stamps_.next(), .is_current = true});
  write.set_stamp(under_way->stamp);
  writes_.emplace(key, under_way);
  KvCopy copy = copy_of(write, under_way->stamp);
  upstream_.write(
      std::move(write), [this, key, under_way, copy = std::move(copy),
                         answer = std::move(answer)](const Result<v1::KvWriteResponse>& written) {
        const auto [first, last] = writes_.equal_range(key);
        writes_.erase(std::find_if(
            first, last, [&under_way](const auto& entry) { return entry.second == under_way; }));
        take_written(key, *under_way, copy, written);
        answer(written.ok() ? Result<void>() : Result<void>(written.error()));
      });
}

void PopKv::take_written(const KvKey& key, const Write& write, const KvCopy& copy,
                         const Result<v1::KvWriteResponse>& written) {
  outdate_question(key);
  // One that failed may have been done all the same.
  if (!written.ok() || written.value().stamps_size() != 1) return cache_.drop(key);
  const std::uint64_t stamp = written.value().stamps(0);
  stamps_.observe(stamp);
  if (stamp == write.stamp && write.is_current) return cache_.keep(key, copy);
  // A later write won, or the control plane gave the stamp: what is true is asked for.
  cache_.drop(key);
}

void PopKv::list(const v1::KvListRequest& request, KvUpstream::ListAnswer answer) {
  upstream_.list(request, std::move(answer));
}

void PopKv::invalidate(const v1::KvInvalidations& invalidations) {
  if (invalidations.everything()) return doubt_everything();
  for (const v1::KvInvalidations::Entry& entry : invalidations.entries()) take_news(entry);
}

void PopKv::take_news(const v1::KvInvalidations::Entry& entry) {
  const KvKey key{.space = entry.namespace_(), .key = entry.key()};
  stamps_.observe(entry.stamp());
  outdate_question(key);
  const auto [first, last] = writes_.equal_range(key);
  for (auto write = first; write != last; ++write) {
    if (write->second->stamp < entry.stamp()) write->second->is_current = false;
  }
  if (!cache_.drop_older(key, entry.stamp())) return;
  ++invalidated_;
  const auto age = clock_.wall_now() - from_unix_ms(entry.committed_at_ms());
  staleness_.record(std::max(age, std::chrono::nanoseconds(0)));
}

void PopKv::stream_began() {
  upstream_.connect_anew();
  doubt_everything();
}

void PopKv::doubt_everything() {
  cache_.doubt_all();
  for (const auto& [key, question] : questions_) question->is_current = false;
  questions_.clear();
  for (const auto& [key, write] : writes_) write->is_current = false;
}

void PopKv::outdate_question(const KvKey& key) {
  const auto found = questions_.find(key);
  if (found == questions_.end()) return;
  found->second->is_current = false;
  questions_.erase(found);
}

v1::KvFigures PopKv::figures() const {
  v1::KvFigures figures;
  figures.set_hits(hits_);
  figures.set_misses(misses_);
  figures.set_joined(joined_);
  figures.set_writes(written_);
  figures.set_invalidations(invalidated_);
  const std::vector<std::uint64_t>& counts = staleness_.counts();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    v1::LatencyBucket& bucket = *figures.add_staleness();
    bucket.set_index(static_cast<std::uint32_t>(i));
    bucket.set_count(counts[i]);
  }
  return figures;
}

}  // namespace isopop::pop
