#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/distribution.pb.h"
#include "pop_node/worker/worker_catalog.h"

namespace isopop::pop {

// What this PoP speaks to a control plane. Grows when an older peer would misunderstand.
inline constexpr std::uint32_t kDistributionProtocolVersion = 1;

// One Distribution stream's conversation, from Hello to its end: takes pushes in order, fetches the
// code that is missing, puts versions into service and answers every nonce with an Ack or a Nack.
// No I/O but the catalog's. Lives on the PoP's event loop; a new stream gets a new session.
class DistributionSession final {
 public:
  struct Description {
    v1::PopIdentity identity;
    std::string http_address;
    std::string host;
    std::string program_version;
  };

  explicit DistributionSession(WorkerCatalog& catalog) : catalog_(catalog) {}

  // The first message: who this is and what it holds.
  [[nodiscard]] v1::PopMessage hello(const Description& description) const;

  // What to answer. An error means that the stream must be given up: PERMISSION_DENIED when the
  // control plane refused this PoP (try again, slowly), anything else when it broke the protocol.
  [[nodiscard]] Result<std::vector<v1::PopMessage>> on_message(v1::ControlMessage message);

  [[nodiscard]] bool is_welcome() const { return welcome_.has_value(); }
  // Every push that the Welcome announced is answered.
  [[nodiscard]] bool is_complete() const { return welcome_ && answered_ >= *welcome_; }
  // A bundle is on its way.
  [[nodiscard]] bool is_fetching() const { return is_fetching_; }

 private:
  using Answers = std::vector<v1::PopMessage>;

  Result<void> on_push(v1::Push push);
  Result<void> on_chunk(const v1::BundleChunk& chunk, Answers& answers);
  // Works off the queue until it is empty or a bundle has to be fetched.
  void advance(Answers& answers);
  void begin(Answers& answers);
  void conclude(const Result<void>& outcome, Answers& answers);

  WorkerCatalog& catalog_;
  std::optional<std::uint64_t> welcome_;  // how many pushes make the PoP complete
  std::uint64_t answered_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::deque<v1::Push> pushes_;  // the first is the one that is worked on
  bool is_fetching_ = false;
  std::string fetched_;
};

}  // namespace isopop::pop
