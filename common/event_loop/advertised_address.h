#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/event_loop/address.h"
#include "common/result/result.h"

namespace isopop {

// The address by which others reach a server of ours, which is not always the one that it listens
// on: 0.0.0.0 in a container is every address that the container has. Immutable.
class AdvertisedAddress final {
 public:
  // `advertise` is "HOST", "HOST:PORT" or nothing. A host is an IP address, since a name may mean
  // something else to who is told; without a port it is the listener's. `listener` is what was
  // bound.
  [[nodiscard]] static Result<AdvertisedAddress> create(std::string_view advertise,
                                                        const Endpoint& listener);

  // To tell `peer`, "10.220.0.2:7070" or "control:7070". Where nothing was said and the server
  // listens on all addresses it is the local one of the way to the peer. Then names are looked up,
  // which blocks, and each time anew, because addresses change.
  [[nodiscard]] Result<std::string> told_to(std::string_view peer) const;
  // Whether it is the same whoever asks: told_to() neither blocks nor fails.
  [[nodiscard]] bool is_fixed() const { return fixed_.has_value(); }

 private:
  AdvertisedAddress(std::optional<Endpoint> fixed, const Endpoint& listener)
      : fixed_(std::move(fixed)), listener_(listener) {}

  std::optional<Endpoint> fixed_;
  Endpoint listener_;
};

}  // namespace isopop
