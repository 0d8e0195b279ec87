#include "tests/integration/executor/zygote_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "common/process/send_packet.h"
#include "tests/support/command.h"

namespace isopop::test {
namespace {

constexpr int kDeadlineMs = 20'000;
constexpr std::size_t kPacketBytesMax = 16U << 10U;
constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(int));

// Ours and the other's end.
std::pair<UniqueFd, UniqueFd> make_pair(int type) {
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

ZygoteClient ZygoteClient::start(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--zygote");
  return start_program(program_path("isopop-executor"), std::move(arguments));
}

ZygoteClient ZygoteClient::start_with_descriptors(std::size_t most) {
  return start_program("/bin/sh",
                       {"-c", "ulimit -n " + std::to_string(most) + "; exec \"$0\" --zygote",
                        program_path("isopop-executor")});
}

ZygoteClient ZygoteClient::start_program(const std::string& program,
                                         std::vector<std::string> arguments) {
  auto [ours, theirs] = make_pair(SOCK_SEQPACKET);
  ChildOptions options;
  options.program = program;
  options.arguments = std::move(arguments);
  options.channel = theirs.get();
  options.standard_error = STDERR_FILENO;
  Result<Child> child = Child::start(options);
  EXPECT_TRUE(child.ok()) << (child.ok() ? "" : child.error().message);
  ZygoteClient client(std::move(ours), std::move(child).value());
  theirs = UniqueFd();
  const std::optional<Received> first = client.receive();
  EXPECT_TRUE(first && first->message.has_ready());
  if (first) client.ready_ = first->message.ready();
  return client;
}

ExecutorClient ZygoteClient::order_fork() {
  auto [ours, theirs] = make_pair(SOCK_STREAM);
  v1::ZygoteMessage order;
  order.mutable_fork()->set_token(++last_token_);
  send_raw(order.SerializeAsString(), theirs.get());
  return ExecutorClient(std::move(ours));
}

ZygoteClient::Executor ZygoteClient::fork() {
  ExecutorClient client = order_fork();
  while (std::optional<Received> received = receive()) {
    if (!received->message.has_forked()) {
      EXPECT_FALSE(received->message.has_fork_failed()) << received->message.ShortDebugString();
      continue;
    }
    const v1::Forked& forked = received->message.forked();
    EXPECT_EQ(forked.token(), last_token_);
    EXPECT_GE(received->descriptor.get(), 0);
    return {.token = forked.token(),
            .pid = forked.pid(),
            .pidfd = std::move(received->descriptor),
            .client = std::move(client)};
  }
  ADD_FAILURE() << "the zygote is gone";
  return {.client = std::move(client)};
}

std::string ZygoteClient::fail_to_fork() {
  const ExecutorClient client = order_fork();
  const std::optional<Received> received = receive();
  EXPECT_TRUE(received && received->message.has_fork_failed());
  if (!received) return {};
  EXPECT_EQ(received->message.fork_failed().token(), last_token_);
  return received->message.fork_failed().reason();
}

void ZygoteClient::send_raw(const std::string& packet, int descriptor) {
  EXPECT_EQ(send_packet(socket_.get(), packet, descriptor), static_cast<ssize_t>(packet.size()));
}

std::optional<ZygoteClient::Received> ZygoteClient::receive() {
  pollfd entry{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&entry, 1, kDeadlineMs) <= 0) {
    ADD_FAILURE() << "the zygote said nothing for " << kDeadlineMs << " ms";
    return std::nullopt;
  }
  std::string bytes(kPacketBytesMax, '\0');
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  if (got <= 0) return std::nullopt;
  Received received;
  if (const cmsghdr* const header = CMSG_FIRSTHDR(&message); header != nullptr) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
    received.descriptor = UniqueFd(descriptor);
  }
  EXPECT_TRUE(received.message.ParseFromArray(bytes.data(), static_cast<int>(got)));
  if (received.message.has_exited()) {
    exited_[received.message.exited().token()] = received.message.exited();
  }
  return received;
}

std::optional<v1::Exited> ZygoteClient::wait_exited(std::uint64_t token) {
  while (!exited_.contains(token)) {
    if (!receive()) return std::nullopt;
  }
  return exited_.at(token);
}

std::optional<ExitStatus> ZygoteClient::wait_exit() {
  return child_.wait_exit(std::chrono::milliseconds(kDeadlineMs));
}

}  // namespace isopop::test
