#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/time/clock.h"
#include "control_plane/distribution/bundle_transfers.h"
#include "control_plane/distribution/outbox.h"
#include "control_plane/distribution/pop_session.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// One PoP at a relay: who it is, what it holds by its own answers, what waits for it and what waits
// for the root. The PoP sees one stream with nonces and sequence numbers of the relay's; behind it
// the root's may begin anew as often as the root is lost. Everything that waits is bounded, by what
// the root leaves unanswered and by what the PoP asks for. A plain part of the relay; not
// thread-safe.
class RelayChannel final {
 public:
  // Pushes that wait or are unanswered, bytes of tail events that wait.
  static constexpr std::size_t kPushesMax = 1024;
  static constexpr std::size_t kTailBytesMax = 256 * 1024;

  RelayChannel(StreamOrigin origin, Instant now)
      : origin_(std::move(origin)), opened_at_(now), heard_at_(now) {}

  [[nodiscard]] const StreamOrigin& origin() const { return origin_; }
  [[nodiscard]] Instant opened_at() const { return opened_at_; }
  [[nodiscard]] Instant heard_at() const { return heard_at_; }
  void heard(Instant at) { heard_at_ = at; }
  // The PoP it belongs to; empty before its Hello.
  [[nodiscard]] const std::string& pop() const { return hello_.identity().id(); }
  [[nodiscard]] bool is_closing() const { return closing_; }
  void close() { closing_ = true; }

  // What the PoP says. Text: how it broke the contract.
  using Breach = std::optional<std::string>;
  [[nodiscard]] Breach receive(const v1::PopMessage& message);

  // The root's stream. open_at_root() puts the PoP's Hello, as it would say it now, before all
  // else.
  void open_at_root();
  [[nodiscard]] bool is_open_at_root() const { return open_at_root_; }
  // What was on its way is void. False: the PoP does not have all that its Welcome announced and
  // could not be told how much is still to come; its stream must end.
  [[nodiscard]] bool lose_root();
  // What the root says, but for pieces of bundles. False: too much waits for the PoP.
  [[nodiscard]] bool receive_from_root(const v1::ControlMessage& message);
  // For the root: a question of the relay's own, in this PoP's name.
  void ask_root(const v1::BundleRequest& request);

  [[nodiscard]] bool has_for_root() const { return open_at_root_ && (!up_.empty() || beat_); }
  [[nodiscard]] v1::PopMessage next_for_root();
  [[nodiscard]] bool has_for_pop() const;
  [[nodiscard]] std::optional<v1::ControlMessage> next_for_pop();
  void refuse(const std::string& reason);

  // Bundles that the PoP asked for since the last call.
  [[nodiscard]] std::set<std::string> take_wanted() { return std::exchange(wanted_, {}); }
  [[nodiscard]] bool waits_for(const std::string& sha256) const { return transfers_.wants(sha256); }
  void provide(const std::string& sha256, const BundleBytes& bytes) {
    transfers_.provide(sha256, bytes);
  }

 private:
  struct Sent {
    std::uint64_t root_nonce = 0;
    std::uint64_t generation = 0;  // of the root's stream
    v1::HeldVersion held;          // number 0: a removal
  };

  [[nodiscard]] Breach on_answer(std::uint64_t nonce, const v1::Nack* nack);
  void on_heartbeat(const v1::Heartbeat& heartbeat);
  void on_tail(const v1::TailEvents& events);
  [[nodiscard]] v1::ControlMessage next_push();

  StreamOrigin origin_;
  Instant opened_at_;
  Instant heard_at_;
  bool closing_ = false;

  v1::Hello hello_;  // its `held` is in held_
  std::map<std::string, v1::HeldVersion> held_;
  v1::Heartbeat last_beat_;  // without figures; each new stream of the root's begins with it

  bool open_at_root_ = false;
  std::uint64_t generation_ = 0;
  std::deque<v1::PopMessage> up_;
  std::size_t tail_bytes_ = 0;
  std::map<std::uint64_t, std::uint64_t> tails_;  // open ones, and what was dropped of each
  std::optional<v1::Heartbeat> beat_;             // what came while the last one waited is added

  bool welcomed_ = false;
  std::uint64_t snapshot_left_ = 0;          // of what the PoP's one Welcome announced
  std::optional<v1::ControlMessage> first_;  // Welcome or Refusal
  Outbox outbox_;
  std::deque<v1::Push> pushes_;
  std::map<std::uint64_t, Sent> in_flight_;  // by the nonce that the PoP knows
  std::uint64_t last_nonce_ = 0;
  std::set<std::string> wanted_;
  BundleTransfers transfers_;
};

}  // namespace isopop::control
