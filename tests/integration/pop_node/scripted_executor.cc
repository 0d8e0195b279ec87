// Not an executor: it speaks the frames of one, and misbehaves as its worker's code asks. So a test
// can show what a PoP does with an executor that crashes, lies, floods or says nothing, which the
// real one (hopefully) never does. The first word of the main module chooses:
//   hello          answers "hello N", N counting this process's requests
//   tell WORD      answers it
//   variable NAME  answers the text of that variable
//   print WORD     prints it, answers, prints "late", and used 1,234 us
//   throw WORD     tells of an exception with that message
//   stillborn      ends by a crash before it is ready
//   hold FILE      answers when FILE exists; on Cancel creates FILE.cancelled
//   download N     streams N bytes as credit allows; tells the PoP's log what it was allowed to
//   send crash          ends on the first request half           begins an answer, then ends
//   garbage        sends bytes that are no frame
//   flood          sends more body than it has credit for
//   forge          answers with a header that splits the response
//   foreign        answers a request that was never made
//   greedy URL     asks other workers for more at a time than it may
//   silent         never answers
//   deaf           never gets ready
//   fault          says that the worker's top level failed
//   limit          tells of a CPU limit on each request and ends, as the real one does
//   overdrawn      does so, but ends by a crash
//
// As a zygote it forks such executors. A word in the file DIR/zygote (--state DIR) makes the first
// one misbehave; the file is removed, so that the next does not:
//   early          says something before it is ready
//   stranger       tells of a child that nobody asked for
//   bare           sends a child without its descriptor
//   forged         sends a descriptor that is no process
//   refuse         cannot fork, once
//   mute           answers no order
//   ghost          tells of the end of a child that there was not
//   noise          sends bytes that are no message

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/process/send_packet.h"
#include "common/text/text.h"
#include "isopop/v1/executor.pb.h"
#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

constexpr int kChannel = 3;
constexpr int kPollMs = 10;
constexpr int kExitCpuLimit = 20;

class ScriptedExecutor {
 public:
  explicit ScriptedExecutor(int channel) : channel_(channel) {}

  int run() {
    while (!done_) {
      pollfd waited{.fd = channel_, .events = POLLIN, .revents = 0};
      poll(&waited, 1, kPollMs);
      if (waited.revents != 0 && !read()) return 0;
      answer_held();
    }
    return exit_code_;
  }

 private:
  bool read() {
    std::array<char, 65536> bytes{};
    const ssize_t size = recv(channel_, bytes.data(), bytes.size(), 0);
    if (size <= 0) return false;
    reader_.feed(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
    while (!done_) {
      Result<std::optional<v1::Frame>> frame = reader_.next();
      if (!frame.ok()) return false;
      if (!frame.value()) return true;
      handle(*frame.value());
    }
    return true;
  }

  void handle(const v1::Frame& frame) {
    if (frame.has_load()) load(frame.load());
    if (frame.has_request()) begin(frame.request());
    if (frame.has_shutdown()) done_ = true;
    if (frame.has_credit()) {
      windows_[frame.credit().id()] += frame.credit().bytes();
      download(frame.credit().id());
    }
    if (frame.has_cancel() && held_.erase(frame.cancel().id()) > 0) {
      std::ofstream(argument_ + ".cancelled") << "cancelled";
      finish(frame.cancel().id());
    }
  }

  void load(const v1::Load& load) {
    v1::Bundle bundle;
    bundle.ParseFromString(load.bundle());
    const std::string& source = bundle.modules(0).content();
    const std::size_t space = source.find(' ');
    script_ = source.substr(0, space);
    if (space != std::string::npos) argument_ = source.substr(space + 1);
    if (script_ == "deaf") return;
    if (script_ == "stillborn") std::abort();
    for (const v1::Variable& variable : load.version().settings().variables()) {
      if (variable.name() == argument_) variable_ = variable.text();
    }
    v1::Frame frame;
    frame.mutable_loaded()->set_ok(script_ != "fault");
    frame.mutable_loaded()->mutable_fault()->set_message("the top level threw");
    frame.mutable_loaded()->mutable_fault()->set_stack("secret stack");
    send(frame);
  }

  void begin(const v1::RequestHead& request) {
    const std::uint32_t id = request.id();
    ++requests_;
    if (script_ == "hello") respond(id, "hello " + std::to_string(requests_));
    if (script_ == "tell") respond(id, argument_);
    if (script_ == "variable") respond(id, variable_);
    if (script_ == "print") print(id);
    if (script_ == "throw") {
      v1::Frame frame;
      frame.mutable_failure()->set_id(id);
      frame.mutable_failure()->set_kind(v1::FAILURE_KIND_EXCEPTION);
      frame.mutable_failure()->mutable_fault()->set_message(argument_);
      send(frame);
      finish(id);
    }
    if (script_ == "hold") held_[id] = true;
    if (script_ == "download") {
      v1::Frame frame;
      frame.mutable_response()->set_id(id);
      frame.mutable_response()->set_status(200);
      send(frame);
      left_[id] = parse_unsigned(argument_).value_or(0);
      windows_[id] = kBodyWindowBytes;
      download(id);
    }
    if (script_ == "crash") end(3);
    if (script_ == "half") {
      v1::Frame frame;
      frame.mutable_response()->set_id(id);
      frame.mutable_response()->set_status(200);
      frame.mutable_response()->set_body("half of ");
      send(frame);
      end(3);
    }
    if (script_ == "garbage") write_all("\xff\xff\xff\xff garbage");
    if (script_ == "flood") {
      left_[id] = 64ULL * 1024 * 1024;
      windows_[id] = left_[id];
      v1::Frame frame;
      frame.mutable_response()->set_id(id);
      frame.mutable_response()->set_status(200);
      send(frame);
      download(id);
    }
    if (script_ == "forge") {
      v1::Frame frame = whole_response(id, "forged");
      v1::Header& header = *frame.mutable_response()->add_headers();
      header.set_name("x-one");
      header.set_value("1\r\nset-cookie: stolen");
      send(frame);
      finish(id);
    }
    if (script_ == "limit" || script_ == "overdrawn") {
      v1::Frame frame;
      frame.mutable_failure()->set_id(id);
      frame.mutable_failure()->set_kind(v1::FAILURE_KIND_CPU_LIMIT);
      send(frame);
      finish(id);
      if (script_ == "overdrawn") std::abort();
      end(kExitCpuLimit);
    }
    if (script_ == "foreign") send(whole_response(id + 1000, "foreign"));
    if (script_ == "greedy") ask_much(id);
  }

  void print(std::uint32_t id) {
    const auto log = [&](const std::string& text) {
      v1::Frame frame;
      frame.mutable_log()->set_id(id);
      frame.mutable_log()->set_level("warn");
      frame.mutable_log()->set_text(text);
      send(frame);
    };
    log(argument_);
    send(whole_response(id, "printed"));
    log("late");
    finish(id, 1'234);
  }

  void ask_much(std::uint32_t id) {
    for (std::uint32_t n = 1; n <= 7; ++n) {
      v1::Frame frame;
      v1::Subrequest& part = *frame.mutable_subrequest();
      part.set_parent(id);
      part.set_id(n);
      part.mutable_head()->set_method("GET");
      part.mutable_head()->set_url(argument_);
      send(frame);
    }
  }

  void answer_held() {
    if (held_.empty() || !std::filesystem::exists(argument_)) return;
    for (const auto& [id, held] : std::exchange(held_, {})) respond(id, "held");
  }

  void download(std::uint32_t id) {
    const auto found = left_.find(id);
    if (found == left_.end()) return;
    while (found->second > 0 && windows_[id] > 0) {
      const std::size_t size =
          std::min<std::size_t>({kBodyPieceBytesMax, found->second, windows_[id]});
      found->second -= size;
      windows_[id] -= size;
      v1::Frame frame;
      frame.mutable_response_body()->set_id(id);
      frame.mutable_response_body()->set_data(std::string(size, 'x'));
      frame.mutable_response_body()->set_last(found->second == 0);
      send(frame);
      sent_ += size;
    }
    v1::Frame log;
    log.mutable_log()->set_level("log");
    log.mutable_log()->set_text("sent " + std::to_string(sent_));
    send(log);
    if (found->second > 0) return;
    left_.erase(found);
    finish(id);
  }

  static v1::Frame whole_response(std::uint32_t id, const std::string& body) {
    v1::Frame frame;
    frame.mutable_response()->set_id(id);
    frame.mutable_response()->set_status(200);
    frame.mutable_response()->set_body(body);
    frame.mutable_response()->set_body_complete(true);
    return frame;
  }

  void respond(std::uint32_t id, const std::string& body) {
    send(whole_response(id, body));
    finish(id);
  }

  void finish(std::uint32_t id, std::uint32_t cpu_us = 0) {
    v1::Frame frame;
    frame.mutable_finished()->set_id(id);
    frame.mutable_finished()->set_cpu_us(cpu_us);
    frame.mutable_finished()->mutable_restore()->set_restore_ns(7'000);
    frame.mutable_finished()->mutable_restore()->set_pages_restored(3);
    send(frame);
  }

  void end(int code) {
    exit_code_ = code;
    done_ = true;
  }

  void send(const v1::Frame& frame) { write_all(encode_frame(frame)); }
  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(channel_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
  }

  int channel_;
  FrameReader reader_;
  std::string script_;
  std::string argument_;
  std::string variable_;
  std::uint64_t requests_ = 0;
  std::uint64_t sent_ = 0;
  std::map<std::uint32_t, bool> held_;
  std::map<std::uint32_t, std::uint64_t> left_;
  std::map<std::uint32_t, std::uint64_t> windows_;
  bool done_ = false;
  int exit_code_ = 0;
};

// A packet and the descriptors that came with it; empty when the other side is gone.
struct Packet {
  std::string bytes;
  int descriptor = -1;
};

Packet receive(int channel) {
  std::array<char, 16384> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t size = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
  if (size <= 0) return {};
  Packet packet{.bytes = std::string(bytes.data(), static_cast<std::size_t>(size))};
  if (const cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr) {
    std::memcpy(&packet.descriptor, CMSG_DATA(item), sizeof packet.descriptor);
  }
  return packet;
}

void transmit(int channel, const std::string& bytes, int descriptor = -1) {
  static_cast<void>(send_packet(channel, bytes, descriptor));
}

class ScriptedZygote {
 public:
  explicit ScriptedZygote(const std::filesystem::path& state) {
    const std::filesystem::path file = state / "zygote";
    std::ifstream(file) >> script_;
    std::filesystem::remove(file);
  }

  int run() {
    if (script_ == "early") tell_end(1, 0);
    v1::ZygoteMessage ready;
    v1::SandboxReport& sandbox = *ready.mutable_ready()->mutable_sandbox();
    v1::SandboxMeasure& has = *sandbox.add_measures();
    has.set_name("script");
    has.set_active(true);
    v1::SandboxMeasure& lacks = *sandbox.add_measures();
    lacks.set_name("walls");
    lacks.set_detail("it is made of paper");
    ready.mutable_ready()->set_dirty_finder("none");
    transmit(kChannel, ready.SerializeAsString());
    if (script_ == "noise") transmit(kChannel, "\xff\xff noise");
    if (script_ == "ghost") tell_end(1, 0);
    while (true) {
      pollfd waited{.fd = kChannel, .events = POLLIN, .revents = 0};
      poll(&waited, 1, kPollMs);
      if (waited.revents != 0) {
        const Packet packet = receive(kChannel);
        if (packet.bytes.empty()) return 0;
        v1::ZygoteMessage message;
        message.ParseFromString(packet.bytes);
        fork_one(message.fork().token(), packet.descriptor);
      }
      reap();
    }
  }

 private:
  void fork_one(std::uint64_t token, int connection) {
    if (script_ == "mute") return;
    v1::ZygoteMessage answer;
    if (script_ == "refuse") {
      script_.clear();
      answer.mutable_fork_failed()->set_token(token);
      answer.mutable_fork_failed()->set_reason("not today");
      transmit(kChannel, answer.SerializeAsString());
      close(connection);
      return;
    }
    const pid_t zygote = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != zygote) _exit(1);
      close(kChannel);
      _exit(ScriptedExecutor(connection).run());
    }
    close(connection);
    children_[pid] = token;
    const int pid_fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    answer.mutable_forked()->set_token(script_ == "stranger" ? token + 1000 : token);
    answer.mutable_forked()->set_pid(pid);
    int descriptor = pid_fd;
    if (script_ == "bare") descriptor = -1;
    if (script_ == "forged") descriptor = 0;
    transmit(kChannel, answer.SerializeAsString(), descriptor);
    close(pid_fd);
  }

  void reap() {
    int status = 0;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
      v1::ZygoteMessage message;
      v1::Exited& exited = *message.mutable_exited();
      exited.set_token(children_.extract(pid).mapped());
      if (WIFSIGNALED(status)) exited.set_signal(WTERMSIG(status));
      if (WIFEXITED(status)) exited.set_code(WEXITSTATUS(status));
      transmit(kChannel, message.SerializeAsString());
    }
  }

  static void tell_end(std::uint64_t token, int code) {
    v1::ZygoteMessage message;
    message.mutable_exited()->set_token(token);
    message.mutable_exited()->set_code(code);
    transmit(kChannel, message.SerializeAsString());
  }

  std::string script_;
  std::map<pid_t, std::uint64_t> children_;
};

}  // namespace
}  // namespace isopop::pop

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const auto state = std::find(arguments.begin(), arguments.end(), "--state");
  if (arguments.empty() || arguments.front() != "--zygote" || arguments.end() - state < 2) return 2;
  return isopop::pop::ScriptedZygote(state[1]).run();
}
