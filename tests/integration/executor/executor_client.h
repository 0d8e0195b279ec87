#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "isopop/v1/executor.pb.h"

namespace isopop::test {

// The PoP's end of the wire to a real isopop-executor, for tests. Written with libprotobuf from the
// contract, independently of the executor's own codec. Every wait has a deadline, after which the
// test fails through std::nullopt.

// Whether this build's executors serve pristine mode: with a sanitizer in them they have no
// checkpoints, and refuse it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kServesPristine = false;
#else
inline constexpr bool kServesPristine = true;
#endif

// All modes that they serve.
[[nodiscard]] std::vector<v1::Isolation> served_modes();

// One module of a bundle.
struct ModuleText {
  std::string name;
  v1::ModuleType type = v1::MODULE_TYPE_ES_MODULE;
  std::string content;
};

[[nodiscard]] v1::Bundle make_bundle(std::vector<ModuleText> modules,
                                     const std::string& main = "index.js");

// A Load with generous limits, to be changed by the test.
[[nodiscard]] v1::Load make_load(const v1::Bundle& bundle, v1::Isolation isolation);
// The same for one module.
[[nodiscard]] v1::Load make_load(const std::string& source,
                                 v1::Isolation isolation = v1::ISOLATION_WARM);

[[nodiscard]] v1::RequestHead make_request(std::uint32_t id, const std::string& url = "/");

// All that came for one request until it was finished.
struct Answer {
  std::optional<v1::ResponseHead> head;
  std::string body;
  bool body_complete = false;
  std::optional<v1::Failure> failure;
  std::vector<v1::LogRecord> logs;
  std::optional<v1::Finished> finished;  // nullopt: the connection ended before

  [[nodiscard]] std::string header(std::string_view name) const;
  // For a test's message.
  [[nodiscard]] std::string describe() const;
};

class ExecutorClient final {
 public:
  // An executor of its own program; `arguments` are added to its command line.
  [[nodiscard]] static ExecutorClient start(std::vector<std::string> arguments = {});
  // One that a zygote has forked, at the other end of this socket.
  explicit ExecutorClient(UniqueFd socket) : socket_(std::move(socket)) {}

  void send(const v1::Frame& frame);
  void send_raw(std::string_view bytes);
  void send_request(const v1::RequestHead& request);
  void send_body(std::uint32_t id, std::string_view data, bool last);
  void send_credit(std::uint32_t id, std::uint32_t bytes);
  void send_cancel(std::uint32_t id);
  // What is sent until release() arrives at once.
  void hold() { is_holding_ = true; }
  void release();

  // The next frame; nullopt when the executor has closed, or at the deadline.
  [[nodiscard]] std::optional<v1::Frame> next();

  // Sends the Load and waits for its answer, not for logs.
  [[nodiscard]] v1::Loaded load(const v1::Load& load);

  // Frames of this request until it is finished; acknowledges the response's body. Frames of other
  // requests are dropped.
  [[nodiscard]] Answer answer_of(std::uint32_t id);
  // One whole request.
  [[nodiscard]] Answer fetch(const v1::RequestHead& request);
  [[nodiscard]] Answer fetch(const std::string& path = "/");

  void close();
  // Its end of the wire, for one who speaks it himself.
  [[nodiscard]] UniqueFd take_socket() { return std::move(socket_); }
  // After the end of an executor that start() made.
  [[nodiscard]] std::optional<ExitStatus> wait_exit();
  [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : -1; }

 private:
  ExecutorClient(UniqueFd socket, std::optional<Child> child)
      : socket_(std::move(socket)), child_(std::move(child)) {}

  UniqueFd socket_;
  std::optional<Child> child_;
  std::string input_;
  bool is_holding_ = false;
  std::string held_;
  std::uint32_t last_id_ = 0;
};

}  // namespace isopop::test
