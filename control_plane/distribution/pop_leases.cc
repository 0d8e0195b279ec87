#include "control_plane/distribution/pop_leases.h"

#include <fmt/format.h>

#include <algorithm>

namespace isopop::control {
namespace {

constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kHolderBytesMax = 256;

Result<void> check(const v1::LeasePopRequest& request, std::size_t ids_max) {
  const auto is_sensible = [](const std::string& text, std::size_t bytes_max) {
    return !text.empty() && text.size() <= bytes_max;
  };
  if (!is_sensible(request.host(), kHolderBytesMax) ||
      !is_sensible(request.instance(), kHolderBytesMax)) {
    return invalid_argument(
        fmt::format("a lease needs a host and an instance of 1 to {} bytes", kHolderBytesMax));
  }
  if (request.ids().empty() || static_cast<std::size_t>(request.ids_size()) > ids_max) {
    return invalid_argument(fmt::format("a lease needs 1 to {} ids to choose from", ids_max));
  }
  const bool all_are_ids =
      std::all_of(request.ids().begin(), request.ids().end(),
                  [&](const std::string& id) { return is_sensible(id, kIdBytesMax); });
  if (!all_are_ids) {
    return invalid_argument(fmt::format("ids of PoPs have 1 to {} bytes", kIdBytesMax));
  }
  return {};
}

}  // namespace

void PopLeases::set_connected(const std::string& id, const std::string& host) {
  Lease& lease = leases_[id];
  if (lease.host != host) {
    lease.host = host;
    lease.instance.clear();
  }
  lease.is_connected = true;
  lease.was_connected = true;
}

void PopLeases::set_disconnected(const std::string& id) {
  const auto found = leases_.find(id);
  if (found == leases_.end() || !found->second.is_connected) return;
  found->second.is_connected = false;
  found->second.held_until = clock_.now() + limits_.hold;
}

void PopLeases::expect(const std::set<std::string>& ids) {
  for (const std::string& id : ids) leases_[id].held_until = clock_.now() + limits_.hold;
}

Result<std::string> PopLeases::lease(const v1::LeasePopRequest& request) {
  ISOPOP_TRY(check(request, limits_.leases_max));
  if (clock_.now() < settled_at_) {
    return unavailable(
        "the control plane has just started, and waits a moment for the PoPs that there are");
  }
  forget_expired();
  const std::string* first_free = nullptr;
  const std::string* left_behind = nullptr;
  // A host with several leases is no container of one PoP: which of them went away cannot be told.
  const bool is_alone = std::count_if(leases_.begin(), leases_.end(), [&](const auto& entry) {
                          return entry.second.host == request.host();
                        }) == 1;
  for (const std::string& id : request.ids()) {
    const auto found = leases_.find(id);
    if (found == leases_.end()) {
      if (first_free == nullptr) first_free = &id;
      continue;
    }
    const Lease& lease = found->second;
    if (lease.host != request.host()) continue;
    if (lease.instance == request.instance()) return give(id, request);
    if (is_alone && lease.was_connected && !lease.is_connected) left_behind = &id;
  }
  if (left_behind != nullptr) return give(*left_behind, request);
  if (first_free == nullptr) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("all {} PoPs that {} could be are taken; one that goes away is free "
                             "after {} s",
                             request.ids_size(), request.host(),
                             std::chrono::floor<std::chrono::seconds>(limits_.hold).count())};
  }
  if (leases_.size() >= limits_.leases_max) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("{} PoPs are held already, the most this control plane takes",
                             limits_.leases_max)};
  }
  return give(*first_free, request);
}

std::string PopLeases::give(const std::string& id, const v1::LeasePopRequest& request) {
  Lease& lease = leases_[id];
  const bool is_the_same = lease.host == request.host() && lease.instance == request.instance();
  if (!is_the_same) {
    lease.host = request.host();
    lease.instance = request.instance();
    lease.was_connected = false;
  }
  lease.held_until = clock_.now() + limits_.hold;
  return id;
}

void PopLeases::forget_expired() {
  const Instant now = clock_.now();
  std::erase_if(leases_, [now](const auto& entry) {
    return !entry.second.is_connected && entry.second.held_until <= now;
  });
}

}  // namespace isopop::control
