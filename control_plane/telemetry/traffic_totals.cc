#include "control_plane/telemetry/traffic_totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace isopop::control {
namespace {

constexpr std::string_view kOther = "other";

// As Prometheus wants label values written.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n') {
      out.append("\\n");
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

struct TrafficTotals::Column {
  std::string_view name;  // after "isopop_worker_" or "isopop_pop_"
  std::string_view help;
  double (*value)(const Counts&);
};

void TrafficTotals::Counts::add(const v1::WorkerFigures& figures) {
  requests += figures.requests();
  errors += figures.errors();
  crashes += figures.crashes();
  cold_starts += figures.cold_starts();
  cpu_us += figures.cpu_us();
}

void TrafficTotals::Labelled::add(const std::string& name, const v1::WorkerFigures& figures,
                                  std::size_t labels_max) {
  if (recent_.size() < kCandidatesMax || recent_.contains(name)) {
    recent_[name] += figures.requests();
  }
  const auto found = named_.find(name);
  if (found != named_.end()) return found->second.add(figures);
  // A worker of that very name would be taken for the rest.
  if (named_.size() < labels_max && name != kOther) return named_[name].add(figures);
  other_.add(figures);
}

void TrafficTotals::Labelled::rank() {
  std::vector<std::pair<std::uint64_t, std::string>> outside;
  std::vector<std::pair<std::uint64_t, std::string>> inside;
  inside.reserve(named_.size());
  for (const auto& [name, counts] : named_) inside.emplace_back(recent_[name], name);
  for (const auto& [name, requests] : recent_) {
    if (!named_.contains(name) && name != kOther) outside.emplace_back(requests, name);
  }
  std::sort(outside.rbegin(), outside.rend());
  std::sort(inside.begin(), inside.end());
  for (std::size_t i = 0; i < std::min(outside.size(), inside.size()); ++i) {
    if (2 * outside[i].first <= 3 * inside[i].first) break;
    named_.erase(inside[i].second);
    named_.try_emplace(outside[i].second);
  }
  recent_.clear();
}

void TrafficTotals::add(const std::string& pop, const v1::Heartbeat& heartbeat) {
  for (const v1::WorkerFigures& figures : heartbeat.figures()) {
    workers_.add(figures.worker(), figures, labels_max_);
    pops_.add(pop, figures, labels_max_);
  }
}

void TrafficTotals::rank() {
  workers_.rank();
  pops_.rank();
}

void TrafficTotals::render_family(std::string& text, std::string_view label,
                                  const Labelled& labelled, const Column& column) {
  const auto out = std::back_inserter(text);
  const std::string family = fmt::format("isopop_{}_{}", label, column.name);
  fmt::format_to(out, "# HELP {} {}\n# TYPE {} counter\n", family, column.help, family);
  for (const auto& [name, counts] : labelled.named()) {
    fmt::format_to(out, "{}{{{}=\"{}\"}} {}\n", family, label, escaped(name), column.value(counts));
  }
  fmt::format_to(out, "{}{{{}=\"{}\"}} {}\n", family, label, kOther,
                 column.value(labelled.other()));
}

std::string TrafficTotals::render() const {
  static constexpr std::array kColumns = {
      Column{"requests_total", "Requests that PoPs told of.",
             [](const Counts& counts) { return static_cast<double>(counts.requests); }},
      Column{"errors_total", "Those answered with 5xx.",
             [](const Counts& counts) { return static_cast<double>(counts.errors); }},
      Column{"crashes_total", "Executors that ended by themselves.",
             [](const Counts& counts) { return static_cast<double>(counts.crashes); }},
      Column{"cold_starts_total", "Requests that waited for an executor to start.",
             [](const Counts& counts) { return static_cast<double>(counts.cold_starts); }},
      Column{"cpu_seconds_total", "Processor time of requests.",
             [](const Counts& counts) { return static_cast<double>(counts.cpu_us) / 1e6; }},
  };
  std::string text;
  for (const Column& column : kColumns) {
    render_family(text, "worker", workers_, column);
    render_family(text, "pop", pops_, column);
  }
  return text;
}

}  // namespace isopop::control
