#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/distribution.pb.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::pop {

// A worker version with its code, ready to be pushed.
struct TestWorker {
  v1::WorkerVersion version;
  std::string bundle;
};
[[nodiscard]] TestWorker make_worker(const std::string& name, std::uint64_t number,
                                     const std::string& source,
                                     v1::Isolation isolation = v1::ISOLATION_FRESH);

// The control plane's half of the Distribution stream, small enough for a test to see through, over
// real gRPC: welcomes every PoP, pushes what is live, answers bundle requests. Thread-safe.
class TestControlPlane final {
 public:
  // `address` with port 0, or one of before, to come back at the same place.
  explicit TestControlPlane(const std::string& address = "127.0.0.1:0");
  ~TestControlPlane();
  TestControlPlane(const TestControlPlane&) = delete;
  TestControlPlane& operator=(const TestControlPlane&) = delete;

  [[nodiscard]] const std::string& address() const;

  // How the PoP answered a push.
  struct Answer {
    bool acked = false;
    std::uint64_t kept_number = 0;
    std::string error;
  };
  // Pushes to the PoP that is connected and waits for its answer.
  [[nodiscard]] Result<Answer> deploy(const TestWorker& worker);
  // All of an assignment; `code` of its versions, as far as the PoP has to fetch it.
  [[nodiscard]] Result<Answer> deploy(const v1::Assignment& assignment,
                                      const std::vector<TestWorker>& code);
  [[nodiscard]] Result<Answer> remove(const std::string& name);
  // As deploy(), but the code that is sent differs from what the version says.
  [[nodiscard]] Result<Answer> deploy_damaged(TestWorker worker);
  // What a PoP that connects from now on is told to be live.
  void set_live(const TestWorker& worker);
  // The stream ends once so much of the next bundle was sent.
  void cut_bundle_after(std::size_t bytes);
  // What it says to PoPs that connect from now on.
  void speak_protocol(std::uint32_t version);
  // Anything, to the PoP that is connected.
  bool send(const v1::ControlMessage& message);
  // Whoever connects is refused.
  void refuse(const std::string& reason);

  [[nodiscard]] bool wait_connected(std::chrono::milliseconds deadline = std::chrono::seconds(20));
  [[nodiscard]] std::uint64_t heartbeats() const;
  // What was said of what confines executors.
  [[nodiscard]] std::vector<v1::SandboxReport> sandboxes() const;
  // All that came, in its order; the last of those that replace each other.
  [[nodiscard]] std::vector<v1::WorkerFigures> figures() const;
  [[nodiscard]] std::vector<v1::TailEvents> tail_events() const;
  [[nodiscard]] std::vector<v1::BundleRequest> bundle_requests() const;
  [[nodiscard]] v1::Heartbeat heartbeat() const;
  [[nodiscard]] v1::Hello hello() const;
  [[nodiscard]] std::uint64_t streams() const;
  [[nodiscard]] std::uint64_t bundles_sent() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace isopop::pop
