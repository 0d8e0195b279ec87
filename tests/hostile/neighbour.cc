#include "tests/hostile/neighbour.h"

#include "tests/integration/pop_node/raw_client.h"
#include "tests/support/wait.h"

namespace isopop::hostile {
namespace {

// Computes, keeps state that must stay its own, reads a body and streams one.
constexpr char kSource[] = R"(const secret = SECRET;
let asked = 0;
export default { async fetch(request) {
  asked += 1;
  const number = Number(new URL(request.url).searchParams.get('n'));
  const body = await request.text();
  const polluted = Object.keys(globalThis).length + (({}).polluted === undefined ? 0 : 1);
  const text = [number * number, body.toUpperCase(), asked, polluted, secret.length].join(' ');
  return new Response(new Response(text).body, { headers: { 'x-neighbour': String(number) } });
} };)";

}  // namespace

pop::TestWorker Neighbour::worker(v1::Isolation isolation) {
  std::string source = kSource;
  const std::string placeholder = "SECRET";
  source.replace(source.find(placeholder), placeholder.size(), "\"" + secret() + "\"");
  pop::TestWorker worker = pop::make_worker("neighbour", 1, source, isolation);
  // It must be served however busy the machine is.
  worker.version.mutable_settings()->mutable_limits()->set_cpu_ms(5'000);
  return worker;
}

Neighbour::Neighbour(const std::string& pop_address)
    : thread_([this, pop_address] { ask_without_pause(pop_address); }) {}

Neighbour::~Neighbour() {
  static_cast<void>(stop());
}

bool Neighbour::is_served(std::uint64_t more) const {
  const std::uint64_t wanted = answered_ + more;
  return test::wait_until([this, wanted] { return wronged_ || answered_ >= wanted; }) && !wronged_;
}

std::string Neighbour::stop() {
  stopped_ = true;
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock lock(mutex_);
  return complaints_;
}

void Neighbour::ask_without_pause(const std::string& address) {
  pop::RawClient client(address);
  for (std::uint64_t n = 1; !stopped_ && !wronged_; ++n) {
    const std::string number = std::to_string(n);
    const std::string body = "body " + number;
    client.send("POST /?n=" + number + " HTTP/1.1\r\nhost: neighbour.example\r\ncontent-length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    const Result<pop::RawResponse> answer = client.read_response();
    if (!answer.ok()) {
      complain("request " + number + ": " + answer.error().message);
      return;
    }
    const pop::RawResponse& got = answer.value();
    // The third word counts the requests that this isolate has seen: it keeps nothing either.
    const std::string wanted =
        std::to_string(n * n) + " BODY " + number + " 1 0 " + std::to_string(secret().size());
    const auto echo = got.headers.find("x-neighbour");
    if (got.status != 200 || !got.complete || got.body != wanted || echo == got.headers.end() ||
        echo->second != number) {
      complain("request " + number + ": status " + std::to_string(got.status) + ", body \"" +
               got.body + "\", not \"" + wanted + "\"");
      return;
    }
    ++answered_;
  }
}

void Neighbour::complain(const std::string& line) {
  const std::scoped_lock lock(mutex_);
  complaints_ += line + "\n";
  wronged_ = true;
}

}  // namespace isopop::hostile
