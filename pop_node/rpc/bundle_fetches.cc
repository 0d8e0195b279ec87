#include "pop_node/rpc/bundle_fetches.h"

#include <utility>

namespace isopop::pop {
namespace {

Error broken(const std::string& message) {
  return Error{ErrorCode::kFailedPrecondition, "the control plane broke the protocol: " + message};
}

}  // namespace

void BundleFetches::want(const std::string& sha256, std::uint64_t bytes) {
  Fetch& fetch = fetches_[sha256];
  if (std::exchange(fetch.is_wanted, true)) return;
  if (fetch.content.size() >= bytes) fetch.content.clear();  // of a version that said otherwise
  fetch.bytes = bytes;
  line_.push_back(sha256);
}

void BundleFetches::drop(const std::string& sha256) {
  const auto found = fetches_.find(sha256);
  if (found == fetches_.end()) return;
  if (found->second.is_asked) dropped_.insert(sha256);
  settle(found->second);
  fetches_.erase(found);
}

std::vector<v1::BundleRequest> BundleFetches::take_requests() {
  std::vector<v1::BundleRequest> requests;
  while (!line_.empty()) {
    const auto found = fetches_.find(line_.front());
    if (found == fetches_.end() || !found->second.is_wanted || found->second.is_asked) {
      line_.pop_front();  // dropped while it waited
      continue;
    }
    Fetch& fetch = found->second;
    const bool fits = under_way_ < kAtOnceMax && under_way_bytes_ + fetch.bytes <= kBytesMax;
    if (!fits && under_way_ > 0) break;
    fetch.is_asked = true;
    ++under_way_;
    under_way_bytes_ += fetch.bytes;
    dropped_.erase(found->first);
    v1::BundleRequest& request = requests.emplace_back();
    request.set_sha256(found->first);
    request.set_offset(fetch.content.size());
    line_.pop_front();
  }
  return requests;
}

Result<std::optional<BundleFetches::Arrived>> BundleFetches::on_chunk(
    const v1::BundleChunk& chunk) {
  const auto found = fetches_.find(chunk.sha256());
  if (found == fetches_.end() || !found->second.is_asked) {
    // Pieces that were on their way when it turned out that the bundle is of no use.
    const bool is_late =
        found != fetches_.end() ? found->second.is_restart : dropped_.contains(chunk.sha256());
    if (is_late) return std::optional<Arrived>();
    return broken("a piece of a bundle that nobody asked for");
  }
  Fetch& fetch = found->second;
  if (fetch.is_restart && chunk.offset() != 0) return std::optional<Arrived>();
  fetch.is_restart = false;
  if (chunk.offset() != fetch.content.size()) return broken("a bundle's pieces out of order");
  if (chunk.total_bytes() != fetch.bytes ||
      chunk.data().size() > fetch.bytes - fetch.content.size()) {
    if (!refetch(chunk.sha256())) failed_.push_back(chunk.sha256());
    return std::optional<Arrived>();
  }
  if (chunk.data().empty()) return broken("an empty piece of a bundle");
  fetch.content.reserve(fetch.bytes);
  fetch.content += chunk.data();
  if (fetch.content.size() < fetch.bytes) return std::optional<Arrived>();
  settle(fetch);
  return std::optional(Arrived{chunk.sha256(), std::exchange(fetch.content, {})});
}

bool BundleFetches::refetch(const std::string& sha256) {
  Fetch& fetch = fetches_.at(sha256);
  settle(fetch);
  fetch.content.clear();
  if (std::exchange(fetch.is_second, true)) {
    dropped_.insert(sha256);
    return false;
  }
  fetch.is_restart = true;
  line_.push_front(sha256);
  return true;
}

std::vector<std::string> BundleFetches::take_failed() {
  return std::exchange(failed_, {});
}

void BundleFetches::stream_ended() {
  for (auto& [sha256, fetch] : fetches_) {
    settle(fetch);
    fetch.is_wanted = false;
    fetch.is_restart = false;
  }
  std::erase_if(fetches_, [](const auto& entry) { return entry.second.content.empty(); });
  line_.clear();
  dropped_.clear();
  failed_.clear();
}

void BundleFetches::forget_partial() {
  std::erase_if(fetches_, [](const auto& entry) { return !entry.second.is_wanted; });
}

// It is not under way any more.
void BundleFetches::settle(Fetch& fetch) {
  if (!std::exchange(fetch.is_asked, false)) return;
  --under_way_;
  under_way_bytes_ -= fetch.bytes;
}

}  // namespace isopop::pop
