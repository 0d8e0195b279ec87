#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "common/metrics/latency_buckets.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "common/time/hybrid_clock.h"
#include "isopop/v1/distribution.pb.h"
#include "pop_node/kv/kv_cache.h"
#include "pop_node/kv/kv_upstream.h"

namespace isopop::pop {

// Key-value namespaces as workers at this PoP see them: reads from copies, writes through to the
// control plane. However many read a key at once, one question is asked. A write is answered when
// it is durable, and read here from then on. What the control plane says has changed is asked for
// anew; what it cannot say any more (a new stream) is doubted whole.
//
// A question or a write that is under way when its key changes must not become a copy: the answer
// may be older than the news that overtook it.
//
// Pure: no gRPC, no timers. Lives on the PoP's event loop.
class PopKv final {
 public:
  static constexpr std::chrono::seconds kAgeDefault{60};
  static constexpr std::chrono::seconds kAgeMin{30};
  static constexpr std::size_t kCacheBytes = std::size_t{64} << 20U;

  using ReadAnswer = KvUpstream::ReadAnswer;
  using DoneAnswer = std::function<void(Result<void>)>;

  // Both outlive the object; the upstream answers nothing after it is gone.
  PopKv(const Clock& clock, KvUpstream& upstream, std::size_t cache_bytes = kCacheBytes);

  // From a copy of at most that age, or from upstream. When that cannot be reached: from any copy.
  void read(const KvKey& key, std::chrono::seconds age_max, ReadAnswer answer);
  void write(v1::KvWriteRequest::Write write, DoneAnswer answer);
  void list(const v1::KvListRequest& request, KvUpstream::ListAnswer answer);

  void invalidate(const v1::KvInvalidations& invalidations);
  // There is a new stream to the control plane: what changed since the last one ended, nobody said.
  void stream_began();

  [[nodiscard]] v1::KvFigures figures() const;
  // Reads answered with old copies because nobody could be asked.
  [[nodiscard]] std::uint64_t stale_reads() const { return stale_reads_; }
  [[nodiscard]] std::size_t cache_bytes() const { return cache_.bytes(); }

 private:
  // A question that is under way, and who waits for it.
  struct Question {
    std::vector<ReadAnswer> waiting;
    bool is_current = true;  // no news of the key came since it was asked
  };
  struct Write {
    std::uint64_t stamp = 0;
    bool is_current = true;  // no news of a later write came since
  };

  void ask(const KvKey& key, ReadAnswer answer);
  void take_answer(const KvKey& key, const std::shared_ptr<Question>& question,
                   Result<KvCopy> answer);
  void take_written(const KvKey& key, const Write& write, const KvCopy& copy,
                    const Result<v1::KvWriteResponse>& written);
  void take_news(const v1::KvInvalidations::Entry& entry);
  void outdate_question(const KvKey& key);
  void doubt_everything();

  const Clock& clock_;
  KvUpstream& upstream_;
  HybridClock stamps_;
  KvCache cache_;
  std::map<KvKey, std::shared_ptr<Question>> questions_;  // those that may be joined
  std::multimap<KvKey, std::shared_ptr<Write>> writes_;   // under way
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
  std::uint64_t joined_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t invalidated_ = 0;
  std::uint64_t stale_reads_ = 0;
  LatencyBuckets staleness_;
};

}  // namespace isopop::pop
