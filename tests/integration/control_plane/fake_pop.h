#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "isopop/v1/distribution.grpc.pb.h"

namespace isopop::control::test {

// The other end of a distribution stream: speaks the protocol over real gRPC, holds versions and
// bundles in memory, and answers as it is told to. Thread-safe.
class FakePop final {
 public:
  enum class Answer { kAck, kNack, kNothing };
  struct Options {
    std::string id = "AMS";
    std::string region;
    Answer answer = Answer::kAck;
    bool heartbeats = true;
    bool fetches_bundles = false;  // and acknowledges only what has the right hash
    std::uint32_t protocol_version = 2;
    std::vector<v1::HeldVersion> held;
    v1::SandboxReport sandbox;
    std::set<std::uint64_t> rejects;                  // versions, whatever `answer` is
    std::map<std::uint64_t, v1::WorkerFigures> does;  // each heartbeat of who holds that version
  };

  FakePop(const std::string& endpoint, Options options);
  ~FakePop();
  FakePop(const FakePop&) = delete;
  FakePop& operator=(const FakePop&) = delete;

  [[nodiscard]] std::map<std::string, std::uint64_t> versions() const;
  [[nodiscard]] std::vector<v1::Push> pushes() const;
  // As it would say when it connects again.
  [[nodiscard]] std::vector<v1::HeldVersion> held() const;
  [[nodiscard]] std::optional<std::uint64_t> welcomed_with() const;
  [[nodiscard]] std::string refusal() const;
  [[nodiscard]] bool is_open() const { return open_; }
  // Bytes by hash, each checked.
  [[nodiscard]] std::map<std::string, std::string> bundles() const;

 private:
  struct State {
    std::map<std::string, v1::HeldVersion> held;
    std::vector<v1::Push> pushes;
    std::optional<std::uint64_t> welcomed_with;
    std::string refusal;
    std::map<std::string, std::string> bundles;
    std::map<std::string, v1::Push> waiting;  // for the bundle of that hash
  };

  void read_loop();
  void beat_loop();
  void on_push(const v1::Push& push);
  void on_chunk(const v1::BundleChunk& chunk);
  void answer(const v1::Push& push);
  [[nodiscard]] bool rejects(const v1::Push& push) const;
  void write(const v1::PopMessage& message);

  Options options_;
  std::unique_ptr<v1::Distribution::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PopMessage, v1::ControlMessage>> stream_;
  mutable std::mutex mutex_;
  std::mutex write_mutex_;
  State state_;
  std::atomic<bool> open_ = true;
  std::atomic<bool> stopping_ = false;
  std::thread reader_;
  std::thread beater_;
};

}  // namespace isopop::control::test
