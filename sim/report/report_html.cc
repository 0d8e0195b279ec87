#include "sim/report/report_html.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "common/geo/geo_point.h"
#include "common/units/units.h"
#include "sim/report/report_assets.h"
#include "sim/report/run_json.h"

namespace isopop::sim {
namespace {

using Json = nlohmann::ordered_json;

// A curve needs no more points than a screen has.
constexpr double kCurveStepRatio = 1.01;

double rounded(double value, double digits) {
  return std::round(value * digits) / digits;
}

// [[milliseconds, share of requests that took no longer], ...]: a point wherever the time grows by
// 1 %.
Json distribution(const Histogram& histogram) {
  Json points = Json::array();
  const std::vector<Histogram::Step> steps = histogram.steps();
  double last_ms = 0.0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double ms = to_ms(steps[i].upper);
    if (i + 1 < steps.size() && ms < last_ms * kCurveStepRatio) continue;
    last_ms = ms;
    const double share =
        static_cast<double>(steps[i].cumulative) / static_cast<double>(histogram.count());
    points.push_back({rounded(ms, 1e3), rounded(share, 1e7)});
  }
  return points;
}

Json clients(const RunTally& tally) {
  Json list = Json::array();
  for (const auto& [place, requests] : tally.places()) {
    const Result<GeoPoint> point = parse_geo_point(place);
    if (!point.ok()) continue;
    list.push_back({point.value().latitude_deg, point.value().longitude_deg, requests});
  }
  return list;
}

Json timeline(const Timeline& line) {
  Json completed = Json::array();
  Json failed = Json::array();
  for (const Timeline::Interval& interval : line.intervals()) {
    completed.push_back(interval.completed);
    failed.push_back(interval.failed);
  }
  return {{"width_ms", to_ms(line.width())}, {"completed", completed}, {"failed", failed}};
}

std::string replaced(std::string text, std::string_view name, std::string_view value) {
  const std::size_t at = text.find(name);
  if (at != std::string::npos) text.replace(at, name.size(), value);
  return text;
}

}  // namespace

std::string escape_for_script(std::string_view json) {
  std::string escaped;
  escaped.reserve(json.size());
  for (const char c : json) {
    // In JSON '<' can only stand inside a string, where it may be written like this.
    if (c == '<') {
      escaped += "\\u003c";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string render_report_html(const RunReport& report) {
  const Json data = {
      {"run", Json::parse(render_run_json(report))},
      {"cdf",
       {{"intended", distribution(report.tally.latency_intended())},
        {"sent", distribution(report.tally.latency_sent())}}},
      {"clients", clients(report.tally)},
      {"timeline", timeline(report.tally.timeline())},
  };
  // The data goes in last: what stands in it is never taken for a placeholder.
  std::string page(assets::k_report_html);
  page = replaced(std::move(page), "{{style}}", assets::k_report_css);
  page = replaced(std::move(page), "{{script}}", assets::k_report_js);
  return replaced(std::move(page), "{{data}}", escape_for_script(data.dump()));
}

}  // namespace isopop::sim
