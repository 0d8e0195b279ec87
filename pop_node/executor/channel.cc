#include "pop_node/executor/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

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
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0) {
    return errno_error("descriptor " + std::to_string(descriptor) + " of the PoP", errno);
  }
  if (::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) {
    return errno_error("make descriptor " + std::to_string(descriptor) + " non-blocking", errno);
  }
  return Channel(descriptor);
}

Result<Channel::Input> Channel::receive() {
  if (input_begin_ == input_end_) {
    input_begin_ = 0;
    input_end_ = 0;
    // What a big Load took is not kept.
    if (input_.size() > 2 * kFrameBytesMax) input_ = std::string();
  } else if (input_.size() - input_end_ < kReadBytes) {
    input_.erase(0, input_begin_);
    input_end_ -= input_begin_;
    input_begin_ = 0;
  }
  if (input_.size() - input_end_ < kReadBytes) input_.resize(input_end_ + 2 * kReadBytes);
  ssize_t got = -1;
  do {
    got = ::read(descriptor_, input_.data() + input_end_, input_.size() - input_end_);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    input_end_ += static_cast<std::size_t>(got);
    return Input::kMore;
  }
  if (got == 0 || errno == ECONNRESET) return Input::kEnd;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Input::kNothing;
  return errno_error("read from the PoP", errno);
}

Result<std::optional<std::string_view>> Channel::next_frame() {
  const std::string_view rest(input_.data() + input_begin_, input_end_ - input_begin_);
  if (rest.size() < kLengthBytes) return std::optional<std::string_view>();
  const std::size_t length = read_length(rest);
  const std::size_t length_max = first_frame_ ? kLoadFrameBytesMax : kFrameBytesMax;
  if (length == 0 || length > length_max) {
    return invalid_argument("a frame of " + std::to_string(length) + " bytes");
  }
  if (rest.size() < kLengthBytes + length) return std::optional<std::string_view>();
  input_begin_ += kLengthBytes + length;
  first_frame_ = false;
  return std::optional(rest.substr(kLengthBytes, length));
}

Result<void> Channel::send() {
  while (has_output()) {
    const ssize_t wrote =
        ::send(descriptor_, output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
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
