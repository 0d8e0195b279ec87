#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "isopop/v1/distribution.grpc.pb.h"

namespace isopop::control::test {

// A PoP's stream that says what the test tells it to, beyond Hello and an Ack for every push.
// Thread-safe.
class ScriptedPop final {
 public:
  ScriptedPop(const std::string& endpoint, const std::string& id, const std::string& region);
  ~ScriptedPop();
  ScriptedPop(const ScriptedPop&) = delete;
  ScriptedPop& operator=(const ScriptedPop&) = delete;

  void say(const v1::PopMessage& message);
  [[nodiscard]] std::vector<v1::ControlMessage> heard() const;

 private:
  void read();

  std::unique_ptr<v1::Distribution::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PopMessage, v1::ControlMessage>> stream_;
  mutable std::mutex mutex_;
  std::mutex write_mutex_;
  std::vector<v1::ControlMessage> heard_;
  std::thread reader_;
};

}  // namespace isopop::control::test
