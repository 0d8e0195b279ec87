#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "control_plane/distribution/holdings.h"
#include "control_plane/distribution/pop_session.h"
#include "isopop/v1/control.pb.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// What is known of one PoP, connected or not.
struct PopRecord {
  v1::Pop pop;  // without workers and service
  Holdings holdings;
  std::optional<std::uint64_t> session;  // of its stream; nothing: it is not connected
  Instant last_heartbeat;
};

// The PoPs that were ever heard of, what they told, and what people want of them. Bounded by the
// distributor, which turns away PoPs that are too many. Not thread-safe: a plain part of it.
class PopTable final {
 public:
  using Records = std::map<std::string, PopRecord>;

  [[nodiscard]] const Records& records() const { return records_; }
  [[nodiscard]] Records& records() { return records_; }
  // Null: never heard of.
  [[nodiscard]] const PopRecord* find(const std::string& pop) const;
  [[nodiscard]] PopRecord* find(const std::string& pop);

  // Its Hello was accepted.
  PopRecord& greet(const v1::Hello& hello, const StreamOrigin& origin, std::uint64_t session,
                   const Clock& clock);
  // What there is to warn of, once each time it begins.
  [[nodiscard]] std::optional<std::string> note_heartbeat(PopRecord& record,
                                                          const v1::Heartbeat& heartbeat,
                                                          const Clock& clock);

  [[nodiscard]] v1::PopService service_of(const std::string& pop) const;
  void set_service(const std::string& pop, v1::PopService service);

  // As others see it, without what it holds.
  [[nodiscard]] v1::Pop describe(const PopRecord& record) const;

 private:
  Records records_;
  std::map<std::string, v1::PopService> services_;  // those that are not as usual
};

// Why a PoP that says this cannot be taken, in words for people; empty: it can.
[[nodiscard]] std::string refusal_of(const v1::Hello& hello, const StreamOrigin& origin,
                                     std::uint32_t protocol_version);

}  // namespace isopop::control
