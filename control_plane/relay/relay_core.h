#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "control_plane/distribution/bundle_cache.h"
#include "control_plane/relay/relay_channel.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

struct RelayLimits {
  std::chrono::nanoseconds silence_max = std::chrono::seconds(3);
  std::chrono::nanoseconds hello_timeout = std::chrono::seconds(5);
  std::size_t pops_max = 10'000;
  std::uint64_t bundle_cache_bytes_max = 64ULL << 20U;
  std::uint64_t bundle_bytes_max = 64ULL << 20U;
  std::size_t fetches_max = 16;  // from the root at once
  // Of one message to the root, about.
  int frames_max = 256;
  std::size_t frame_bytes_max = 256U << 10U;
};

// A regional relay: many PoPs' streams on one side, one stream to the root on the other, each PoP a
// channel of it. Bundles are fetched once, however many PoPs ask. While the root is away PoPs keep
// their streams and get what bundles there are; when it is back each PoP's Hello is said again with
// what it holds by then. It is told what happened and keeps what is to be done about it; nothing is
// written from here, so no PoP can hold up another, or the root. Not thread-safe: lives on the
// relay's loop.
class RelayCore final {
 public:
  using ChannelId = std::uint64_t;

  // What became necessary since the effects were last taken.
  struct Effects {
    std::set<ChannelId> sendable;           // next_for_pop() has something
    std::set<ChannelId> closed;             // write what next_for_pop() still gives, then end it
    bool root_sendable = false;             // next_for_root() has something
    std::optional<std::string> root_broke;  // the root's stream must end, and why
    std::set<std::string> bundles_wanted;   // look on disk, then bundle_found() or bundle_missing()
    std::map<std::string, BundleBytes> bundles_fetched;  // to be kept on disk
    std::vector<std::string> warnings;
  };

  struct Totals {
    std::uint64_t bundles_fetched = 0;  // from the root
    std::uint64_t bundle_bytes = 0;     // to PoPs
    std::uint64_t frames_up = 0;
    std::uint64_t frames_down = 0;
    std::uint64_t streams_closed = 0;
  };

  // `name`: how the root and people know this relay.
  RelayCore(std::string name, std::string program_version, const Clock& clock,
            RelayLimits limits = {});

  [[nodiscard]] Effects take_effects();

  // PoPs' streams. An id that is not (any more) known is ignored.
  [[nodiscard]] ChannelId open(const StreamOrigin& origin);
  void receive(ChannelId id, const v1::PopMessage& message);
  void disconnected(ChannelId id);
  [[nodiscard]] std::optional<v1::ControlMessage> next_for_pop(ChannelId id);

  // The stream to the root.
  void root_connected();
  void root_lost();
  void receive_from_root(const v1::RelayDown& message);
  [[nodiscard]] std::optional<v1::RelayUp> next_for_root();
  // The root has accepted the relay.
  [[nodiscard]] bool is_connected() const { return accepted_; }

  // Bytes whose hash was checked.
  void bundle_found(const std::string& sha256, const BundleBytes& bytes);
  void bundle_missing(const std::string& sha256);

  // Several times a second. Notices silent PoPs; a gap of this process is not held against them.
  void tick();

  [[nodiscard]] std::size_t pops() const { return channels_.size(); }
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  struct Fetch {
    enum class Stage { kLooking, kQueued, kAsked } stage = Stage::kLooking;
    std::string bytes;
    ChannelId channel = 0;  // that asks for it
  };

  void on_frame(const v1::RelayDown::Frame& frame);
  void on_own_frame(const v1::ControlMessage& message);
  void on_chunk(ChannelId id, const v1::BundleChunk& chunk);
  void want(ChannelId id, RelayChannel& channel, const std::string& sha256);
  void provide(const std::string& sha256, const BundleBytes& bytes);
  void ask_for_bundles();
  [[nodiscard]] std::optional<ChannelId> asker_of(const std::string& sha256) const;
  // What was asked for through the channel is asked for through another, or not at all.
  void release_fetches(ChannelId id);
  void open_at_root(ChannelId id, RelayChannel& channel);
  void note_for_root(ChannelId id, const RelayChannel& channel);
  void close(ChannelId id, RelayChannel& channel, const std::string& reason);
  void tell_root_closed(ChannelId id, RelayChannel& channel);
  void broken(const std::string& why);

  std::string name_;
  std::string program_version_;
  const Clock& clock_;
  RelayLimits limits_;
  std::map<ChannelId, RelayChannel> channels_;
  ChannelId last_channel_ = 0;
  BundleCache cache_;
  std::map<std::string, Fetch> fetches_;

  bool connected_ = false;
  bool accepted_ = false;
  std::deque<v1::RelayUp::Frame> own_frames_;  // Hello, and channels that are closed
  std::set<ChannelId> first_frame_due_;        // whose peer is still to be told
  std::deque<ChannelId> line_;                 // channels with something for the root
  std::set<ChannelId> in_line_;
  Instant last_tick_;
  Effects effects_;
  Totals totals_;
};

}  // namespace isopop::control
