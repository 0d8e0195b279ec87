#include "tests/bench/executor/http_load.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "common/text/text.h"
#include "common/units/units.h"
#include "tests/support/command.h"

namespace isopop::test {
namespace {

double processor_time_of_waited_children_us() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

double latency_ms(std::string_view text) {
  const Result<std::chrono::nanoseconds> duration = parse_duration(text);
  return duration.ok() ? to_ms(duration.value()) : 0;
}

// All numbers in a line as "Socket errors: connect 0, read 1, write 0, timeout 2", added up.
std::size_t sum_of_numbers(std::string_view line) {
  std::size_t sum = 0;
  for (const std::string_view part : split(line, ',')) {
    sum += parse_unsigned(part.substr(part.rfind(' ') + 1)).value_or(0);
  }
  return sum;
}

// Lines as "Requests/sec:   8075.12", "  40375 requests in 5.00s, 6.2MB read", " 50%    3.80ms".
HttpLoadFigures read_output(std::string_view output) {
  HttpLoadFigures figures;
  for (const std::string_view line : split(output, '\n')) {
    const std::string_view words = trim(line);
    const std::string_view last = words.substr(words.rfind(' ') + 1);
    if (words.starts_with("Requests/sec:")) {
      figures.requests_per_s = parse_double(last).value_or(0);
    } else if (words.starts_with("50%")) {
      figures.latency_p50_ms = latency_ms(last);
    } else if (words.starts_with("99%")) {
      figures.latency_p99_ms = latency_ms(last);
    } else if (words.find(" requests in ") != std::string_view::npos) {
      figures.requests = parse_double(words.substr(0, words.find(' '))).value_or(0);
    } else if (words.starts_with("Non-2xx") || words.starts_with("Socket errors:")) {
      figures.errors += sum_of_numbers(words);
    }
  }
  return figures;
}

}  // namespace

std::optional<std::filesystem::path> find_wrk() {
  const char* const path = std::getenv("PATH");
  if (path == nullptr) return std::nullopt;
  for (const std::string_view folder : split(path, ':')) {
    const std::filesystem::path program = std::filesystem::path(folder) / "wrk";
    if (!folder.empty() && access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

Result<HttpLoadFigures> run_wrk(const std::filesystem::path& wrk, const HttpLoad& load) {
  const double before_us = processor_time_of_waited_children_us();
  const CommandOutcome outcome =
      run_command(wrk, {"-t1", fmt::format("-c{}", load.connections),
                        fmt::format("-d{}s", load.duration.count()), "--latency", "-H",
                        "Host: " + load.host, fmt::format("http://{}/", load.address)});
  if (!outcome.success()) return internal_error("wrk: " + outcome.describe());
  HttpLoadFigures figures = read_output(outcome.output);
  figures.own_processor_time_us = processor_time_of_waited_children_us() - before_us;
  if (figures.requests <= 0) return internal_error("wrk got no answer: " + outcome.describe());
  return figures;
}

}  // namespace isopop::test
