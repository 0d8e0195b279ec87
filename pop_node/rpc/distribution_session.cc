#include "pop_node/rpc/distribution_session.h"

#include <algorithm>
#include <utility>

namespace isopop::pop {
namespace {

// Far more than a control plane has in flight.
constexpr std::size_t kQueuedPushesMax = 4096;

Error broken(const std::string& message) {
  return Error{ErrorCode::kFailedPrecondition, "the control plane broke the protocol: " + message};
}

const std::string& worker_of(const v1::Push& push) {
  return push.has_live() ? push.live().worker() : push.removed();
}

bool holds_all(const std::vector<std::string>& sorted_hashes, const LiveAssignment& assignment) {
  const std::vector<LiveShare>& shares = assignment.shares();
  return std::all_of(shares.begin(), shares.end(), [&](const LiveShare& share) {
    return std::binary_search(sorted_hashes.begin(), sorted_hashes.end(),
                              share.worker->version.bundle_sha256());
  });
}

}  // namespace

DistributionSession::DistributionSession(WorkerCatalog& catalog, BundleFetches& fetches,
                                         BeginTrial begin_trial)
    : catalog_(catalog), fetches_(fetches), begin_trial_(std::move(begin_trial)) {}

DistributionSession::~DistributionSession() {
  for (const auto& [worker, line] : lines_) {
    if (line.prepared != nullptr) catalog_.discard(line.prepared);
  }
}

v1::PopMessage DistributionSession::hello(const Description& description) const {
  v1::PopMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(kDistributionProtocolVersion);
  hello.set_program_version(description.program_version);
  *hello.mutable_identity() = description.identity;
  hello.set_http_address(description.http_address);
  hello.set_host(description.host);
  const std::vector<std::string> bundles = catalog_.bundles();
  for (const LiveAssignmentPtr& live : catalog_.registry().all()) {
    // What lost its code is not held: so it comes again.
    if (!holds_all(bundles, *live)) continue;
    v1::HeldVersion& held = *hello.add_held();
    held.set_worker(live->head().worker());
    held.set_number(live->heaviest().number());
    held.set_bundle_sha256(live->heaviest().bundle_sha256());
    held.set_deployment(live->head().deployment());
    held.set_digest(live->head().digest());
  }
  for (const std::string& sha256 : bundles) hello.add_held_bundles(sha256);
  return message;
}

Result<DistributionSession::Answers> DistributionSession::on_message(v1::ControlMessage message) {
  Answers answers;
  switch (message.message_case()) {
    case v1::ControlMessage::kWelcome:
      if (welcome_) return broken("two Welcomes");
      if (message.welcome().protocol_version() != kDistributionProtocolVersion) {
        return Error{ErrorCode::kPermissionDenied,
                     "the control plane speaks distribution protocol " +
                         std::to_string(message.welcome().protocol_version()) + ", this PoP " +
                         std::to_string(kDistributionProtocolVersion) +
                         "; update so that both are of one release"};
      }
      welcome_ = message.welcome().workers();
      break;
    case v1::ControlMessage::kPush:
      if (!welcome_) return broken("a Push before Welcome");
      ISOPOP_TRY(on_push(std::move(*message.mutable_push()), answers));
      break;
    case v1::ControlMessage::kBundleChunk:
      ISOPOP_TRY(on_chunk(message.bundle_chunk(), answers));
      break;
    case v1::ControlMessage::kRefusal:
      return Error{ErrorCode::kPermissionDenied, message.refusal().reason()};
    default:
      break;  // nothing about versions
  }
  ask_for_bundles(answers);
  return answers;
}

Result<void> DistributionSession::on_push(v1::Push push, Answers& answers) {
  if (push.sequence() != last_sequence_ + 1) {
    return broken("Push " + std::to_string(push.sequence()) + " after " +
                  std::to_string(last_sequence_));
  }
  last_sequence_ = push.sequence();
  if (queued_ >= kQueuedPushesMax) return broken("too many pushes at once");
  ++queued_;
  const std::string worker = worker_of(push);
  Line& line = lines_[worker];
  line.pushes.push_back(std::move(push));
  if (line.pushes.size() == 1) advance(worker, answers);
  return {};
}

void DistributionSession::advance(const std::string& worker, Answers& answers) {
  const auto found = lines_.find(worker);
  if (found == lines_.end()) return;
  Line& line = found->second;
  Next next = Next::kGoOn;
  while (next == Next::kGoOn && !line.pushes.empty()) {
    next = line.prepared == nullptr ? begin(line, answers) : go_live(line, answers);
  }
  if (line.pushes.empty()) lines_.erase(found);
}

DistributionSession::Next DistributionSession::begin(Line& line, Answers& answers) {
  const v1::Push& push = line.pushes.front();
  if (push.change_case() == v1::Push::kRemoved) {
    conclude(line, catalog_.remove(push.removed()), answers);
    return Next::kGoOn;
  }
  if (push.change_case() != v1::Push::kLive) {
    conclude(line, invalid_argument("a change that this PoP does not know"), answers);
    return Next::kGoOn;
  }
  const Result<LiveAssignmentPtr> prepared = catalog_.prepare(push.live());
  if (!prepared.ok()) {
    conclude(line, prepared.error(), answers);
    return Next::kGoOn;
  }
  line.prepared = prepared.value();
  await_code(line);
  return Next::kGoOn;
}

void DistributionSession::await_code(Line& line) {
  for (const WorkerCatalog::Bundle& bundle : catalog_.missing(*line.prepared)) {
    line.awaited.insert(bundle.sha256);
    fetches_.want(bundle.sha256, bundle.bytes);
  }
}

DistributionSession::Next DistributionSession::go_live(Line& line, Answers& answers) {
  if (!line.awaited.empty() || line.trial == Line::Trial::kUnderWay) return Next::kWait;
  const v1::Push& push = line.pushes.front();
  if (push.live().trial() && line.trial == Line::Trial::kNone) {
    std::vector<LiveWorkerPtr> versions = catalog_.new_versions(*line.prepared);
    if (!versions.empty()) {
      line.trial = Line::Trial::kUnderWay;
      begin_trial_({push.live().worker(), push.nonce(), std::move(versions)});
      return Next::kWait;
    }
  }
  const Result<void> installed = catalog_.install(line.prepared);
  if (!installed.ok() && !std::exchange(line.is_repaired, true)) {
    // A damaged file is gone by now; its code is fetched like any other that is missing.
    await_code(line);
    if (!line.awaited.empty()) return Next::kWait;
  }
  conclude(line, installed, answers);
  return Next::kGoOn;
}

DistributionSession::Answers DistributionSession::on_trial_ended(const std::string& worker,
                                                                 std::uint64_t nonce,
                                                                 const Result<void>& outcome) {
  Answers answers;
  const auto found = lines_.find(worker);
  if (found == lines_.end() || found->second.trial != Line::Trial::kUnderWay ||
      found->second.pushes.front().nonce() != nonce) {
    return answers;
  }
  Line& line = found->second;
  line.trial = Line::Trial::kPassed;
  if (!outcome.ok()) conclude(line, outcome, answers);
  advance(worker, answers);
  ask_for_bundles(answers);
  return answers;
}

Result<void> DistributionSession::on_chunk(const v1::BundleChunk& chunk, Answers& answers) {
  ISOPOP_TRY_ASSIGN(std::optional<BundleFetches::Arrived> arrived, fetches_.on_chunk(chunk));
  if (arrived) on_bundle(*arrived, answers);
  for (const std::string& sha256 : fetches_.take_failed()) {
    give_up_bundle(
        sha256,
        Error{ErrorCode::kDataLoss, "the bundle that came is not as long as its version says"},
        answers);
  }
  return {};
}

void DistributionSession::on_bundle(const BundleFetches::Arrived& bundle, Answers& answers) {
  std::vector<std::string> ready;
  for (auto& [worker, line] : lines_) {
    if (!line.awaited.contains(bundle.sha256)) continue;
    const Result<void> added = catalog_.add_bundle(*line.prepared, bundle.sha256, bundle.bytes);
    if (!added.ok() && added.error().code == ErrorCode::kDataLoss) {
      // It is the same for all who wait for it.
      if (!fetches_.refetch(bundle.sha256)) give_up_bundle(bundle.sha256, added.error(), answers);
      return;
    }
    line.awaited.erase(bundle.sha256);
    ready.push_back(worker);
    if (!added.ok()) conclude(line, added, answers);
  }
  fetches_.accept(bundle.sha256);
  for (const std::string& worker : ready) advance(worker, answers);
}

void DistributionSession::give_up_bundle(const std::string& sha256, const Error& error,
                                         Answers& answers) {
  fetches_.drop(sha256);
  std::vector<std::string> waiting;
  for (auto& [worker, line] : lines_) {
    if (!line.awaited.contains(sha256)) continue;
    waiting.push_back(worker);
    conclude(line, error, answers);
  }
  for (const std::string& worker : waiting) advance(worker, answers);
}

void DistributionSession::conclude(Line& line, const Result<void>& outcome, Answers& answers) {
  const v1::Push push = std::move(line.pushes.front());
  line.pushes.pop_front();
  --queued_;
  ++answered_;
  if (!outcome.ok() && line.prepared != nullptr) catalog_.discard(line.prepared);
  line.prepared.reset();
  line.awaited.clear();
  line.trial = Line::Trial::kNone;
  line.is_repaired = false;
  if (is_complete() && queued_ == 0) fetches_.forget_partial();
  v1::PopMessage& answer = answers.emplace_back();
  if (outcome.ok()) {
    answer.mutable_ack()->set_nonce(push.nonce());
    return;
  }
  answer.mutable_nack()->set_nonce(push.nonce());
  answer.mutable_nack()->set_kept_number(catalog_.live_number(worker_of(push)));
  answer.mutable_nack()->set_error(outcome.error().message);
}

void DistributionSession::ask_for_bundles(Answers& answers) {
  for (v1::BundleRequest& request : fetches_.take_requests()) {
    *answers.emplace_back().mutable_bundle_request() = std::move(request);
  }
}

}  // namespace isopop::pop
