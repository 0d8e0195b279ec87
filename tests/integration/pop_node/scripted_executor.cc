// Not an executor: it speaks the frames of one, and misbehaves as its worker's code asks. So a test
// can show what a PoP does with an executor that crashes, lies, floods or says nothing, which the
// real one (hopefully) never does. The first word of the main module chooses:
//   hello          answers "hello N", N counting this process's requests
//   hold FILE      answers when FILE exists; on Cancel creates FILE.cancelled
//   download N     streams N bytes as credit allows; writes what it was allowed to send into the
//   PoP's log crash          ends on the first request half           begins an answer, then ends
//   garbage        sends bytes that are no frame
//   flood          sends more body than it has credit for
//   forge          answers with a header that splits the response
//   foreign        answers a request that was never made
//   silent         never answers
//   deaf           never gets ready
//   fault          says that the worker's top level failed

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "common/text/text.h"
#include "isopop/v1/executor.pb.h"
#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

constexpr int kChannel = 3;
constexpr int kPollMs = 10;

class ScriptedExecutor {
 public:
  int run() {
    while (!done_) {
      pollfd waited{.fd = kChannel, .events = POLLIN, .revents = 0};
      poll(&waited, 1, kPollMs);
      if (waited.revents != 0 && !read()) return 0;
      answer_held();
    }
    return exit_code_;
  }

 private:
  bool read() {
    std::array<char, 65536> bytes{};
    const ssize_t size = recv(kChannel, bytes.data(), bytes.size(), 0);
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
    if (script_ == "foreign") send(whole_response(id + 1000, "foreign"));
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

  void finish(std::uint32_t id) {
    v1::Frame frame;
    frame.mutable_finished()->set_id(id);
    send(frame);
  }

  void end(int code) {
    exit_code_ = code;
    done_ = true;
  }

  void send(const v1::Frame& frame) { write_all(encode_frame(frame)); }
  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(kChannel, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
  }

  FrameReader reader_;
  std::string script_;
  std::string argument_;
  std::uint64_t requests_ = 0;
  std::uint64_t sent_ = 0;
  std::map<std::uint32_t, bool> held_;
  std::map<std::uint32_t, std::uint64_t> left_;
  std::map<std::uint32_t, std::uint64_t> windows_;
  bool done_ = false;
  int exit_code_ = 0;
};

}  // namespace
}  // namespace isopop::pop

int main() {
  return isopop::pop::ScriptedExecutor().run();
}
