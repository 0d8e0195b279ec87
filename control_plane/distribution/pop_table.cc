#include "control_plane/distribution/pop_table.h"

#include <fmt/format.h>

#include <cstdlib>

#include "common/geo/geo_point.h"
#include "common/text/text.h"
#include "common/units/units.h"

namespace isopop::control {
namespace {

constexpr std::size_t kPopIdBytesMax = 64;
constexpr std::size_t kTextBytesMax = 256;
constexpr int kHeldMax = 100'000;
constexpr int kMeasuresMax = 64;
constexpr int kProblemsMax = 8;
// Beyond what a way and a busy machine explain.
constexpr std::int64_t kClockSkewToldMs = 2'000;

bool is_pop_id(const std::string& id) {
  if (id.empty() || id.size() > kPopIdBytesMax) return false;
  return id.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
         std::string::npos;
}

// No more of it than any PoP has to say.
v1::SandboxReport bounded(const v1::SandboxReport& report) {
  v1::SandboxReport kept;
  for (const v1::SandboxMeasure& measure : report.measures()) {
    if (kept.measures_size() == kMeasuresMax) break;
    v1::SandboxMeasure& entry = *kept.add_measures();
    entry.set_name(std::string(truncate_utf8(measure.name(), kTextBytesMax)));
    entry.set_active(measure.active());
    entry.set_detail(std::string(truncate_utf8(measure.detail(), kTextBytesMax)));
  }
  return kept;
}

}  // namespace

std::string refusal_of(const v1::Hello& hello, const StreamOrigin& origin,
                       std::uint32_t protocol_version) {
  const v1::PopIdentity& identity = hello.identity();
  if (hello.protocol_version() != protocol_version) {
    const bool pop_is_newer = hello.protocol_version() > protocol_version;
    return fmt::format(
        "PoP {} speaks distribution protocol {}, this control plane speaks {}; update {} so that "
        "both are of one release",
        identity.id(), hello.protocol_version(), protocol_version,
        pop_is_newer ? "isopop-control" : "isopop-pop");
  }
  if (!is_pop_id(identity.id())) {
    return fmt::format("a PoP's id must be 1 to {} letters, digits, '-', '_' or '.'; give it --id",
                       kPopIdBytesMax);
  }
  if (!origin.pop.empty() && origin.pop != identity.id()) {
    return fmt::format(
        "its certificate is that of PoP {}, so it cannot be PoP {}; start it with --id {}, or let "
        "it join again with an empty state folder",
        origin.pop, identity.id(), origin.pop);
  }
  const Result<void> place = check_geo_point(
      {.latitude_deg = identity.latitude_deg(), .longitude_deg = identity.longitude_deg()});
  if (!place.ok()) return fmt::format("PoP {}: {}", identity.id(), place.error().message);
  if (identity.city().size() > kTextBytesMax || identity.region().size() > kTextBytesMax ||
      identity.country().size() > kTextBytesMax || hello.http_address().size() > kTextBytesMax ||
      hello.host().size() > kTextBytesMax || hello.program_version().size() > kTextBytesMax ||
      hello.held_size() > kHeldMax) {
    return fmt::format("PoP {}: its Hello is larger than any PoP's can be", identity.id());
  }
  return {};
}

const PopRecord* PopTable::find(const std::string& pop) const {
  const auto found = records_.find(pop);
  return found == records_.end() ? nullptr : &found->second;
}

PopRecord* PopTable::find(const std::string& pop) {
  const auto found = records_.find(pop);
  return found == records_.end() ? nullptr : &found->second;
}

PopRecord& PopTable::greet(const v1::Hello& hello, const StreamOrigin& origin,
                           std::uint64_t session, const Clock& clock) {
  PopRecord& record = records_[hello.identity().id()];
  record.session = session;
  record.last_heartbeat = clock.now();
  // What an earlier process of that id told says nothing about this one.
  record.pop.Clear();
  *record.pop.mutable_identity() = hello.identity();
  record.pop.set_http_address(hello.http_address());
  record.pop.set_relay(origin.relay);
  record.pop.set_host(hello.host());
  record.pop.set_program_version(hello.program_version());
  record.pop.set_connected_at_ms(to_unix_ms(clock.wall_now()));
  record.pop.set_last_heartbeat_ms(record.pop.connected_at_ms());
  record.pop.set_state(v1::POP_STATE_STARTING);
  return record;
}

std::optional<std::string> PopTable::note_heartbeat(PopRecord& record,
                                                    const v1::Heartbeat& heartbeat,
                                                    const Clock& clock) {
  v1::Pop& pop = record.pop;
  record.last_heartbeat = clock.now();
  const std::int64_t now_ms = to_unix_ms(clock.wall_now());
  pop.set_last_heartbeat_ms(now_ms);
  pop.set_executors(heartbeat.executors());
  pop.set_requests(heartbeat.requests());
  pop.set_errors(heartbeat.errors());
  // Once a stream: it does not change as long as the PoP lives.
  if (heartbeat.has_sandbox()) *pop.mutable_sandbox() = bounded(heartbeat.sandbox());
  if (heartbeat.has_kv()) *pop.mutable_kv() = heartbeat.kv();
  pop.set_memory_bytes(heartbeat.memory_bytes());
  pop.clear_problems();
  for (const std::string& problem : heartbeat.problems()) {
    if (pop.problems_size() == kProblemsMax) break;
    pop.add_problems(std::string(truncate_utf8(problem, kTextBytesMax)));
  }
  if (heartbeat.wall_ms() == 0) return std::nullopt;
  // It was written before it came here, so a PoP whose clock is right seems a little behind.
  const std::int64_t skew_ms = heartbeat.wall_ms() - now_ms;
  const bool was_off = std::abs(pop.clock_skew_ms()) >= kClockSkewToldMs;
  pop.set_clock_skew_ms(skew_ms);
  if (std::abs(skew_ms) < kClockSkewToldMs) return std::nullopt;
  std::string problem = fmt::format("its clock is {} {} the control plane's",
                                    format_duration(std::chrono::milliseconds(std::abs(skew_ms))),
                                    skew_ms > 0 ? "ahead of" : "behind");
  pop.add_problems(problem);
  if (was_off) return std::nullopt;
  return fmt::format("PoP {}: {}", pop.identity().id(), problem);
}

v1::PopService PopTable::service_of(const std::string& pop) const {
  const auto found = services_.find(pop);
  return found == services_.end() ? v1::POP_SERVICE_UNSPECIFIED : found->second;
}

void PopTable::set_service(const std::string& pop, v1::PopService service) {
  if (service == v1::POP_SERVICE_UNSPECIFIED) {
    services_.erase(pop);
  } else {
    services_[pop] = service;
  }
}

v1::Pop PopTable::describe(const PopRecord& record) const {
  v1::Pop pop = record.pop;
  pop.set_service(service_of(pop.identity().id()));
  return pop;
}

}  // namespace isopop::control
