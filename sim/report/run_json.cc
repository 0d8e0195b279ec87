#include "sim/report/run_json.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/units/units.h"

namespace isopop::sim {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) {
  return std::round(value * 1000.0) / 1000.0;
}

double ms(std::chrono::nanoseconds duration) {
  return rounded(to_ms(duration));
}

Json latency(const Histogram& histogram) {
  return {{"p50", ms(histogram.quantile(0.50))}, {"p90", ms(histogram.quantile(0.90))},
          {"p99", ms(histogram.quantile(0.99))}, {"p999", ms(histogram.quantile(0.999))},
          {"max", ms(histogram.max())},          {"mean", ms(histogram.mean())}};
}

Json short_latency(const Histogram& histogram) {
  return {{"p50", ms(histogram.quantile(0.50))}, {"p99", ms(histogram.quantile(0.99))}};
}

Json starts(const RunTally& tally) {
  Json object = Json::object();
  for (std::size_t i = 0; i < kStartKinds; ++i) {
    object[std::string(kStartKindNames.at(i))] = tally.starts().at(i);
  }
  return object;
}

Json phases(const RunTally& tally) {
  Json object = Json::object();
  for (std::size_t i = 0; i < kPhases; ++i) {
    const Histogram& histogram = tally.phase(static_cast<Phase>(i));
    if (histogram.empty()) continue;
    object[std::string(kPhaseNames.at(i))] = {{"count", histogram.count()},
                                              {"mean", ms(histogram.mean())},
                                              {"p50", ms(histogram.quantile(0.5))},
                                              {"p99", ms(histogram.quantile(0.99))},
                                              {"max", ms(histogram.max())}};
  }
  return object;
}

// Busiest first, those of equal traffic by id.
Json pops(const RunReport& report) {
  std::vector<std::pair<std::string, const PopTally*>> sorted;
  for (const auto& [id, pop] : report.tally.pops()) sorted.emplace_back(id, &pop);
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    if (a.second->requests != b.second->requests) return a.second->requests > b.second->requests;
    return a.first < b.first;
  });
  Json list = Json::array();
  for (const auto& [id, pop] : sorted) {
    Json entry = {{"id", id},
                  {"requests", pop->requests},
                  {"failed", pop->failed},
                  {"latency_ms", short_latency(pop->latency)}};
    if (const auto place = report.places.find(id); place != report.places.end()) {
      entry["city"] = place->second.city;
      entry["country"] = place->second.country;
      entry["lat"] = place->second.point.latitude_deg;
      entry["lon"] = place->second.point.longitude_deg;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

Json trace(const TraceFacts& facts) {
  Json object = {{"file", facts.file},
                 {"format", facts.format},
                 {"requests", facts.requests},
                 {"clients", facts.clients},
                 {"lines", facts.lines},
                 {"broken_lines", facts.broken_lines},
                 {"out_of_order", facts.out_of_order},
                 {"first", format_rfc3339(facts.first)},
                 {"last", format_rfc3339(facts.last)}};
  if (!facts.sha256.empty()) object["sha256"] = facts.sha256;
  return object;
}

template <typename Key>
Json counts(const std::map<Key, std::uint64_t>& map) {
  Json object = Json::object();
  for (const auto& [key, count] : map) {
    if constexpr (std::is_same_v<Key, std::string>) {
      object[key] = count;
    } else {
      object[std::to_string(key)] = count;
    }
  }
  return object;
}

Json kv(const KvTotals& totals) {
  const auto ms = [&totals](double ratio) {
    return rounded(
        std::chrono::duration<double, std::milli>(totals.staleness.quantile(ratio)).count());
  };
  return {{"reads", totals.reads()},
          {"hits", totals.hits},
          {"misses", totals.misses},
          {"joined", totals.joined},
          {"hit_ratio", rounded(totals.hit_ratio())},
          {"writes", totals.writes},
          {"invalidations", totals.invalidations},
          {"staleness_ms", {{"p50", ms(0.5)}, {"p99", ms(0.99)}}}};
}

}  // namespace

std::string render_run_json(const RunReport& report) {
  const RunTally& tally = report.tally;
  const double duration_s =
      std::chrono::duration<double>(report.ended_at - report.started_at).count();
  Json run = {
      {"schema_version", kRunJsonSchemaVersion},
      {"seed", report.seed},
      {"commit", report.commit},
      {"program_version", report.program_version},
      {"config_sha256", report.config_sha256},
      {"config", Json::parse(report.config_json, nullptr, /*allow_exceptions=*/false)},
      {"started_at", format_rfc3339(report.started_at)},
      {"ended_at", format_rfc3339(report.ended_at)},
      {"duration_s", rounded(duration_s)},
      {"valid", report.valid()},
      {"aborted", report.aborted},
      {"net_mode", tally.net_mode()},
      {"speed", report.speed},
      {"target", report.target},
      {"isolation", report.isolation},
      {"max_inflight", report.in_flight_max},
      {"offered", tally.offered()},
      {"issued", tally.issued()},
      {"completed", tally.completed()},
      {"failed", tally.failed()},
      {"dropped", tally.dropped()},
      {"failures", counts(tally.failures())},
      {"statuses", counts(tally.statuses())},
      {"body_bytes", tally.body_bytes()},
      {"rate_per_s",
       {{"offered", rounded(tally.offered_per_s())},
        {"issued", rounded(tally.issued_per_s())},
        {"completed",
         rounded(duration_s > 0 ? static_cast<double>(tally.completed()) / duration_s : 0.0)}}},
      {"latency_ms",
       {{"intended", latency(tally.latency_intended())}, {"sent", latency(tally.latency_sent())}}},
      {"schedule_slip_ms", short_latency(tally.schedule_slip())},
      {"starts", starts(tally)},
      {"phases_ms", phases(tally)},
      {"distance_km",
       {{"p50", rounded(tally.distance_km_quantile(0.5))},
        {"p90", rounded(tally.distance_km_quantile(0.9))},
        {"p99", rounded(tally.distance_km_quantile(0.99))},
        {"max", rounded(tally.distance_km_quantile(1.0))}}},
      {"sender_cpu_s", rounded(report.sender_cpu_s)},
      {"trace", trace(report.trace)},
      {"machine",
       {{"system", report.machine.system},
        {"processor", report.machine.processor},
        {"cores", report.machine.cores},
        {"memory_bytes", report.machine.memory_bytes}}},
      {"pops", pops(report)},
  };
  if (report.kv.any()) run["kv"] = kv(report.kv);
  return run.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace isopop::sim
