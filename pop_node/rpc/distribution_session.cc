#include "pop_node/rpc/distribution_session.h"

#include <utility>

namespace isopop::pop {
namespace {

// Far more than a control plane has in flight.
constexpr std::size_t kQueuedPushesMax = 4096;

Error broken(std::string message) {
  return Error{ErrorCode::kFailedPrecondition, "the control plane broke the protocol: " + message};
}

}  // namespace

v1::PopMessage DistributionSession::hello(const Description& description) const {
  v1::PopMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(kDistributionProtocolVersion);
  hello.set_program_version(description.program_version);
  *hello.mutable_identity() = description.identity;
  hello.set_http_address(description.http_address);
  hello.set_host(description.host);
  for (const LiveWorkerPtr& worker : catalog_.registry().all()) {
    v1::HeldVersion& held = *hello.add_held();
    held.set_worker(worker->version.worker());
    held.set_number(worker->version.number());
    held.set_bundle_sha256(worker->version.bundle_sha256());
  }
  for (std::string& sha256 : catalog_.bundles()) hello.add_held_bundles(std::move(sha256));
  return message;
}

Result<std::vector<v1::PopMessage>> DistributionSession::on_message(v1::ControlMessage message) {
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
      ISOPOP_TRY(on_push(std::move(*message.mutable_push())));
      if (!is_fetching_) advance(answers);
      break;
    case v1::ControlMessage::kBundleChunk:
      ISOPOP_TRY(on_chunk(message.bundle_chunk(), answers));
      break;
    case v1::ControlMessage::kRefusal:
      return Error{ErrorCode::kPermissionDenied, message.refusal().reason()};
    default:
      break;  // of a newer control plane: nothing this PoP must understand
  }
  return answers;
}

Result<void> DistributionSession::on_push(v1::Push push) {
  if (push.sequence() != last_sequence_ + 1) {
    return broken("Push " + std::to_string(push.sequence()) + " after " +
                  std::to_string(last_sequence_));
  }
  last_sequence_ = push.sequence();
  if (pushes_.size() >= kQueuedPushesMax) return broken("too many pushes at once");
  pushes_.push_back(std::move(push));
  return {};
}

void DistributionSession::advance(Answers& answers) {
  while (!pushes_.empty() && !is_fetching_) begin(answers);
}

void DistributionSession::begin(Answers& answers) {
  const v1::Push& push = pushes_.front();
  if (push.change_case() == v1::Push::kRemoved) {
    conclude(catalog_.remove(push.removed()), answers);
    return;
  }
  if (push.change_case() != v1::Push::kLive || push.live().shares().empty()) {
    conclude(invalid_argument("a change that this PoP does not know"), answers);
    return;
  }
  const v1::WorkerVersion& version = push.live().shares(0).version();
  const Result<bool> held = catalog_.holds_code_of(version);
  if (!held.ok()) {
    conclude(held.error(), answers);
    return;
  }
  if (held.value()) {
    const Result<void> installed = catalog_.install(version, std::nullopt);
    // A damaged file is gone by now; its code is fetched like any other that is missing.
    if (installed.ok() || catalog_.holds_code_of(version).value()) {
      conclude(installed, answers);
      return;
    }
  }
  is_fetching_ = true;
  fetched_.clear();
  v1::BundleRequest& request = *answers.emplace_back().mutable_bundle_request();
  request.set_sha256(version.bundle_sha256());
  request.set_offset(0);
}

Result<void> DistributionSession::on_chunk(const v1::BundleChunk& chunk, Answers& answers) {
  if (!is_fetching_) return broken("a piece of a bundle that nobody asked for");
  const v1::WorkerVersion& version = pushes_.front().live().shares(0).version();
  if (chunk.sha256() != version.bundle_sha256()) return broken("a piece of another bundle");
  if (chunk.offset() != fetched_.size()) return broken("a bundle's pieces out of order");
  if (chunk.total_bytes() != version.bundle_bytes() ||
      chunk.data().size() > version.bundle_bytes() - fetched_.size()) {
    is_fetching_ = false;
    conclude(Error{ErrorCode::kDataLoss, "the bundle is not as long as its version says"}, answers);
    advance(answers);
    return {};
  }
  if (chunk.data().empty()) return broken("an empty piece of a bundle");
  fetched_ += chunk.data();
  if (fetched_.size() < version.bundle_bytes()) return {};
  is_fetching_ = false;
  const std::optional<std::string> bundle(std::exchange(fetched_, {}));
  conclude(catalog_.install(version, bundle), answers);
  advance(answers);
  return {};
}

void DistributionSession::conclude(const Result<void>& outcome, Answers& answers) {
  const v1::Push push = std::move(pushes_.front());
  pushes_.pop_front();
  ++answered_;
  v1::PopMessage& answer = answers.emplace_back();
  if (outcome.ok()) {
    answer.mutable_ack()->set_nonce(push.nonce());
    return;
  }
  const std::string& worker = push.has_live() ? push.live().worker() : push.removed();
  answer.mutable_nack()->set_nonce(push.nonce());
  answer.mutable_nack()->set_kept_number(catalog_.live_number(worker));
  answer.mutable_nack()->set_error(outcome.error().message);
}

}  // namespace isopop::pop
