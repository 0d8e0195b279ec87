#include "control_plane/rpc/relay_stream.h"

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "common/log/log.h"
#include "control_plane/distribution/distributor.h"
#include "control_plane/registry/names.h"

namespace isopop::control {
namespace {

constexpr int kFramesMax = 256;
constexpr std::size_t kFrameBytesMax = 512U << 10U;  // about: the last frame may go beyond it
constexpr std::size_t kChannelsMax = 10'000;
constexpr std::size_t kNameBytesMax = 64;

class RelayStream;

// One PoP of the relay.
class Channel final : public PopLink {
 public:
  Channel(RelayStream& stream, std::uint64_t id) : stream_(stream), id_(id) {}
  void wake() override;
  void end() override;

  std::optional<PopStreams::SessionId> session;
  bool in_line = false;
  bool ending = false;

 private:
  RelayStream& stream_;
  std::uint64_t id_;
};

// State is touched on the loop; no callback comes after OnDone.
class RelayStream final : public grpc::ServerBidiReactor<v1::RelayUp, v1::RelayDown>,
                          public std::enable_shared_from_this<RelayStream> {
 public:
  RelayStream(PopStreams& streams, grpc::CallbackServerContext& context, std::string allowed,
              RelayObserver observer)
      : streams_(streams),
        peer_(context.peer()),
        allowed_(std::move(allowed)),
        observer_(std::move(observer)) {}

  void start() {
    self_ = shared_from_this();
    streams_.post([self = self_] { self->StartRead(&self->incoming_); });
  }

  void OnReadDone(bool ok) override {
    streams_.post([self = self_, ok] { self->read_done(ok); });
  }
  void OnWriteDone(bool ok) override {
    streams_.post([self = self_, ok] { self->write_done(ok); });
  }
  void OnCancel() override {
    streams_.post([self = self_] { self->lost(); });
  }
  void OnDone() override {
    streams_.post([self = std::move(self_)] { self->close_all(); });
  }

  void end_channel(std::uint64_t id, Channel& channel) {
    // The PoPs stay with their relay, which is to connect again. Channels go when the stream has
    // ended: the loop is walking over them.
    if (streams_.is_shutting_down()) {
      refused_ = true;
      if (!writing_) finish();
      return;
    }
    channel.ending = true;
    queue(id, channel);
  }

  void queue(std::uint64_t id, Channel& channel) {
    if (std::exchange(channel.in_line, true)) return;
    line_.push_back(id);
    pump();
  }

 private:
  void read_done(bool ok) {
    if (finished_) return;
    if (!ok) return lost();
    for (v1::RelayUp::Frame& frame : *incoming_.mutable_frames()) {
      if (finished_ || refused_) break;
      on_frame(frame);
    }
    pump();
    if (!finished_ && !refused_) StartRead(&incoming_);
  }

  void on_frame(const v1::RelayUp::Frame& frame) {
    if (name_.empty()) return on_hello(frame);
    if (frame.channel() == 0) return;  // nothing else is said of the relay itself
    auto found = channels_.find(frame.channel());
    if (found == channels_.end()) {
      // Without a Hello it is one that was ended from here, with frames on their way. The numbers
      // may come in any order: PoPs say Hello when they like.
      if (!frame.message().has_hello()) return;
      if (channels_.size() >= kChannelsMax) return refuse("it has more PoPs than a relay may");
      found = channels_.try_emplace(frame.channel(), *this, frame.channel()).first;
      found->second.session = streams_.open_stream(
          {.peer = fmt::format("{} by relay {}", frame.peer(), name_), .pop = {}, .relay = name_},
          found->second);
    }
    Channel& channel = found->second;
    // A copy: receiving may end the channel.
    const PopStreams::SessionId session = *channel.session;
    if (frame.has_message()) streams_.receive(session, frame.message());
    if (frame.closed()) close_channel(frame.channel());
  }

  void on_hello(const v1::RelayUp::Frame& frame) {
    const v1::Hello& hello = frame.message().hello();
    const std::string& id = hello.identity().id();
    if (frame.channel() != 0 || !frame.message().has_hello()) {
      return refuse("a relay says who it is before all else");
    }
    if (hello.protocol_version() != kProtocolVersion) {
      return refuse(
          fmt::format("relay {} speaks distribution protocol {}, this control plane {}; "
                      "update both to one release",
                      in_quotes(id), hello.protocol_version(), kProtocolVersion));
    }
    if (id.empty() || id.size() > kNameBytesMax) return refuse("a relay's name is 1 to 64 bytes");
    if (!allowed_.empty() && allowed_ != id) {
      return refuse(fmt::format("its certificate is relay {}'s", in_quotes(allowed_)));
    }
    name_ = id;
    log_info("relay {} connected from {}", name_, peer_);
    observer_.came(name_);
    own_.emplace().mutable_welcome()->set_protocol_version(kProtocolVersion);
  }

  void refuse(const std::string& reason) {
    log_warning("refused a relay at {}: {}", peer_, reason);
    refused_ = true;
    own_.emplace().mutable_refusal()->set_reason(reason);
    close_all();
    pump();
  }

  void write_done(bool ok) {
    writing_ = false;
    if (!ok) return lost();
    pump();
  }

  void pump() {
    // Closing a channel may wake others of this stream.
    if (writing_ || finished_ || pumping_) return;
    pumping_ = true;
    outgoing_.Clear();
    if (own_) *outgoing_.add_frames()->mutable_message() = *std::exchange(own_, std::nullopt);
    std::size_t bytes = 0;
    while (!line_.empty() && outgoing_.frames_size() < kFramesMax && bytes < kFrameBytesMax) {
      bytes += take_turn();
    }
    pumping_ = false;
    if (!outgoing_.frames().empty()) {
      writing_ = true;
      StartWrite(&outgoing_);
    } else if (refused_) {
      finish();
    }
  }

  // One message of the channel whose turn it is; its bytes.
  std::size_t take_turn() {
    const std::uint64_t id = line_.front();
    line_.pop_front();
    const auto found = channels_.find(id);
    if (found == channels_.end()) return 0;
    Channel& channel = found->second;
    std::optional<v1::ControlMessage> message = streams_.next_message(*channel.session);
    if (message) {
      line_.push_back(id);  // there may be more
      v1::RelayDown::Frame& frame = *outgoing_.add_frames();
      frame.set_channel(id);
      *frame.mutable_message() = *std::move(message);
      return frame.ByteSizeLong();
    }
    channel.in_line = false;
    if (!channel.ending) return 0;
    v1::RelayDown::Frame& frame = *outgoing_.add_frames();
    frame.set_channel(id);
    frame.set_closed(true);
    close_channel(id);
    return 0;
  }

  void close_channel(std::uint64_t id) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;
    const PopStreams::SessionId session = *found->second.session;
    // First: what follows from it may come back here.
    streams_.close_stream(session);
    channels_.erase(id);
  }

  void close_all() {
    while (!channels_.empty()) close_channel(channels_.begin()->first);
    line_.clear();
    if (name_.empty() || std::exchange(went_, true)) return;
    log_info("relay {} is gone", name_);
    observer_.went(name_);
  }

  void lost() {
    close_all();
    if (!writing_) finish();
    refused_ = true;  // ends when what is being written is through
  }

  void finish() {
    if (std::exchange(finished_, true)) return;
    Finish({grpc::StatusCode::ABORTED, "the stream was closed; connect again"});
  }

  PopStreams& streams_;
  std::string peer_;
  std::string allowed_;
  RelayObserver observer_;
  std::shared_ptr<RelayStream> self_;
  std::string name_;
  std::map<std::uint64_t, Channel> channels_;
  std::deque<std::uint64_t> line_;
  std::optional<v1::ControlMessage> own_;
  v1::RelayUp incoming_;
  v1::RelayDown outgoing_;
  bool writing_ = false;
  bool pumping_ = false;
  bool refused_ = false;
  bool finished_ = false;
  bool went_ = false;
};

void Channel::wake() {
  stream_.queue(id_, *this);
}

void Channel::end() {
  stream_.end_channel(id_, *this);
}

}  // namespace

grpc::ServerBidiReactor<v1::RelayUp, v1::RelayDown>* start_relay_stream(
    PopStreams& streams, grpc::CallbackServerContext& context, std::string allowed,
    RelayObserver observer) {
  const auto stream =
      std::make_shared<RelayStream>(streams, context, std::move(allowed), std::move(observer));
  stream->start();
  return stream.get();
}

}  // namespace isopop::control
