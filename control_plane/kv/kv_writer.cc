#include "control_plane/kv/kv_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "common/log/log.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/kv/kv_limits.h"
#include "control_plane/kv/kv_table.h"

namespace isopop::control {
namespace {

constexpr std::chrono::seconds kSweepInterval{30};
constexpr std::size_t kSweptMax = 1'000;

Error too_many_writes() {
  return Error{ErrorCode::kResourceExhausted,
               "too many KV writes wait for the control plane's disk; try again in a moment"};
}

}  // namespace

KvWriter::KvWriter(Store& store, const Clock& clock, OnChanged on_changed, Limits limits)
    : store_(store),
      clock_(clock),
      on_changed_(std::move(on_changed)),
      limits_(limits),
      swept_at_(clock.now()) {}

void KvWriter::write(Request request, Answer answer) {
  const std::size_t bytes = kv_bytes_of(request.writes);
  Answer turned_away;
  {
    const std::lock_guard lock(mutex_);
    // One alone is always taken.
    const bool is_full = waiting_.size() >= limits_.waiting_max ||
                         (!waiting_.empty() && waiting_bytes_ + bytes > limits_.waiting_bytes_max);
    if (is_full) {
      turned_away = std::move(answer);
    } else {
      waiting_.push_back(
          {.request = std::move(request), .answer = std::move(answer), .bytes = bytes});
      waiting_bytes_ += bytes;
      if (std::exchange(is_posted_, true)) return;
    }
  }
  if (turned_away) return turned_away(too_many_writes());
  go_on();
}

KvWriter::Totals KvWriter::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

void KvWriter::go_on() {
  if (store_.post([this](Registry& registry) { drain(registry); })) return;
  // The store's line is full of other work.
  std::deque<Waiting> refused;
  {
    const std::lock_guard lock(mutex_);
    refused = std::exchange(waiting_, {});
    waiting_bytes_ = 0;
    is_posted_ = false;
  }
  for (const Waiting& waiting : refused) waiting.answer(Store::busy_error());
}

std::vector<KvWriter::Waiting> KvWriter::take_batch() {
  const std::lock_guard lock(mutex_);
  std::vector<Waiting> batch;
  std::size_t bytes = 0;
  while (!waiting_.empty() &&
         (batch.empty() || bytes + waiting_.front().bytes <= limits_.transaction_bytes_max)) {
    bytes += waiting_.front().bytes;
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_bytes_ -= bytes;
  return batch;
}

void KvWriter::drain(Registry& registry) {
  const std::vector<Waiting> batch = take_batch();
  std::vector<Changed> changed;
  Result<std::vector<Outcome>> outcomes = commit(registry, batch, changed);
  if (outcomes.ok()) on_changed_(changed);
  if (clock_.now() - swept_at_ >= kSweepInterval) sweep(registry);
  bool are_more = false;
  {
    const std::lock_guard lock(mutex_);
    are_more = !waiting_.empty();
    is_posted_ = are_more;
  }
  if (are_more) go_on();
  // Last: who has the answer may let go of all this.
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].answer(outcomes.ok() ? std::move(outcomes.value()[i]) : outcomes.error());
  }
}

Result<std::vector<KvWriter::Outcome>> KvWriter::commit(Registry& registry,
                                                        const std::vector<Waiting>& batch,
                                                        std::vector<Changed>& changed) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(registry.database()));
  KvTable table(registry.database(), clock_);
  if (!stamps_) {
    ISOPOP_TRY_ASSIGN(const std::uint64_t last, table.last_stamp());
    stamps_.emplace(clock_, last);
  }
  std::vector<Outcome> outcomes;
  outcomes.reserve(batch.size());
  std::size_t writes = 0;
  for (const Waiting& waiting : batch) {
    Outcome outcome = apply(table, waiting.request, changed);
    // All that was refused before anything was written; everything else is the database's.
    if (!outcome.ok() && outcome.error().code != ErrorCode::kNotFound) return outcome.error();
    if (outcome.ok()) {
      writes += static_cast<std::size_t>(waiting.request.writes.writes_size());
      if (waiting.request.is_audited) ISOPOP_TRY(audit(registry, waiting.request));
    }
    outcomes.push_back(std::move(outcome));
  }
  ISOPOP_TRY(table.finish_writes(stamps_->last()));
  ISOPOP_TRY(transaction.commit());
  const std::int64_t committed_at_ms = to_unix_ms(clock_.wall_now());
  for (Outcome& outcome : outcomes) {
    if (outcome.ok()) outcome.value().set_committed_at_ms(committed_at_ms);
  }
  for (Changed& one : changed) one.change.committed_at_ms = committed_at_ms;
  const std::lock_guard lock(mutex_);
  totals_.writes += writes;
  ++totals_.transactions;
  return outcomes;
}

KvWriter::Outcome KvWriter::apply(KvTable& table, const Request& request,
                                  std::vector<Changed>& changed) {
  for (const v1::KvWriteRequest::Write& write : request.writes.writes()) {
    ISOPOP_TRY(table.check_namespace(write.namespace_()));
  }
  v1::KvWriteResponse response;
  for (const v1::KvWriteRequest::Write& write : request.writes.writes()) {
    const std::uint64_t stamp = stamp_for(write.stamp());
    ISOPOP_TRY_ASSIGN(const KvTable::Outcome outcome,
                      table.write(write, stamp, request.writes.origin()));
    response.add_stamps(outcome.stamp);
    if (!outcome.changed) continue;
    changed.push_back({.change = {.key = {.space = write.namespace_(), .key = write.key()},
                                  .stamp = outcome.stamp,
                                  .committed_at_ms = 0},
                       .origin = request.writes.origin()});
  }
  return response;
}

std::uint64_t KvWriter::stamp_for(std::uint64_t asked) {
  if (asked != 0 && stamps_->is_credible(asked)) {
    stamps_->observe(asked);
    return asked;
  }
  if (asked != 0) {
    const std::lock_guard lock(mutex_);
    ++totals_.restamped;
  }
  return stamps_->next();
}

Result<void> KvWriter::audit(Registry& registry, const Request& request) {
  std::map<std::string, std::size_t> keys;
  for (const v1::KvWriteRequest::Write& write : request.writes.writes()) {
    ++keys[write.namespace_()];
  }
  AuditLog log(registry.database(), clock_);
  for (const auto& [space, count] : keys) {
    ISOPOP_TRY(log.append({.actor = request.actor,
                           .action = "kv.write",
                           .object = "kv/" + space,
                           .detail_json = fmt::format(R"({{"keys":{}}})", count)}));
  }
  return {};
}

void KvWriter::sweep(Registry& registry) {
  swept_at_ = clock_.now();
  const auto swept = [&]() -> Result<std::size_t> {
    ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(registry.database()));
    KvTable table(registry.database(), clock_);
    ISOPOP_TRY_ASSIGN(const std::size_t rows, table.sweep(kSweptMax));
    ISOPOP_TRY(transaction.commit());
    return rows;
  }();
  if (!swept.ok()) log_warning("KV: expired keys were not swept: {}", swept.error().message);
}

}  // namespace isopop::control
