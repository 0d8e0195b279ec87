#include "control_plane/relay/relay_core.h"

#include <fmt/format.h>

#include <utility>

#include "common/hash/hash.h"
#include "common/units/units.h"
#include "control_plane/distribution/distributor.h"

namespace isopop::control {

RelayCore::RelayCore(std::string name, std::string program_version, const Clock& clock,
                     RelayLimits limits)
    : name_(std::move(name)),
      program_version_(std::move(program_version)),
      clock_(clock),
      limits_(limits),
      cache_(limits.bundle_cache_bytes_max),
      last_tick_(clock.now()) {}

RelayCore::Effects RelayCore::take_effects() {
  effects_.root_sendable = connected_ && (!own_frames_.empty() || !line_.empty());
  return std::exchange(effects_, {});
}

RelayCore::ChannelId RelayCore::open(const StreamOrigin& origin) {
  const ChannelId id = ++last_channel_;
  RelayChannel& channel = channels_.try_emplace(id, origin, clock_.now()).first->second;
  if (channels_.size() > limits_.pops_max) {
    channel.refuse(
        fmt::format("there are {} PoPs already, the most this relay takes", limits_.pops_max));
    effects_.sendable.insert(id);
    effects_.closed.insert(id);
  }
  return id;
}

void RelayCore::receive(ChannelId id, const v1::PopMessage& message) {
  const auto found = channels_.find(id);
  if (found == channels_.end() || found->second.is_closing()) return;
  RelayChannel& channel = found->second;
  channel.heard(clock_.now());
  if (const RelayChannel::Breach breach = channel.receive(message)) {
    return close(id, channel, *breach);
  }
  if (message.has_hello()) {
    const std::string& allowed = channel.origin().pop;
    if (!allowed.empty() && allowed != channel.pop()) {
      close(id, channel, fmt::format("its certificate is PoP {}'s", allowed));
      return;
    }
    if (accepted_) open_at_root(id, channel);
  }
  for (const std::string& sha256 : channel.take_wanted()) want(id, channel, sha256);
  note_for_root(id, channel);
}

void RelayCore::disconnected(ChannelId id) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) return;
  tell_root_closed(id, found->second);
  channels_.erase(found);
  release_fetches(id);
}

std::optional<v1::ControlMessage> RelayCore::next_for_pop(ChannelId id) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) return std::nullopt;
  std::optional<v1::ControlMessage> message = found->second.next_for_pop();
  if (message && message->has_bundle_chunk()) {
    totals_.bundle_bytes += message->bundle_chunk().data().size();
  }
  return message;
}

void RelayCore::root_connected() {
  connected_ = true;
  accepted_ = false;
  own_frames_.clear();
  v1::RelayUp::Frame& frame = own_frames_.emplace_back();
  v1::Hello& hello = *frame.mutable_message()->mutable_hello();
  hello.set_protocol_version(kProtocolVersion);
  hello.set_program_version(program_version_);
  hello.mutable_identity()->set_id(name_);
}

void RelayCore::root_lost() {
  connected_ = false;
  accepted_ = false;
  own_frames_.clear();
  first_frame_due_.clear();
  line_.clear();
  in_line_.clear();
  for (auto& [sha256, fetch] : fetches_) {
    if (fetch.stage == Fetch::Stage::kAsked) fetch.stage = Fetch::Stage::kQueued;
  }
  for (auto& [id, channel] : channels_) {
    if (!channel.is_open_at_root()) continue;
    const bool can_wait = channel.lose_root();
    effects_.sendable.insert(id);
    if (!can_wait) close(id, channel, "the control plane was lost before the PoP was complete");
  }
}

void RelayCore::open_at_root(ChannelId id, RelayChannel& channel) {
  channel.open_at_root();
  first_frame_due_.insert(id);
  note_for_root(id, channel);
}

void RelayCore::note_for_root(ChannelId id, const RelayChannel& channel) {
  if (!channel.has_for_root() || !in_line_.insert(id).second) return;
  line_.push_back(id);
}

std::optional<v1::RelayUp> RelayCore::next_for_root() {
  if (!connected_) return std::nullopt;
  v1::RelayUp message;
  std::size_t bytes = 0;
  const auto has_room = [&] {
    return message.frames_size() < limits_.frames_max && bytes < limits_.frame_bytes_max;
  };
  while (!own_frames_.empty() && has_room()) {
    *message.add_frames() = std::move(own_frames_.front());
    own_frames_.pop_front();
  }
  // One message of each in turn.
  while (!line_.empty() && has_room()) {
    const ChannelId id = line_.front();
    line_.pop_front();
    in_line_.erase(id);
    const auto found = channels_.find(id);
    if (found == channels_.end() || !found->second.has_for_root()) continue;
    v1::RelayUp::Frame& frame = *message.add_frames();
    frame.set_channel(id);
    *frame.mutable_message() = found->second.next_for_root();
    if (first_frame_due_.erase(id) > 0) frame.set_peer(found->second.origin().peer);
    bytes += frame.ByteSizeLong();
    note_for_root(id, found->second);
  }
  if (message.frames().empty()) return std::nullopt;
  totals_.frames_up += static_cast<std::uint64_t>(message.frames_size());
  return message;
}

void RelayCore::receive_from_root(const v1::RelayDown& message) {
  totals_.frames_down += static_cast<std::uint64_t>(message.frames_size());
  for (const v1::RelayDown::Frame& frame : message.frames()) {
    if (frame.channel() == 0) {
      on_own_frame(frame.message());
    } else {
      on_frame(frame);
    }
  }
  ask_for_bundles();
}

void RelayCore::on_own_frame(const v1::ControlMessage& message) {
  if (message.has_refusal()) return broken(message.refusal().reason());
  if (!message.has_welcome() || accepted_) return;
  accepted_ = true;
  // In the order in which they came: of two streams of one PoP the newer one is the last.
  for (auto& [id, channel] : channels_) {
    if (!channel.pop().empty() && !channel.is_closing()) open_at_root(id, channel);
  }
}

void RelayCore::on_frame(const v1::RelayDown::Frame& frame) {
  const ChannelId id = frame.channel();
  const auto found = channels_.find(id);
  // It may be ending on both sides.
  if (found == channels_.end() || found->second.is_closing()) return;
  RelayChannel& channel = found->second;
  if (frame.message().has_bundle_chunk()) {
    on_chunk(id, frame.message().bundle_chunk());
  } else if (frame.has_message()) {
    if (!channel.receive_from_root(frame.message())) {
      return close(id, channel, "too much waits for it");
    }
    effects_.sendable.insert(id);
  }
  if (!frame.closed() && !channel.is_closing()) return;
  // The root knows; only the PoP is still to be told.
  channel.close();
  static_cast<void>(channel.lose_root());
  effects_.closed.insert(id);
  ++totals_.streams_closed;
  release_fetches(id);
}

void RelayCore::want(ChannelId id, RelayChannel& channel, const std::string& sha256) {
  if (const BundleBytes bytes = cache_.find(sha256); bytes != nullptr) {
    channel.provide(sha256, bytes);
    effects_.sendable.insert(id);
  } else if (fetches_.try_emplace(sha256).second) {
    effects_.bundles_wanted.insert(sha256);
  }
}

void RelayCore::bundle_found(const std::string& sha256, const BundleBytes& bytes) {
  provide(sha256, bytes);
}

void RelayCore::bundle_missing(const std::string& sha256) {
  const auto found = fetches_.find(sha256);
  if (found == fetches_.end() || found->second.stage != Fetch::Stage::kLooking) return;
  found->second.stage = Fetch::Stage::kQueued;
  ask_for_bundles();
}

void RelayCore::provide(const std::string& sha256, const BundleBytes& bytes) {
  cache_.put(sha256, bytes);
  fetches_.erase(sha256);
  for (auto& [id, channel] : channels_) {
    if (!channel.waits_for(sha256)) continue;
    channel.provide(sha256, bytes);
    effects_.sendable.insert(id);
  }
}

std::optional<RelayCore::ChannelId> RelayCore::asker_of(const std::string& sha256) const {
  for (const auto& [id, channel] : channels_) {
    if (!channel.is_closing() && channel.waits_for(sha256)) return id;
  }
  return std::nullopt;
}

void RelayCore::ask_for_bundles() {
  std::size_t asked = 0;
  for (const auto& [sha256, fetch] : fetches_) asked += fetch.stage == Fetch::Stage::kAsked ? 1 : 0;
  for (auto entry = fetches_.begin(); entry != fetches_.end() && asked < limits_.fetches_max;) {
    auto& [sha256, fetch] = *entry;
    if (fetch.stage != Fetch::Stage::kQueued) {
      ++entry;
      continue;
    }
    const std::optional<ChannelId> id = asker_of(sha256);
    if (!id) {
      entry = fetches_.erase(entry);
      continue;
    }
    RelayChannel& channel = channels_.at(*id);
    if (channel.is_open_at_root()) {
      v1::BundleRequest request;
      request.set_sha256(sha256);
      request.set_offset(fetch.bytes.size());
      channel.ask_root(request);
      note_for_root(*id, channel);
      fetch.stage = Fetch::Stage::kAsked;
      fetch.channel = *id;
      ++asked;
    }
    ++entry;
  }
}

void RelayCore::on_chunk(ChannelId id, const v1::BundleChunk& chunk) {
  const auto found = fetches_.find(chunk.sha256());
  if (found == fetches_.end() || found->second.channel != id ||
      found->second.stage != Fetch::Stage::kAsked) {
    return;  // somebody else has brought it meanwhile
  }
  Fetch& fetch = found->second;
  if (chunk.offset() != fetch.bytes.size() || chunk.total_bytes() > limits_.bundle_bytes_max ||
      chunk.data().size() > chunk.total_bytes() - chunk.offset()) {
    return broken("a piece of a bundle came that was not asked for");
  }
  fetch.bytes.append(chunk.data());
  if (fetch.bytes.size() < chunk.total_bytes()) return;
  if (sha256_hex(fetch.bytes) != chunk.sha256()) {
    fetch.bytes.clear();  // before the root is asked anew
    return broken(fmt::format("bundle {} came with other bytes", chunk.sha256()));
  }
  const auto bytes = std::make_shared<const std::string>(std::move(fetch.bytes));
  ++totals_.bundles_fetched;
  effects_.bundles_fetched[chunk.sha256()] = bytes;
  provide(chunk.sha256(), bytes);
}

void RelayCore::release_fetches(ChannelId id) {
  for (auto& [sha256, fetch] : fetches_) {
    if (fetch.stage == Fetch::Stage::kAsked && fetch.channel == id) {
      fetch.stage = Fetch::Stage::kQueued;
    }
  }
  ask_for_bundles();
}

void RelayCore::tick() {
  const Instant now = clock_.now();
  const auto gap = now - last_tick_;
  last_tick_ = now;
  const bool stood_still = gap > std::chrono::seconds(1);
  for (auto& [id, channel] : channels_) {
    if (channel.is_closing()) continue;
    if (stood_still) channel.heard(channel.heard_at() + gap);
    const auto silence = now - channel.heard_at();
    if (channel.pop().empty()) {
      if (silence > limits_.hello_timeout) close(id, channel, "no Hello came");
    } else if (silence > limits_.silence_max) {
      close(id, channel, fmt::format("nothing was heard for {}", format_duration(silence)));
    }
  }
}

void RelayCore::close(ChannelId id, RelayChannel& channel, const std::string& reason) {
  if (channel.is_closing()) return;
  channel.close();
  effects_.closed.insert(id);
  ++totals_.streams_closed;
  effects_.warnings.push_back(
      fmt::format("closed the stream of {}: {}",
                  channel.pop().empty() ? channel.origin().peer : "PoP " + channel.pop(), reason));
  tell_root_closed(id, channel);
  release_fetches(id);
}

// Once: a channel that was closed is no longer open there.
void RelayCore::tell_root_closed(ChannelId id, RelayChannel& channel) {
  if (!channel.is_open_at_root()) return;
  static_cast<void>(channel.lose_root());
  v1::RelayUp::Frame& frame = own_frames_.emplace_back();
  frame.set_channel(id);
  frame.set_closed(true);
}

void RelayCore::broken(const std::string& why) {
  effects_.root_broke = why;
}

}  // namespace isopop::control
