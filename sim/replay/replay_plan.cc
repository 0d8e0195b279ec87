#include "sim/replay/replay_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/random/random.h"
#include "common/result/assert.h"

namespace isopop::sim {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

}  // namespace

ReplayPlan::ReplayPlan(const Trace& trace, PlanOptions options)
    : trace_(trace), options_(std::move(options)) {
  ISOPOP_ASSERT(!trace.requests.empty(), "a trace that read_trace() accepted");
  for (std::uint32_t i = 0; i < std::max(options_.anonymous_clients, 1U); ++i) {
    anonymous_.push_back(fmt::format("client-{:04}", i));
  }
  size_ = trace.requests.size();
  if (options_.duration && !options_.speed.is_max()) {
    const auto beyond = std::partition_point(trace.requests.begin(), trace.requests.end(),
                                             [this](const TraceRequest& request) {
                                               return due_at(request.time_ns) < *options_.duration;
                                             });
    size_ = static_cast<std::uint64_t>(beyond - trace.requests.begin());
  }
  if (size_ > 0) length_ = due_at(trace.requests.at(size_ - 1).time_ns);
}

std::chrono::nanoseconds ReplayPlan::due_at(std::int64_t time_ns) const {
  if (options_.speed.is_max()) return std::chrono::nanoseconds(0);
  const std::int64_t since_first_ns = time_ns - trace_.requests.front().time_ns;
  if (options_.speed.factor == 1.0) return std::chrono::nanoseconds(since_first_ns);
  return std::chrono::nanoseconds(
      std::llround(static_cast<double>(since_first_ns) / options_.speed.factor));
}

void ReplayPlan::draw_second(std::size_t first) {
  const std::int64_t second_ns = trace_.requests.at(first).time_ns;
  std::size_t end = first;
  while (end < trace_.requests.size() && trace_.requests[end].time_ns == second_ns) ++end;
  // A stream of its own for each second: what was skipped before does not move it.
  RandomStream random(options_.seed, fmt::format("replay/second/{}", second_ns / kNsPerSecond));
  second_first_ = first;
  second_offsets_ns_.clear();
  for (std::size_t i = first; i < end; ++i) {
    second_offsets_ns_.push_back(static_cast<std::int64_t>(random.below(kNsPerSecond)));
  }
  std::sort(second_offsets_ns_.begin(), second_offsets_ns_.end());
}

std::int64_t ReplayPlan::moment(std::size_t index) {
  const std::int64_t time_ns = trace_.requests[index].time_ns;
  if (!trace_.whole_seconds || options_.spread == PlanOptions::Spread::kAsWritten) return time_ns;
  if (index >= second_first_ + second_offsets_ns_.size()) draw_second(index);
  return time_ns + second_offsets_ns_.at(index - second_first_);
}

std::string_view ReplayPlan::client_of(std::size_t index) {
  const TraceRequest& request = trace_.requests[index];
  if (request.client != 0) return trace_.text(request.client);
  RandomStream random(options_.seed, fmt::format("replay/client/{}", index));
  return anonymous_.at(random.below(anonymous_.size()));
}

ConnectionState ReplayPlan::connection_of(std::string_view client, std::int64_t time_ns) {
  const auto [seen, is_first] = last_seen_ns_.try_emplace(client, time_ns);
  const std::chrono::nanoseconds idle(time_ns - seen->second);
  seen->second = time_ns;
  return is_first || idle > kConnectionIdleMax ? ConnectionState::kNew : ConnectionState::kKept;
}

std::optional<PlannedRequest> ReplayPlan::next() {
  if (next_ == size_) return std::nullopt;
  const std::size_t index = next_++;
  const TraceRequest& request = trace_.requests[index];
  const std::int64_t time_ns = moment(index);
  const std::string_view client = client_of(index);
  const bool has_host = request.host != 0 && !options_.override_host;
  return PlannedRequest{
      .index = index,
      .trace_time_ns = time_ns,
      .due = due_at(time_ns),
      .client = client,
      .method = trace_.text(request.method),
      .host = has_host ? trace_.text(request.host) : std::string_view(options_.default_host),
      .target = trace_.text(request.target),
      .city = trace_.text(request.city),
      .location = trace_.text(request.location),
      .connection = connection_of(client, time_ns),
  };
}

}  // namespace isopop::sim
