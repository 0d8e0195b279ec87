#include "control_plane/cli/json.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "control_plane/cli/terminal.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {

std::string state_name(v1::PopState state) {
  switch (state) {
    case v1::POP_STATE_STARTING:
      return "starting";
    case v1::POP_STATE_READY:
      return "ready";
    case v1::POP_STATE_DOWN:
      return "down";
    default:
      return "unknown";
  }
}

std::string service_name(v1::PopService service) {
  switch (service) {
    case v1::POP_SERVICE_DRAINED:
      return "drained";
    case v1::POP_SERVICE_FAILED:
      return "failed";
    default:
      return "";
  }
}

std::string isolation_name(v1::Isolation isolation) {
  switch (isolation) {
    case v1::ISOLATION_PRISTINE:
      return "pristine";
    case v1::ISOLATION_FRESH:
      return "fresh";
    case v1::ISOLATION_WARM:
      return "warm";
    case v1::ISOLATION_CONTAINER:
      return "container";
    default:
      return "default";
  }
}

nlohmann::ordered_json to_json(const v1::WorkerVersion& version) {
  nlohmann::ordered_json limits = nlohmann::ordered_json::object();
  for (const LimitValue& limit : limits_set(version.settings().limits())) {
    limits[limit.field] = limit.value;
  }
  // Values of variables may be nobody's business on a screen: names only.
  std::vector<std::string> variables;
  for (const v1::Variable& variable : version.settings().variables()) {
    variables.push_back(variable.name());
  }
  nlohmann::ordered_json spaces = nlohmann::ordered_json::object();
  for (const v1::KvBinding& binding : version.settings().kv()) {
    spaces[binding.name()] = binding.namespace_();
  }
  return {{"worker", version.worker()},
          {"number", version.number()},
          {"id", version.id()},
          {"bundle_sha256", version.bundle_sha256()},
          {"bundle_bytes", version.bundle_bytes()},
          {"routes", std::vector<std::string>(version.routes().begin(), version.routes().end())},
          {"isolation", isolation_name(version.settings().isolation())},
          {"limits", limits},
          {"variables", variables},
          {"kv", spaces},
          {"created_at", format_rfc3339(from_unix_ms(version.created_at_ms()))},
          {"author", version.author()},
          {"message", version.message()},
          {"tag", version.tag()}};
}

// The times of its invalidations are for the report, not for people.
nlohmann::ordered_json to_json(const v1::KvFigures& kv) {
  return {{"hits", kv.hits()},
          {"misses", kv.misses()},
          {"joined", kv.joined()},
          {"writes", kv.writes()},
          {"invalidations", kv.invalidations()}};
}

nlohmann::ordered_json time_or_null(std::int64_t unix_ms) {
  return unix_ms == 0 ? nlohmann::ordered_json()
                      : nlohmann::ordered_json(format_rfc3339(from_unix_ms(unix_ms)));
}

nlohmann::ordered_json to_json(const v1::SandboxReport& report) {
  nlohmann::ordered_json measures = nlohmann::ordered_json::array();
  for (const v1::SandboxMeasure& measure : report.measures()) {
    measures.push_back(
        {{"name", measure.name()}, {"active", measure.active()}, {"detail", measure.detail()}});
  }
  return measures;
}

nlohmann::ordered_json to_json(const v1::Pop& pop) {
  nlohmann::ordered_json workers = nlohmann::ordered_json::array();
  for (const v1::HeldVersion& held : pop.workers()) {
    workers.push_back({{"name", held.worker()}, {"version", held.number()}});
  }
  const v1::PopIdentity& identity = pop.identity();
  return {{"id", identity.id()},
          {"city", identity.city()},
          {"country", identity.country()},
          {"region", identity.region()},
          {"lat", identity.latitude_deg()},
          {"lon", identity.longitude_deg()},
          {"http_address", pop.http_address()},
          {"state", state_name(pop.state())},
          {"service", service_name(pop.service())},
          {"workers", workers},
          {"program_version", pop.program_version()},
          {"executors", pop.executors()},
          {"requests", pop.requests()},
          {"errors", pop.errors()},
          {"sandbox", to_json(pop.sandbox())},
          {"host", pop.host()},
          {"relay", pop.relay()},
          {"problems", std::vector<std::string>(pop.problems().begin(), pop.problems().end())},
          {"clock_skew_ms", pop.clock_skew_ms()},
          {"memory_bytes", pop.memory_bytes()},
          {"connected_at", time_or_null(pop.connected_at_ms())},
          {"last_heartbeat", time_or_null(pop.last_heartbeat_ms())},
          {"kv", to_json(pop.kv())}};
}

nlohmann::ordered_json sandbox_of_all(const v1::ListPopsResponse& pops) {
  struct Count {
    int active = 0;
    int missing = 0;
    std::set<std::string> reasons;
  };
  std::map<std::string, Count> counts;
  for (const v1::Pop& pop : pops.pops()) {
    for (const v1::SandboxMeasure& measure : pop.sandbox().measures()) {
      Count& count = counts[measure.name()];
      ++(measure.active() ? count.active : count.missing);
      if (!measure.active()) count.reasons.insert(measure.detail());
    }
  }
  nlohmann::ordered_json measures = nlohmann::ordered_json::array();
  for (const auto& [name, count] : counts) {
    measures.push_back({{"name", name},
                        {"pops_active", count.active},
                        {"pops_missing", count.missing},
                        {"reasons", count.reasons}});
  }
  return measures;
}

nlohmann::ordered_json to_json(const v1::VersionProgress& progress) {
  nlohmann::ordered_json rejections = nlohmann::ordered_json::array();
  for (const v1::VersionProgress::Rejection& rejection : progress.rejections()) {
    rejections.push_back({{"pop", rejection.pop()}, {"error", rejection.error()}});
  }
  const std::vector<double> times(progress.ack_ms().begin(), progress.ack_ms().end());
  return {{"pops", progress.pops()},
          {"acked", progress.acked()},
          {"rejections", rejections},
          {"done", progress.done()},
          {"superseded", progress.superseded()},
          {"ack_ms",
           {{"p50", percentile(times, 0.50)},
            {"p99", percentile(times, 0.99)},
            {"max", percentile(times, 1.0)}}}};
}

}  // namespace isopop::control::cli
