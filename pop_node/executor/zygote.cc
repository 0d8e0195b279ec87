#include "pop_node/executor/zygote.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "common/process/send_packet.h"
#include "pop_node/executor/sandbox.h"

namespace isopop::executor {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(int));

sigset_t only_sigchld() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

// One packet and the descriptor that came with it; no packet at all when the peer has closed.
struct Packet {
  std::string bytes;
  UniqueFd descriptor;
};

Result<std::optional<Packet>> receive_packet(int socket) {
  std::string bytes(kZygotePacketBytesMax, '\0');
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::optional<Packet>();
  if (got < 0) return errno_error("receive from the PoP", errno);
  Packet packet;
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
    packet.descriptor = UniqueFd(descriptor);
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return invalid_argument("a packet or descriptors that there is no room for");
  }
  bytes.resize(static_cast<std::size_t>(got));
  packet.bytes = std::move(bytes);
  return std::optional(std::move(packet));
}

int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

}  // namespace

Result<Zygote> Zygote::open(int descriptor) {
  const sigset_t sigchld = only_sigchld();
  if (::sigprocmask(SIG_BLOCK, &sigchld, nullptr) != 0) return errno_error("sigprocmask", errno);
  UniqueFd child_ended(::signalfd(-1, &sigchld, SFD_CLOEXEC | SFD_NONBLOCK));
  if (child_ended.get() < 0) return errno_error("signalfd", errno);
  return Zygote(descriptor, std::move(child_ended));
}

Result<void> Zygote::say_ready(const ZygoteReady& ready) {
  return send(encode_zygote_message(ready), -1);
}

Result<std::optional<int>> Zygote::run() {
  while (true) {
    std::array<pollfd, 2> entries{pollfd{.fd = descriptor_, .events = POLLIN, .revents = 0},
                                  pollfd{.fd = child_ended_.get(), .events = POLLIN, .revents = 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) {
      return errno_error("poll", errno);
    }
    if (entries[1].revents != 0) ISOPOP_TRY(report_ended());
    if (entries[0].revents == 0) continue;
    bool closed = false;
    ISOPOP_TRY_ASSIGN(const std::optional<int> served, take_order(closed));
    if (served || closed) return served;
  }
}

Result<std::optional<int>> Zygote::take_order(bool& closed) {
  ISOPOP_TRY_ASSIGN(std::optional<Packet> packet, receive_packet(descriptor_));
  closed = !packet;
  if (!packet) return std::optional<int>();
  ISOPOP_TRY_ASSIGN(const ForkOrder order, decode_zygote_message(packet->bytes));
  if (packet->descriptor.get() < 0) return invalid_argument("an order to fork without a socket");
  const pid_t pid = fork_confined();
  if (pid == 0) {
    become_child();
    return std::optional(packet->descriptor.release());
  }
  const int error = errno;
  const UniqueFd pidfd(pid > 0 ? open_pidfd(pid) : -1);
  if (pidfd.get() < 0) {
    const std::string reason = std::strerror(pid > 0 ? errno : error);  // NOLINT(*-mt-unsafe)
    // One that cannot be named without doubt cannot be kept. Of its end the PoP is not told.
    if (pid > 0) ::kill(pid, SIGKILL);
    ISOPOP_TRY(send(encode_zygote_message(ForkFailed{.token = order.token, .reason = reason}), -1));
    return std::optional<int>();
  }
  tokens_[pid] = order.token;
  ISOPOP_TRY(send(encode_zygote_message(Forked{.token = order.token, .pid = pid}), pidfd.get()));
  return std::optional<int>();
}

void Zygote::become_child() {
  ::close(descriptor_);
  descriptor_ = -1;
  child_ended_ = UniqueFd();
  tokens_.clear();
  const sigset_t sigchld = only_sigchld();
  ::sigprocmask(SIG_UNBLOCK, &sigchld, nullptr);
}

Result<void> Zygote::report_ended() {
  signalfd_siginfo ignored{};
  while (::read(child_ended_.get(), &ignored, sizeof(ignored)) > 0) {
  }
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return {};
    const auto found = tokens_.find(pid);
    if (found == tokens_.end()) continue;
    Exited exited{.token = found->second};
    if (WIFSIGNALED(status)) exited.signal = WTERMSIG(status);
    if (WIFEXITED(status)) exited.code = WEXITSTATUS(status);
    tokens_.erase(found);
    ISOPOP_TRY(send(encode_zygote_message(exited), -1));
  }
}

Result<void> Zygote::send(std::string_view bytes, int with_descriptor) {
  const ssize_t sent = send_packet(descriptor_, bytes, with_descriptor);
  if (sent < 0) return errno_error("send to the PoP", errno);
  return {};
}

}  // namespace isopop::executor
