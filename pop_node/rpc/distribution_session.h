#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/distribution.pb.h"
#include "pop_node/rpc/bundle_fetches.h"
#include "pop_node/worker/worker_catalog.h"

namespace isopop::pop {

// What this PoP speaks to a control plane. Grows when an older peer would misunderstand.
inline constexpr std::uint32_t kDistributionProtocolVersion = 2;

// One Distribution stream's conversation, from Hello to its end: takes pushes, fetches the code
// that is missing, has new versions tried where the control plane wants that, puts assignments into
// service and answers every nonce with an Ack or a Nack. Pushes about one worker are worked off in
// their order; those about others do not wait for them. No I/O but the catalog's. Lives on the
// PoP's event loop; a new stream gets a new session.
class DistributionSession final {
 public:
  struct Description {
    v1::PopIdentity identity;
    std::string http_address;
    std::string host;
    std::string program_version;
  };
  using Answers = std::vector<v1::PopMessage>;
  // Is to start an executor with each of the versions; on_trial_ended() later, not at once.
  struct Trial {
    std::string worker;
    std::uint64_t nonce = 0;
    std::vector<LiveWorkerPtr> versions;
  };
  using BeginTrial = std::function<void(Trial)>;

  // Both outlive the session; `fetches` was told that the stream before has ended.
  DistributionSession(WorkerCatalog& catalog, BundleFetches& fetches, BeginTrial begin_trial);
  // What was not put into service is let go.
  ~DistributionSession();
  DistributionSession(const DistributionSession&) = delete;
  DistributionSession& operator=(const DistributionSession&) = delete;

  // The first message: who this is and what it holds.
  [[nodiscard]] v1::PopMessage hello(const Description& description) const;

  // What to answer. An error means that the stream must be given up: PERMISSION_DENIED when the
  // control plane refused this PoP (try again, slowly), anything else when it broke the protocol.
  [[nodiscard]] Result<Answers> on_message(v1::ControlMessage message);
  // What came of a trial. A failure is told to people as it is.
  [[nodiscard]] Answers on_trial_ended(const std::string& worker, std::uint64_t nonce,
                                       const Result<void>& outcome);

  [[nodiscard]] bool is_welcome() const { return welcome_.has_value(); }
  // Every push that the Welcome announced is answered.
  [[nodiscard]] bool is_complete() const { return welcome_ && answered_ >= *welcome_; }
  // A bundle is on its way.
  [[nodiscard]] bool is_fetching() const { return fetches_.is_waiting(); }

 private:
  // What is to be done about one worker; the first push is the one that is worked on.
  struct Line {
    std::deque<v1::Push> pushes;
    LiveAssignmentPtr prepared;     // of the first, once it was begun
    std::set<std::string> awaited;  // bundles that it lacks
    enum class Trial { kNone, kUnderWay, kPassed } trial = Trial::kNone;
    bool is_repaired = false;  // damaged code was fetched anew
  };
  using Lines = std::map<std::string, Line, std::less<>>;

  Result<void> on_push(v1::Push push, Answers& answers);
  Result<void> on_chunk(const v1::BundleChunk& chunk, Answers& answers);
  void on_bundle(const BundleFetches::Arrived& bundle, Answers& answers);
  // Nacks what waits for it.
  void give_up_bundle(const std::string& sha256, const Error& error, Answers& answers);
  // Works off a line until it is empty or has to wait.
  void advance(const std::string& worker, Answers& answers);
  enum class Next { kGoOn, kWait };
  Next begin(Line& line, Answers& answers);
  Next go_live(Line& line, Answers& answers);
  void await_code(Line& line);
  void conclude(Line& line, const Result<void>& outcome, Answers& answers);
  void ask_for_bundles(Answers& answers);

  WorkerCatalog& catalog_;
  BundleFetches& fetches_;
  BeginTrial begin_trial_;
  std::optional<std::uint64_t> welcome_;  // how many pushes make the PoP complete
  std::uint64_t answered_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::size_t queued_ = 0;  // in all lines
  Lines lines_;
};

}  // namespace isopop::pop
