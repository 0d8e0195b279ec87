// The least that an HTTP server can do, to see what common/http costs:
//   build/…/bench/http_hello_server 127.0.0.1:9000 &
//   wrk -c 32 -t 1 -d 5 http://127.0.0.1:9000/
#include <cstdio>

#include "common/http/header_names.h"
#include "common/http/server.h"

int main(int argc, char** argv) {
  using namespace isopop;
  const Result<Endpoint> endpoint = parse_endpoint(argc > 1 ? argv[1] : "127.0.0.1:0");
  if (!endpoint.ok()) {
    std::fprintf(stderr, "error: %s\n", endpoint.error().message.c_str());
    return 2;
  }
  asio::io_context io(1);
  const auto hello = [](http::Exchange& exchange) -> asio::awaitable<void> {
    http::ResponseHead head;
    head.headers.add(http::header_names::kContentType, "text/plain");
    (co_await exchange.respond(std::move(head), "hello\n")).ignore("the client's loss");
  };
  auto server = http::Server::create(io, endpoint.value(), hello);
  if (!server.ok()) {
    std::fprintf(stderr, "error: %s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("%s\n", to_string(server.value()->address()).c_str());
  std::fflush(stdout);
  io.run();
  return 0;
}
