#include "tests/integration/executor/executor_client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tests/support/command.h"

namespace isopop::test {
namespace {

constexpr int kDeadlineMs = 20'000;
constexpr std::size_t kLengthBytes = 4;

std::size_t read_length(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return length;
}

}  // namespace

std::vector<v1::Isolation> served_modes() {
  std::vector<v1::Isolation> modes = {v1::ISOLATION_FRESH, v1::ISOLATION_WARM,
                                      v1::ISOLATION_CONTAINER};
  if (kServesPristine) modes.insert(modes.begin(), v1::ISOLATION_PRISTINE);
  return modes;
}

v1::Bundle make_bundle(std::vector<ModuleText> modules, const std::string& main) {
  v1::Bundle bundle;
  bundle.set_main_module(main);
  std::sort(modules.begin(), modules.end(),
            [](const ModuleText& a, const ModuleText& b) { return a.name < b.name; });
  for (ModuleText& text : modules) {
    v1::Module& module = *bundle.add_modules();
    module.set_name(std::move(text.name));
    module.set_type(text.type);
    module.set_content(std::move(text.content));
  }
  return bundle;
}

v1::Load make_load(const v1::Bundle& bundle, v1::Isolation isolation) {
  v1::Load load;
  load.mutable_version()->set_worker("hello");
  load.set_bundle(bundle.SerializeAsString());
  load.mutable_place()->set_colo("AMS");
  load.set_isolation(isolation);
  v1::WorkerLimits& limits = *load.mutable_limits();
  // Sanitizers and a busy machine make everything slower; the tests of limits set their own.
  limits.set_cpu_ms(5'000);
  limits.set_wall_ms(15'000);
  limits.set_top_level_cpu_ms(5'000);
  limits.set_heap_mib(64);
  return load;
}

v1::Load make_load(const std::string& source, v1::Isolation isolation) {
  return make_load(make_bundle({{.name = "index.js", .content = source}}), isolation);
}

v1::RequestHead make_request(std::uint32_t id, const std::string& url) {
  v1::RequestHead request;
  request.set_id(id);
  request.set_method("GET");
  request.set_url(url.starts_with('/') ? "http://hello.example" + url : url);
  v1::ClientPlace& client = *request.mutable_client();
  client.set_known(true);
  client.set_country("NL");
  client.set_city("Amsterdam");
  client.set_latitude_deg(52.37403);
  client.set_longitude_deg(4.88969);
  request.set_wall_time_us(1'795'000'000'000'000);
  request.set_http_protocol("HTTP/1.1");
  return request;
}

std::string Answer::header(std::string_view name) const {
  if (!head) return {};
  for (const v1::Header& header : head->headers()) {
    if (header.name() == name) return header.value();
  }
  return {};
}

std::string Answer::describe() const {
  std::string text = head ? head->ShortDebugString() : "no response";
  if (failure) text += "\nfailure: " + failure->ShortDebugString();
  for (const v1::LogRecord& log : logs) text += "\nlog: " + log.text();
  text += finished ? "\nfinished" : "\nnot finished";
  return text + "\nbody: " + body.substr(0, 2000);
}

ExecutorClient ExecutorClient::start(std::vector<std::string> arguments) {
  std::array<int, 2> pair{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  ChildOptions options;
  options.program = program_path("isopop-executor");
  options.arguments = std::move(arguments);
  options.channel = theirs.get();
  options.standard_error = STDERR_FILENO;
  Result<Child> child = Child::start(options);
  EXPECT_TRUE(child.ok()) << (child.ok() ? "" : child.error().message);
  return ExecutorClient(std::move(ours), std::move(child).value());
}

void ExecutorClient::send(const v1::Frame& frame) {
  const std::string bytes = frame.SerializeAsString();
  std::string framed;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    framed.push_back(static_cast<char>((bytes.size() >> (8 * i)) & 0xFFU));
  }
  send_raw(framed + bytes);
}

void ExecutorClient::release() {
  is_holding_ = false;
  send_raw(std::exchange(held_, {}));
}

void ExecutorClient::send_raw(std::string_view bytes) {
  if (is_holding_) {
    held_ += bytes;
    return;
  }
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return;  // it has closed; next() will show it
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void ExecutorClient::send_request(const v1::RequestHead& request) {
  v1::Frame frame;
  *frame.mutable_request() = request;
  last_id_ = std::max(last_id_, request.id());
  send(frame);
}

void ExecutorClient::send_body(std::uint32_t id, std::string_view data, bool last) {
  v1::Frame frame;
  frame.mutable_request_body()->set_id(id);
  frame.mutable_request_body()->set_data(std::string(data));
  frame.mutable_request_body()->set_last(last);
  send(frame);
}

void ExecutorClient::send_credit(std::uint32_t id, std::uint32_t bytes) {
  v1::Frame frame;
  frame.mutable_credit()->set_id(id);
  frame.mutable_credit()->set_bytes(bytes);
  send(frame);
}

void ExecutorClient::send_cancel(std::uint32_t id) {
  v1::Frame frame;
  frame.mutable_cancel()->set_id(id);
  send(frame);
}

std::optional<v1::Frame> ExecutorClient::next() {
  while (true) {
    if (input_.size() >= kLengthBytes) {
      const std::size_t length = read_length(input_);
      if (input_.size() >= kLengthBytes + length) {
        v1::Frame frame;
        const bool parsed =
            frame.ParseFromArray(input_.data() + kLengthBytes, static_cast<int>(length));
        EXPECT_TRUE(parsed) << "the executor sent something that is not a Frame";
        input_.erase(0, kLengthBytes + length);
        return frame;
      }
    }
    pollfd entry{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, kDeadlineMs) <= 0) {
      ADD_FAILURE() << "the executor said nothing for " << kDeadlineMs << " ms";
      return std::nullopt;
    }
    std::array<char, 65536> buffer{};
    const ssize_t got = ::read(socket_.get(), buffer.data(), buffer.size());
    if (got <= 0) return std::nullopt;
    input_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

v1::Loaded ExecutorClient::load(const v1::Load& load) {
  v1::Frame frame;
  *frame.mutable_load() = load;
  send(frame);
  while (const std::optional<v1::Frame> answer = next()) {
    if (answer->has_loaded()) return answer->loaded();
    EXPECT_TRUE(answer->has_log()) << answer->ShortDebugString();
  }
  ADD_FAILURE() << "the executor did not answer Load";
  return {};
}

Answer ExecutorClient::answer_of(std::uint32_t id) {
  Answer answer;
  while (!answer.finished) {
    const std::optional<v1::Frame> frame = next();
    if (!frame) return answer;
    std::size_t bytes = 0;
    if (frame->has_response() && frame->response().id() == id) {
      answer.head = frame->response();
      answer.body += frame->response().body();
      answer.body_complete = frame->response().body_complete();
      bytes = frame->response().body().size();
    } else if (frame->has_response_body() && frame->response_body().id() == id) {
      EXPECT_FALSE(answer.body_complete) << "a piece after the last one";
      EXPECT_LE(frame->response_body().data().size(), 65536U);
      answer.body += frame->response_body().data();
      answer.body_complete = frame->response_body().last();
      bytes = frame->response_body().data().size();
    } else if (frame->has_failure() && frame->failure().id() == id) {
      answer.failure = frame->failure();
    } else if (frame->has_log() && frame->log().id() == id) {
      answer.logs.push_back(frame->log());
    } else if (frame->has_finished() && frame->finished().id() == id) {
      answer.finished = frame->finished();
    }
    if (bytes > 0 && !answer.body_complete) send_credit(id, static_cast<std::uint32_t>(bytes));
  }
  return answer;
}

Answer ExecutorClient::fetch(const v1::RequestHead& request) {
  send_request(request);
  return answer_of(request.id());
}

Answer ExecutorClient::fetch(const std::string& path) {
  return fetch(make_request(last_id_ + 1, path));
}

void ExecutorClient::close() {
  socket_ = UniqueFd();
}

std::optional<ExitStatus> ExecutorClient::wait_exit() {
  return child_->wait_exit(std::chrono::milliseconds(kDeadlineMs));
}

}  // namespace isopop::test
