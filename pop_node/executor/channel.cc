#include "pop_node/executor/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pop_node/executor/frames.h"

namespace isopop::executor {
namespace {

constexpr std::size_t kReadBytes = 64U << 10U;
constexpr std::size_t kLengthBytes = 4;
// How long the last frames may take to be read by the PoP before the process ends all the same.
constexpr int kLastWordsMs = 1000;

std::size_t read_length(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return length;
}

}  // namespace

Result<Channel> Channel::open(int descriptor) {
  if (::fcntl(descriptor, F_GETFL) < 0) {
    return errno_error("descriptor " + std::to_string(descriptor) + " of the PoP", errno);
  }
  return Channel(descriptor);
}

void Channel::keep_input_in(checkpoint::SurvivingMemory& memory) {
  auto* const surviving = memory.make<InputBuffer>();
  surviving->size = kLengthBytes + kFrameBytesMax + kReadBytes;
  surviving->data = static_cast<char*>(memory.allocate(surviving->size));
  surviving->end = input_->end - input_->begin;
  surviving->first_frame = false;
  ISOPOP_ASSERT(surviving->end <= surviving->size, "at most one reading behind the first frame");
  if (surviving->end > 0) {
    std::memcpy(surviving->data, input_->data + input_->begin, surviving->end);
  }
  input_ = surviving;
  own_input_.reset();
  own_bytes_.reset();
}

// At least kReadBytes of it. Only the first frame is larger than the surviving buffer, and it comes
// before. What was handed out is wiped: no restore does it, and it is the business of the request
// it belonged to.
void Channel::make_room() {
  InputBuffer& input = *input_;
  const bool survives = own_input_ == nullptr;
  if (input.begin == input.end) {
    if (survives) std::memset(input.data, 0, input.end);
    input.begin = 0;
    input.end = 0;
    // What a big Load took is not kept.
    if (!survives && input.size > 2 * kFrameBytesMax) {
      own_bytes_.reset();
      input.size = 0;
    }
  }
  if (input.size - input.end >= kReadBytes) return;
  if (input.begin > 0) {
    std::memmove(input.data, input.data + input.begin, input.end - input.begin);
    if (survives) std::memset(input.data + input.end - input.begin, 0, input.begin);
    input.end -= input.begin;
    input.begin = 0;
  }
  if (input.size - input.end >= kReadBytes) return;
  ISOPOP_ASSERT(!survives, "room for every frame in the surviving buffer");
  input.size = std::max(2 * input.size, input.end + 2 * kReadBytes);
  auto larger = std::make_unique_for_overwrite<char[]>(input.size);  // NOLINT(*-c-arrays)
  if (input.end > 0) std::memcpy(larger.get(), input.data, input.end);
  own_bytes_ = std::move(larger);
  input.data = own_bytes_.get();
}

Result<Channel::Input> Channel::receive(Wait wait) {
  make_room();
  InputBuffer& input = *input_;
  const int flags = wait == Wait::kNo ? MSG_DONTWAIT : 0;
  ssize_t got = -1;
  do {
    got = ::recv(descriptor_, input.data + input.end, input.size - input.end, flags);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    input.end += static_cast<std::size_t>(got);
    return Input::kMore;
  }
  if (got == 0 || errno == ECONNRESET) return Input::kEnd;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Input::kNothing;
  return errno_error("read from the PoP", errno);
}

Result<std::optional<std::string_view>> Channel::next_frame() {
  InputBuffer& input = *input_;
  const std::string_view rest(input.data + input.begin, input.end - input.begin);
  if (rest.size() < kLengthBytes) return std::optional<std::string_view>();
  const std::size_t length = read_length(rest);
  const std::size_t length_max = input.first_frame ? kLoadFrameBytesMax : kFrameBytesMax;
  if (length == 0 || length > length_max) {
    return invalid_argument("a frame of " + std::to_string(length) + " bytes");
  }
  if (rest.size() < kLengthBytes + length) return std::optional<std::string_view>();
  input.begin += kLengthBytes + length;
  input.first_frame = false;
  return std::optional(rest.substr(kLengthBytes, length));
}

Result<void> Channel::send() {
  while (has_output()) {
    const ssize_t wrote = ::send(descriptor_, output_.data() + sent_, output_.size() - sent_,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (wrote < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
      return errno_error("write to the PoP", errno);
    }
    sent_ += static_cast<std::size_t>(wrote);
  }
  output_.clear();
  sent_ = 0;
  return {};
}

void Channel::send_all_then_stop() {
  while (has_output()) {
    if (!send().ok()) return;
    if (!has_output()) return;
    pollfd entry{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    if (::poll(&entry, 1, kLastWordsMs) <= 0) return;
  }
}

}  // namespace isopop::executor
