#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/http/message.h"

namespace isopop::sim {

// What the fake router says to one request.
struct FakeAnswer {
  http::ResponseHead head;
  std::string body;
  std::chrono::milliseconds delay{0};
};

// An HTTP server in this process, on a thread and a port of its own, that answers as it is told:
// what a replay reports can then be compared with what really happened.
class FakeRouter final {
 public:
  // `answer` is called on the server's thread.
  explicit FakeRouter(std::function<FakeAnswer(const http::RequestHead&)> answer);
  ~FakeRouter();
  FakeRouter(const FakeRouter&) = delete;
  FakeRouter& operator=(const FakeRouter&) = delete;

  [[nodiscard]] std::string address() const;
  // Stops the server; afterwards its requests may be read.
  void stop();
  [[nodiscard]] const std::vector<http::RequestHead>& requests() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace isopop::sim
