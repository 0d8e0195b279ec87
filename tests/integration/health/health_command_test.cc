// isopop-health, the health check of the image, against servers that answer, refuse and stay
// silent.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "common/process/command.h"

namespace isopop {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::filesystem::path kProgram = std::filesystem::path(ISOPOP_BIN_DIR) / "isopop-health";

CommandOutput health(std::vector<std::string> arguments) {
  Result<CommandOutput> output =
      run_command({.program = kProgram.string(), .arguments = std::move(arguments)}, 30s);
  EXPECT_TRUE(output.ok());
  return output.ok() ? std::move(output).value() : CommandOutput{.status = {.code = -1}};
}

// A socket on a free port of 127.0.0.1. Connections are taken by the kernel as soon as it listens.
class Server {
 public:
  Server() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), any, size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), any, &size), 0);
    port_ = ntohs(address.sin_port);
  }

  void listen() const { EXPECT_EQ(::listen(socket_.get(), 1), 0); }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Takes one connection, reads the head of its request and answers in the pieces given; what was
  // read is the result.
  [[nodiscard]] std::string answer(const std::vector<std::string>& pieces) const {
    const UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string request;
    std::array<char, 512> buffer{};
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(connection.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      request.append(buffer.data(), static_cast<std::size_t>(got));
    }
    for (const std::string& piece : pieces)
      EXPECT_GE(::send(connection.get(), piece.data(), piece.size(), MSG_NOSIGNAL), 0);
    return request;
  }

 private:
  UniqueFd socket_;
  std::uint16_t port_ = 0;
};

struct Exchange {
  CommandOutput command;
  std::string request;
};

Exchange exchange(std::vector<std::string> answer, std::vector<std::string> more_arguments = {}) {
  const Server server;
  server.listen();
  Exchange exchange;
  std::thread answering(
      [&server, &exchange, &answer] { exchange.request = server.answer(answer); });
  std::vector<std::string> arguments = {server.address()};
  for (std::string& argument : more_arguments) arguments.push_back(std::move(argument));
  exchange.command = health(std::move(arguments));
  answering.join();
  return exchange;
}

TEST(HealthCommandTest, AnAnswer200IsHealthy) {
  const Exchange result = exchange({"HTTP/1.1 200 OK\r\n\r\n"});
  EXPECT_EQ(result.command.status.code, 0) << result.command.errors;
  EXPECT_THAT(result.command.errors, IsEmpty());
  EXPECT_THAT(result.request, StartsWith("GET /__isopop/readyz HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(result.request, HasSubstr("\r\nConnection: close\r\n\r\n"));
}

TEST(HealthCommandTest, AsksForThePathGiven) {
  const Exchange result = exchange({"HTTP/1.1 200 OK\r\n\r\n"}, {"/healthz?deep=1"});
  EXPECT_EQ(result.command.status.code, 0) << result.command.errors;
  EXPECT_THAT(result.request, StartsWith("GET /healthz?deep=1 HTTP/1.1\r\n"));
}

TEST(HealthCommandTest, AnAnswerMayComeInPieces) {
  const Exchange result = exchange({"HTT", "P/1.0 2", "00 OK\r\n\r\n"});
  EXPECT_EQ(result.command.status.code, 0) << result.command.errors;
}

TEST(HealthCommandTest, AnyOtherStatusIsUnhealthy) {
  for (const std::string status : {"503", "404", "302", "204"}) {
    const Exchange result = exchange({"HTTP/1.1 " + status + " Whatever\r\n\r\n"});
    EXPECT_EQ(result.command.status.code, 1) << status;
    EXPECT_THAT(result.command.errors, HasSubstr("answered " + status + " to /__isopop/readyz"));
  }
}

TEST(HealthCommandTest, WhatIsNotHttpIsUnhealthy) {
  for (const std::string answer : {"", "HTTP/1.1 20", "HTTP/1.12200", "SSH-2.0-200 200\r\n"}) {
    const Exchange result = exchange({answer});
    EXPECT_EQ(result.command.status.code, 1) << answer;
    EXPECT_THAT(result.command.errors, HasSubstr("no HTTP answer")) << answer;
  }
}

TEST(HealthCommandTest, ARefusedPortIsUnhealthy) {
  const Server bound_but_deaf;
  const CommandOutput output = health({bound_but_deaf.address()});
  EXPECT_EQ(output.status.code, 1);
  EXPECT_THAT(output.errors, HasSubstr(bound_but_deaf.address() + ": cannot connect"));
}

TEST(HealthCommandTest, AServerThatNeverAnswersIsUnhealthy) {
  const Server silent;
  silent.listen();
  const CommandOutput output = health({silent.address()});
  EXPECT_EQ(output.status.code, 1);
  EXPECT_THAT(output.errors, HasSubstr("no answer within 2 s"));
}

TEST(HealthCommandTest, BadArgumentsAreUsage) {
  const std::vector<std::vector<std::string>> bad = {
      {""},
      {"127.0.0.1"},
      {"127.0.0.1:"},
      {"127.0.0.1:0"},
      {"127.0.0.1:65536"},
      {"127.0.0.1:-1"},
      {"127.0.0.1:80x"},
      {":8080"},
      {"localhost:8080"},
      {"1.2.3.4.5.6.7.8.9.10:80"},
      {"127.0.0.1:8080", "readyz"},
      {"127.0.0.1:8080", ""},
      {"127.0.0.1:8080", "/ready z"},
      {"127.0.0.1:8080", "/readyz\r\nHost: elsewhere"},
      {"127.0.0.1:8080", "/" + std::string(1024, 'x')},
      {"127.0.0.1:8080", "/readyz", "more"},
      {"--port", "8080"},
  };
  for (const std::vector<std::string>& arguments : bad) {
    const CommandOutput output = health(arguments);
    EXPECT_EQ(output.status.code, 2) << ::testing::PrintToString(arguments);
    EXPECT_THAT(output.errors, HasSubstr("usage: isopop-health")) << arguments.front();
  }
}

TEST(HealthCommandTest, HelpIsNoError) {
  const CommandOutput output = health({"--help"});
  EXPECT_EQ(output.status.code, 0);
  EXPECT_THAT(output.output, HasSubstr("usage: isopop-health [HOST:PORT] [PATH]"));
}

}  // namespace
}  // namespace isopop
