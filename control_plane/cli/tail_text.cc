#include "control_plane/cli/tail_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/text/text.h"
#include "common/time/clock.h"
#include "common/units/units.h"
#include "control_plane/cli/terminal.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> separated(const std::vector<std::string>& given) {
  std::vector<std::string> parts;
  for (const std::string& text : given) {
    for (const std::string_view part : split(text, ',')) {
      if (!trim(part).empty()) parts.emplace_back(trim(part));
    }
  }
  return parts;
}

// 404, or 4 of "4xx".
std::optional<std::uint32_t> parse_status(std::string_view text) {
  if (text.size() != 3 || text[0] < '1' || text[0] > '5') return std::nullopt;
  if (equals_ignoring_case(text.substr(1), "xx")) {
    return static_cast<std::uint32_t>(text[0] - '0');
  }
  const auto number = parse_unsigned(text);
  return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

Result<double> parse_rate(std::string_view text) {
  const bool is_percent = text.ends_with('%');
  const auto number = parse_double(is_percent ? text.substr(0, text.size() - 1) : text);
  const double rate = number.value_or(0.0) / (is_percent ? 100.0 : 1.0);
  if (rate > 0.0 && rate <= 1.0) return rate;
  return invalid_argument(fmt::format(
      "--sampling-rate {}: must be above 0 and at most 1, as 0.1 or 10%", in_quotes(text)));
}

std::string indented(std::string_view text) {
  std::string lines;
  for (const std::string_view line : split(text, '\n')) lines += fmt::format("    {}\n", line);
  return lines;
}

Colour colour_of(const v1::TailEvent& event) {
  if (event.outcome() != "ok" || event.status() >= 500) return Colour::kRed;
  return event.status() >= 400 ? Colour::kYellow : Colour::kGreen;
}

}  // namespace

Result<v1::TailFilter> filter_of(const TailFilterOptions& options) {
  v1::TailFilter filter;
  for (const std::string& pop : separated(options.pops)) filter.add_pops(pop);
  filter.set_region(options.region);
  for (const std::string& status : separated(options.statuses)) {
    if (status == "ok" || status == "error" || status == "canceled") {
      filter.add_outcomes(status);
    } else if (const std::optional<std::uint32_t> number = parse_status(status)) {
      filter.add_statuses(*number);
    } else {
      return invalid_argument(
          fmt::format("--status {}: must be ok, error, canceled, a number as 404 or a class as 5xx",
                      in_quotes(status)));
    }
  }
  for (std::string method : separated(options.methods)) {
    std::transform(method.begin(), method.end(), method.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    filter.add_methods(method);
  }
  filter.set_search(options.search);
  if (!options.sampling_rate.empty()) {
    ISOPOP_TRY_ASSIGN(const double rate, parse_rate(options.sampling_rate));
    filter.set_sampling_rate(rate);
  }
  return filter;
}

std::string printable(std::string_view text) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_c1 =
        byte == 0xC2U && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0U;
    if (is_c1) ++i;
    const bool is_control = (byte < 0x20U && byte != '\n' && byte != '\t') || byte == 0x7FU;
    if (is_c1 || is_control) {
      clean += kReplacement;
    } else {
      clean += text[is_c1 ? i - 1 : i];
    }
  }
  return clean;
}

std::string describe(const v1::TailEvent& event, Paint paint) {
  const auto painted = [paint](Colour colour, const std::string& text) {
    return paint == Paint::kColours ? coloured(colour, text) : text;
  };
  std::string status = event.status() == 0 ? "-" : fmt::format("{}", event.status());
  if (event.outcome() != "ok") status += ' ' + printable(event.outcome());
  const std::string at = format_rfc3339(from_unix_ms(event.at_ms())).substr(11, 12);
  std::string text = fmt::format(
      "{}  {}  v{}  {} {}  {}  {} (cpu {}, {})\n", painted(Colour::kDim, at),
      printable(event.pop()), event.number(), printable(event.method()), printable(event.url()),
      painted(colour_of(event), status),
      format_duration(std::chrono::microseconds(event.wall_us())),
      format_duration(std::chrono::microseconds(event.cpu_us())), printable(event.start()));
  for (const v1::TailLog& log : event.logs()) {
    text += indented(fmt::format("({}) {}", printable(log.level()), printable(log.text())));
  }
  if (!event.exception().empty()) {
    std::string exception = indented(printable(event.exception()));
    exception.pop_back();
    text += painted(Colour::kRed, exception) + '\n';
  }
  return text;
}

Json to_json(const v1::TailEvent& event) {
  Json logs = Json::array();
  for (const v1::TailLog& log : event.logs()) {
    logs.push_back({{"level", log.level()}, {"text", log.text()}});
  }
  return {{"at", format_rfc3339(from_unix_ms(event.at_ms()))},
          {"pop", event.pop()},
          {"worker", event.worker()},
          {"version", event.number()},
          {"ray", event.ray()},
          {"method", event.method()},
          {"url", event.url()},
          {"status", event.status()},
          {"outcome", event.outcome()},
          {"wall_us", event.wall_us()},
          {"cpu_us", event.cpu_us()},
          {"start", event.start()},
          {"country", event.country()},
          {"logs", logs},
          {"exception", event.exception()}};
}

}  // namespace isopop::control::cli
