#include "pop_node/executor/traffic.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace isopop::executor {
namespace {

// What a record costs beside its text, so that empty lines are bounded too.
constexpr std::size_t kLogRecordBytes = 64;
// Credit is given back in pieces of at least this size while more is to come.
constexpr std::uint32_t kCreditBytesMin = 64U << 10U;
// More requests than this at a time are the peer's mistake.
constexpr std::size_t kRequestsMax = 1024;

// Cuts at a whole UTF-8 character.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace

Result<void> Traffic::begin(RequestFrame& request) {
  if (requests_.size() >= kRequestsMax) {
    return invalid_argument("more than " + std::to_string(kRequestsMax) + " requests in flight");
  }
  const auto [entry, added] = requests_.try_emplace(request.id);
  if (!added) {
    return invalid_argument("request " + std::to_string(request.id) + " is in flight already");
  }
  Exchange& exchange = entry->second;
  exchange.inbox_complete = !request.has_body || request.body_complete;
  if (!request.body.empty()) {
    exchange.inbox_bytes = request.body.size();
    exchange.inbox.push_back(std::move(request.body));
    request.body.clear();
  }
  exchange.started_at = clock_.now();
  logged_bytes_.erase(0);
  return {};
}

Result<bool> Traffic::add_body(BodyFrame frame) {
  Exchange* exchange = find(frame.id);
  if (exchange == nullptr) return false;
  if (exchange->inbox_complete) {
    return invalid_argument("a piece after the end of the body of request " +
                            std::to_string(frame.id));
  }
  if (exchange->inbox_bytes + exchange->credit_due + frame.data.size() > kBodyWindowBytes) {
    return invalid_argument("the body of request " + std::to_string(frame.id) +
                            " exceeds its credit");
  }
  exchange->inbox_bytes += frame.data.size();
  if (!frame.data.empty()) exchange->inbox.push_back(std::move(frame.data));
  exchange->inbox_complete = frame.last;
  return std::exchange(exchange->reader_waits, false);
}

bool Traffic::add_credit(CreditFrame frame) {
  Exchange* exchange = find(frame.id);
  if (exchange == nullptr) return false;
  const std::uint64_t window = std::uint64_t{exchange->window} + frame.bytes;
  exchange->window = static_cast<std::uint32_t>(std::min<std::uint64_t>(window, kBodyWindowBytes));
  if (exchange->outbox.empty()) return false;
  const std::string_view held = std::string_view(exchange->outbox).substr(exchange->outbox_sent);
  exchange->outbox_sent += send_covered(frame.id, *exchange, held);
  if (exchange->outbox_sent < exchange->outbox.size()) return false;
  exchange->outbox.clear();
  exchange->outbox_sent = 0;
  return true;
}

Traffic::BodyRead Traffic::read_body(std::uint32_t id) {
  Exchange* exchange = find(id);
  if (exchange == nullptr) return {};
  if (exchange->inbox.empty()) {
    if (exchange->inbox_complete) return {};
    exchange->reader_waits = true;
    return {.kind = Piece::kNotYet, .data = {}};
  }
  BodyRead read{.kind = Piece::kData, .data = std::move(exchange->inbox.front())};
  exchange->inbox.pop_front();
  exchange->inbox_bytes -= read.data.size();
  give_credit(id, *exchange, read.data.size());
  return read;
}

std::optional<std::string> Traffic::take_whole_body(std::uint32_t id) {
  Exchange* exchange = find(id);
  if (exchange == nullptr) return std::string();
  if (!exchange->inbox_complete) return std::nullopt;
  if (exchange->inbox.size() == 1) {
    std::string only = std::move(exchange->inbox.front());
    exchange->inbox.clear();
    exchange->inbox_bytes = 0;
    return only;
  }
  std::string all;
  all.reserve(exchange->inbox_bytes);
  for (const std::string& piece : exchange->inbox) all += piece;
  exchange->inbox.clear();
  exchange->inbox_bytes = 0;
  return all;
}

bool Traffic::respond(std::uint32_t id, const ResponseHead& head, std::string_view body,
                      Ending ending) {
  Exchange* exchange = find(id);
  if (exchange == nullptr || exchange->head_sent) return true;
  const std::string_view first = body.substr(0, kBodyPieceBytesMax);
  exchange->head_sent = true;
  exchange->ended = ending == Ending::kComplete;
  exchange->end_sent = exchange->ended && first.size() == body.size();
  exchange->window -= static_cast<std::uint32_t>(first.size());
  append_response(out_, id, head, {.data = first, .last = exchange->end_sent},
                  times_now(*exchange));
  if (first.size() == body.size()) return true;
  return push_out(id, *exchange, body.substr(first.size()));
}

bool Traffic::write_body(std::uint32_t id, std::string_view data) {
  Exchange* exchange = find(id);
  if (exchange == nullptr || !exchange->head_sent || exchange->ended) return true;
  return push_out(id, *exchange, data);
}

bool Traffic::end_body(std::uint32_t id) {
  Exchange* exchange = find(id);
  if (exchange == nullptr || !exchange->head_sent || exchange->ended) return true;
  exchange->ended = true;
  return push_out(id, *exchange, {});
}

void Traffic::started(std::uint32_t id, std::uint32_t isolate_us) {
  Exchange* exchange = find(id);
  if (exchange == nullptr) return;
  exchange->times.isolate_us = isolate_us;
  exchange->started_at = clock_.now();
}

void Traffic::fail(std::uint32_t id, FailureKind kind, const WorkerFault& fault) {
  Exchange* exchange = find(id);
  if (exchange == nullptr || exchange->failed) return;
  // Behind a whole answer only a limit is told: the client has what it asked for, but the peer is
  // to know why this process ends.
  if (exchange->end_sent && !is_limit(kind)) return;
  append_failure(out_, id, kind, fault, times_now(*exchange));
  exchange->failed = true;
  exchange->head_sent = true;
  exchange->ended = true;
  exchange->end_sent = true;
  exchange->outbox.clear();
}

void Traffic::finish(std::uint32_t id, std::uint32_t cpu_us) {
  if (requests_.erase(id) == 0) return;
  const auto logged = logged_bytes_.extract(id);
  const LimitsReached reached{.subrequests = subrequests_.has_reached_limit(id),
                              .log = !logged.empty() && logged.mapped() > log_bytes_max()};
  subrequests_.forget(id);
  append_finished(out_, id, cpu_us, restore_figures_, reached);
  restore_figures_.reset();
}

void Traffic::log(std::uint32_t id, std::string_view level, std::string_view text) {
  if (id != 0 && !contains(id)) id = 0;
  std::size_t& logged = logged_bytes_[id];
  if (logged > log_bytes_max()) return;
  const std::string_view kept = cut(text, kLogTextBytesMax);
  logged += kept.size() + kLogRecordBytes;
  append_log(out_, id, level, kept);
  if (logged > log_bytes_max()) {
    append_log(out_, id, "warn",
               (id == 0 ? "the top level" : "the request") +
                   std::string(" has logged more than its limit of ") +
                   std::to_string(limits_.log_kib) + " KiB: what follows is lost");
  }
}

bool Traffic::waits_for_peer(std::uint32_t id) const {
  const auto entry = requests_.find(id);
  if (entry == requests_.end()) return false;
  return entry->second.reader_waits || !entry->second.outbox.empty() || subrequests_.is_awaited(id);
}

bool Traffic::is_held_up(std::uint32_t id) const {
  const auto entry = requests_.find(id);
  return entry != requests_.end() && !entry->second.outbox.empty();
}

Traffic::Exchange* Traffic::find(std::uint32_t id) {
  const auto entry = requests_.find(id);
  return entry == requests_.end() ? nullptr : &entry->second;
}

void Traffic::give_credit(std::uint32_t id, Exchange& exchange, std::size_t bytes) {
  if (exchange.inbox_complete) return;
  exchange.credit_due += static_cast<std::uint32_t>(bytes);
  if (exchange.credit_due < kCreditBytesMin && !exchange.inbox.empty()) return;
  append_credit(out_, {.id = id, .bytes = std::exchange(exchange.credit_due, 0)});
}

// Sends what the credit covers and keeps the rest. True when nothing is left.
bool Traffic::push_out(std::uint32_t id, Exchange& exchange, std::string_view data) {
  if (!exchange.outbox.empty()) {
    exchange.outbox += data;
    return false;
  }
  const std::size_t sent = send_covered(id, exchange, data);
  if (sent < data.size()) {
    exchange.outbox = data.substr(sent);
    return false;
  }
  return true;
}

// How many bytes were sent. With the last byte of a body that has ended goes its end.
std::size_t Traffic::send_covered(std::uint32_t id, Exchange& exchange, std::string_view data) {
  std::size_t sent = 0;
  while (sent < data.size() && exchange.window > 0) {
    const std::size_t bytes =
        std::min({data.size() - sent, kBodyPieceBytesMax, std::size_t{exchange.window}});
    exchange.end_sent = exchange.ended && sent + bytes == data.size();
    append_body(out_, id, {.data = data.substr(sent, bytes), .last = exchange.end_sent});
    exchange.window -= static_cast<std::uint32_t>(bytes);
    sent += bytes;
  }
  if (sent == data.size() && exchange.ended && !exchange.end_sent) {
    exchange.end_sent = true;
    append_body(out_, id, {.data = {}, .last = true});
  }
  return sent;
}

RunTimes Traffic::times_now(const Exchange& exchange) const {
  return {.isolate_us = exchange.times.isolate_us,
          .run_us = microseconds(clock_.now() - exchange.started_at)};
}

}  // namespace isopop::executor
