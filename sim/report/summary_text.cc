#include "sim/report/summary_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "common/units/units.h"

namespace isopop::sim {
namespace {

constexpr std::size_t kBusiestPops = 10;

// 12345678 -> "12,345,678".
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return fmt::format(
      "{:.1f} %",
      whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string quantile_text(const Histogram& histogram, double ratio) {
  return histogram.empty() ? "–" : format_duration(histogram.quantile(ratio));
}

void append_latency_row(std::string& text, std::string_view name, const Histogram& histogram) {
  fmt::format_to(std::back_inserter(text), "  {:<22}", name);
  for (const double ratio : {0.5, 0.9, 0.99, 0.999, 1.0}) {
    fmt::format_to(std::back_inserter(text), "{:>11}", quantile_text(histogram, ratio));
  }
  text += '\n';
}

std::string failures_text(const RunTally& tally) {
  std::string text;
  for (const auto& [name, count] : tally.failures()) {
    fmt::format_to(std::back_inserter(text), "{}{} {}", text.empty() ? "" : ", ", name,
                   grouped(count));
  }
  return text;
}

std::string starts_text(const RunTally& tally) {
  std::uint64_t all = 0;
  for (const std::uint64_t count : tally.starts()) all += count;
  std::string text;
  for (std::size_t i = 0; i < kStartKinds; ++i) {
    const std::uint64_t count = tally.starts().at(i);
    if (count == 0) continue;
    fmt::format_to(std::back_inserter(text), "{}{} {} ({})", text.empty() ? "" : " · ",
                   kStartKindNames.at(i), grouped(count), percent(count, all));
  }
  return text.empty() ? "not told by any answer" : text;
}

void append_phases(std::string& text, const RunTally& tally) {
  std::string line;
  for (std::size_t i = 0; i < kPhases; ++i) {
    const Histogram& histogram = tally.phase(static_cast<Phase>(i));
    if (histogram.empty()) continue;
    fmt::format_to(std::back_inserter(line), "{}{} {}", line.empty() ? "" : " · ",
                   kPhaseNames.at(i), format_duration(histogram.quantile(0.5)));
  }
  if (!line.empty()) text += fmt::format("phases, p50  {}\n", line);
}

void append_busiest(std::string& text, const RunReport& report) {
  std::vector<std::pair<std::string, const PopTally*>> pops;
  for (const auto& [id, pop] : report.tally.pops()) pops.emplace_back(id, &pop);
  if (pops.empty()) return;
  std::sort(pops.begin(), pops.end(), [](const auto& a, const auto& b) {
    if (a.second->requests != b.second->requests) return a.second->requests > b.second->requests;
    return a.first < b.first;
  });
  text += fmt::format("busiest of {} PoPs{:>23}{:>9}{:>11}{:>11}{:>9}\n", pops.size(), "requests",
                      "share", "p50", "p99", "failed");
  pops.resize(std::min(pops.size(), kBusiestPops));
  for (const auto& [id, pop] : pops) {
    const auto place = report.places.find(id);
    const std::string city = place == report.places.end()
                                 ? ""
                                 : fmt::format("{}, {}", place->second.city, place->second.country);
    text +=
        fmt::format("  {:<6}{:<24}{:>10}{:>9}{:>11}{:>11}{:>9}\n", id, city, grouped(pop->requests),
                    percent(pop->requests, report.tally.issued()), quantile_text(pop->latency, 0.5),
                    quantile_text(pop->latency, 0.99), grouped(pop->failed));
  }
}

void append_kv(std::string& text, const KvTotals& kv) {
  if (!kv.any()) return;
  text += fmt::format("KV           {} reads, {} from copies · {} writes", grouped(kv.reads()),
                      percent(kv.hits + kv.joined, kv.reads()), grouped(kv.writes));
  if (kv.staleness.count() > 0) {
    text += fmt::format(" · copies were old for p50 {} · p99 {}",
                        format_duration(kv.staleness.quantile(0.5)),
                        format_duration(kv.staleness.quantile(0.99)));
  }
  text += "\n";
}

std::string_view net_mode_text(std::string_view mode) {
  if (mode == "account") return "modelled network time is added to what was measured (account)";
  if (mode == "real") return "modelled network time was really waited (real)";
  if (mode == "mixed") return "some answers waited for the network, some only told it (mixed)";
  return "no answer told of a network model: times are as measured here";
}

}  // namespace

std::string render_summary(const RunReport& report) {
  const RunTally& tally = report.tally;
  std::string text;
  text +=
      fmt::format("requests     offered {} · issued {} · completed {} · failed {} · dropped {}\n",
                  grouped(tally.offered()), grouped(tally.issued()), grouped(tally.completed()),
                  grouped(tally.failed()), grouped(tally.dropped()));
  if (tally.failed() > 0) text += fmt::format("failures     {}\n", failures_text(tally));
  const double took_s = std::chrono::duration<double>(report.ended_at - report.started_at).count();
  text += fmt::format("rate         {:.1f} requests/s answered over {}",
                      took_s > 0 ? static_cast<double>(tally.completed()) / took_s : 0.0,
                      format_duration(report.ended_at - report.started_at));
  if (report.rate_matters) {
    text += fmt::format("; offered {:.1f}/s, issued {:.1f}/s", tally.offered_per_s(),
                        tally.issued_per_s());
  }
  text += fmt::format("\nlatency {:>16}{:>11}{:>11}{:>11}{:>11}{:>11}\n", "", "p50", "p90", "p99",
                      "p99.9", "max");
  append_latency_row(text, "from intended send", tally.latency_intended());
  append_latency_row(text, "from actual send", tally.latency_sent());
  text += fmt::format("             {}\n", net_mode_text(tally.net_mode()));
  if (report.rate_matters) {
    text += fmt::format("slip         p50 {} · p99 {} behind the schedule\n",
                        quantile_text(tally.schedule_slip(), 0.5),
                        quantile_text(tally.schedule_slip(), 0.99));
  }
  append_phases(text, tally);
  text += fmt::format("starts       {}\n", starts_text(tally));
  if (!tally.distance().empty()) {
    text += fmt::format("distance     p50 {:.0f} km · p90 {:.0f} km · p99 {:.0f} km to the PoP\n",
                        tally.distance_km_quantile(0.5), tally.distance_km_quantile(0.9),
                        tally.distance_km_quantile(0.99));
  }
  append_kv(text, report.kv);
  append_busiest(text, report);
  if (report.aborted) {
    text +=
        "ABORTED      stopped before the end of the trace; the figures are of the part that ran\n";
  } else if (!report.valid()) {
    text += fmt::format(
        "INVALID      the sender held {:.0f} % of the offered rate; more than 20 % off says more "
        "of "
        "it\n             than of the network. Lower --speed or raise --max-inflight.\n",
        100.0 * tally.issued_per_s() / std::max(tally.offered_per_s(), 1e-9));
  }
  return text;
}

}  // namespace isopop::sim
