#include "sim/trace/trace_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "common/text/text.h"

namespace isopop::sim {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

Error bad_time(std::string_view text, std::string_view why) {
  return invalid_argument(fmt::format("time '{}' {}", truncate_utf8(text, 40), why));
}

// A fixed number of decimal digits at a fixed place.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

struct CivilTime {
  std::optional<int> year;
  std::optional<int> month;
  std::optional<int> day;
  std::optional<int> hour;
  std::optional<int> minute;
  std::optional<int> second;
  int offset_minutes = 0;  // of the zone, east positive
  std::int64_t fraction_ns = 0;
};

Result<std::int64_t> to_unix_ns(const CivilTime& time, std::string_view text) {
  if (!time.year || !time.month || !time.day || !time.hour || !time.minute || !time.second) {
    return bad_time(text, "cannot be read");
  }
  const std::chrono::year_month_day date(std::chrono::year(*time.year),
                                         std::chrono::month(static_cast<unsigned>(*time.month)),
                                         std::chrono::day(static_cast<unsigned>(*time.day)));
  if (!date.ok()) return bad_time(text, "names a day that does not exist");
  // 60 is a leap second.
  if (*time.hour > 23 || *time.minute > 59 || *time.second > 60) {
    return bad_time(text, "names an hour, minute or second that does not exist");
  }
  if (*time.year < 1678 || *time.year > 2261) return bad_time(text, "is not within 1678 to 2261");
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds =
      ((days * 24 + *time.hour) * 60 + *time.minute - time.offset_minutes) * 60 + *time.second;
  return seconds * kNsPerSecond + time.fraction_ns;
}

// "Z", "+02:00", "-0430" or nothing.
std::optional<int> parse_zone(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z" || text == " UTC") return 0;
  if (text.front() == ' ') text.remove_prefix(1);
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const bool colon = text.size() == 6 && text[3] == ':';
  if (text.size() != 5 && !colon) return std::nullopt;
  const std::optional<int> hours = digits(text, 1, 2);
  const std::optional<int> minutes = digits(text, colon ? 4 : 3, 2);
  if (!hours || !minutes || *hours > 18 || *minutes > 59) return std::nullopt;
  const int offset = *hours * 60 + *minutes;
  return text.front() == '-' ? -offset : offset;
}

// The digits behind a decimal point, as a number of units of which one whole has `unit_ns`
// nanoseconds; what is below a nanosecond is cut off.
std::optional<std::int64_t> parse_fraction(std::string_view text, std::int64_t unit_ns) {
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    unit_ns /= 10;
    value += (c - '0') * unit_ns;
  }
  return value;
}

std::optional<Result<std::int64_t>> parse_epoch(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  if (whole.empty() ||
      !std::all_of(whole.begin(), whole.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  const std::optional<long long> number = parse_integer(whole);
  if (!number) return Result<std::int64_t>(bad_time(text, "is too large"));
  std::int64_t unit_ns = kNsPerSecond;
  for (const long long bound :
       {100'000'000'000LL, 100'000'000'000'000LL, 100'000'000'000'000'000LL}) {
    if (*number >= bound) unit_ns /= 1000;
  }
  std::int64_t fraction_ns = 0;
  if (point != std::string_view::npos) {
    const std::optional<std::int64_t> fraction = parse_fraction(text.substr(point + 1), unit_ns);
    if (!fraction) return std::nullopt;
    fraction_ns = *fraction;
  }
  if (*number > INT64_MAX / unit_ns - 1) {
    return Result<std::int64_t>(bad_time(text, "is not within 1678 to 2261"));
  }
  return Result<std::int64_t>(*number * unit_ns + fraction_ns);
}

}  // namespace

Result<std::int64_t> parse_log_time(std::string_view text) {
  // dd/Mon/yyyy:hh:mm:ss +zzzz
  if (text.size() < 20 || text[2] != '/' || text[6] != '/' || text[11] != ':' || text[14] != ':' ||
      text[17] != ':') {
    return bad_time(text, "is not of the form 17/May/2015:10:05:03 +0000");
  }
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(3, 3));
  if (month == kMonths.end()) return bad_time(text, "names no month");
  const std::optional<int> zone = parse_zone(text.substr(20));
  if (!zone) return bad_time(text, "has a time zone that cannot be read");
  return to_unix_ns({.year = digits(text, 7, 4),
                     .month = static_cast<int>(month - kMonths.begin()) + 1,
                     .day = digits(text, 0, 2),
                     .hour = digits(text, 12, 2),
                     .minute = digits(text, 15, 2),
                     .second = digits(text, 18, 2),
                     .offset_minutes = *zone},
                    text);
}

Result<std::int64_t> parse_any_time(std::string_view text) {
  text = trim(text);
  if (text.empty()) return invalid_argument("the time is empty");
  if (auto epoch = parse_epoch(text)) return *epoch;
  if (text.size() > 2 && text[2] == '/') return parse_log_time(text);
  // yyyy-mm-ddThh:mm:ss[.fraction][zone]
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':') {
    return bad_time(text, "cannot be read");
  }
  std::string_view rest = text.substr(19);
  std::int64_t fraction_ns = 0;
  if (!rest.empty() && (rest.front() == '.' || rest.front() == ',')) {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    fraction_ns = parse_fraction(rest.substr(1, end - 1), kNsPerSecond).value_or(0);
    rest.remove_prefix(end);
  }
  const std::optional<int> zone = parse_zone(rest);
  if (!zone) return bad_time(text, "has a time zone that cannot be read");
  return to_unix_ns({.year = digits(text, 0, 4),
                     .month = digits(text, 5, 2),
                     .day = digits(text, 8, 2),
                     .hour = digits(text, 11, 2),
                     .minute = digits(text, 14, 2),
                     .second = digits(text, 17, 2),
                     .offset_minutes = *zone,
                     .fraction_ns = fraction_ns},
                    text);
}

}  // namespace isopop::sim
