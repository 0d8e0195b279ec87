#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control_plane/distribution/convergence.h"
#include "control_plane/distribution/distributor.h"

namespace isopop::control {

inline v1::WorkerVersion version_of(const std::string& worker, std::uint64_t number) {
  v1::WorkerVersion version;
  version.set_worker(worker);
  version.set_number(number);
  version.set_bundle_sha256(worker + std::to_string(number));
  return version;
}

// The deployment of that number, of that version alone.
inline Release release_of(const std::string& worker, std::uint64_t number) {
  Release release;
  release.deployment.set_worker(worker);
  release.deployment.set_number(number);
  release.deployment.add_shares()->set_number(number);
  release.deployment.mutable_shares(0)->set_weight(10'000);
  release.versions.push_back(version_of(worker, number));
  return release;
}

// The same as PoPs are told of it.
inline v1::Assignment assignment_of(const v1::WorkerVersion& version) {
  v1::Assignment assignment;
  assignment.set_worker(version.worker());
  assignment.set_deployment(version.number());
  *assignment.add_shares()->mutable_version() = version;
  assignment.mutable_shares(0)->set_weight(10'000);
  return assignment;
}

// A distributor on a clock that stands still, and PoPs that are played.
class DistributorTest : public ::testing::Test {
 protected:
  using Id = Distributor::SessionId;

  static v1::PopMessage hello(const std::string& pop,
                              const std::vector<v1::WorkerVersion>& held = {}) {
    v1::PopMessage message;
    v1::Hello& said = *message.mutable_hello();
    said.set_protocol_version(kProtocolVersion);
    said.mutable_identity()->set_id(pop);
    said.set_http_address("127.0.0.1:8080");
    for (const v1::WorkerVersion& version : held) {
      v1::HeldVersion& entry = *said.add_held();
      entry.set_worker(version.worker());
      entry.set_number(version.number());
      entry.set_bundle_sha256(version.bundle_sha256());
      entry.set_deployment(version.number());
      entry.set_digest(digest_of(assignment_of(version)));
    }
    return message;
  }

  Id connect(const std::string& pop, const std::vector<v1::WorkerVersion>& held = {}) {
    const Id id = distributor_.open({.peer = "ipv4:127.0.0.1:9"});
    distributor_.receive(id, hello(pop, held));
    return id;
  }

  // Everything the stream would write now, but for outages: each PoP is told of them at its start.
  std::vector<v1::ControlMessage> drain(Id id) {
    std::vector<v1::ControlMessage> messages;
    while (auto message = distributor_.next_message(id)) {
      if (message->has_outage()) {
        outages_.push_back(message->outage().failed());
      } else {
        messages.push_back(*std::move(message));
      }
    }
    return messages;
  }

  void ack(Id id, std::uint64_t nonce) {
    v1::PopMessage message;
    message.mutable_ack()->set_nonce(nonce);
    distributor_.receive(id, message);
  }
  void nack(Id id, std::uint64_t nonce, std::uint64_t kept, const std::string& error) {
    v1::PopMessage message;
    message.mutable_nack()->set_nonce(nonce);
    message.mutable_nack()->set_kept_number(kept);
    message.mutable_nack()->set_error(error);
    distributor_.receive(id, message);
  }
  void ack_all(Id id) {
    for (const v1::ControlMessage& message : drain(id)) {
      if (message.has_push()) ack(id, message.push().nonce());
    }
  }
  void forget_effects() { static_cast<void>(distributor_.take_effects()); }
  void heartbeat(Id id) {
    v1::PopMessage message;
    message.mutable_heartbeat()->set_requests(1);
    distributor_.receive(id, message);
  }
  void tell_sandbox(Id id, const std::string& name, int measures = 1) {
    v1::PopMessage message;
    for (int i = 0; i < measures; ++i) {
      v1::SandboxMeasure& measure = *message.mutable_heartbeat()->mutable_sandbox()->add_measures();
      measure.set_name(name);
      measure.set_detail("refused");
    }
    distributor_.receive(id, message);
  }
  void pass(std::chrono::milliseconds time) {
    clock_.advance(time);
    distributor_.tick();
  }
  void set_live(const std::string& worker, std::uint64_t number) {
    Release release = release_of(worker, number);
    release.committed_at = clock_.now();
    EXPECT_TRUE(distributor_.set_worker(worker, release, std::nullopt).ok());
  }
  void remove(const std::string& worker) {
    EXPECT_TRUE(distributor_.set_worker(worker, std::nullopt, std::nullopt).ok());
  }
  v1::VersionProgress progress(const std::string& worker, std::uint64_t number) {
    return progress_of(distributor_.catalog(), distributor_.pop_table(),
                       *distributor_.catalog().find(worker), number);
  }
  v1::PopState state(const std::string& pop) { return distributor_.pop(pop)->state(); }

  ManualClock clock_;
  Distributor distributor_{clock_};
  std::vector<bool> outages_;  // what drained PoPs were told
  const Result<Selector> parsed_ = Selector::parse("AMS");
  const Selector* ams_only_ = &parsed_.value();
};

}  // namespace isopop::control
