#include "sim/report/requests_csv.h"

#include <fmt/format.h>

#include <cerrno>
#include <iterator>

#include "common/time/clock.h"
#include "common/units/units.h"

namespace isopop::sim {
namespace {

constexpr std::string_view kHeader =
    "index,trace_time,client,method,host,target,connection,intended_ms,sent_ms,done_ms,"
    "latency_intended_ms,latency_sent_ms,status,failure,body_bytes,pop,start,distance_km";

void append_optional(std::string& row, const std::optional<double>& value) {
  row += ',';
  if (value) fmt::format_to(std::back_inserter(row), "{:.3f}", *value);
}

}  // namespace

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

Result<std::unique_ptr<RequestsCsv>> RequestsCsv::create(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return errno_error("cannot write " + path, errno);
  std::unique_ptr<RequestsCsv> csv(new RequestsCsv(file, path));
  std::string header(kHeader);
  for (const std::string_view name : kPhaseNames)
    fmt::format_to(std::back_inserter(header), ",{}_ms", name);
  csv->write(header + "\n");
  return csv;
}

RequestsCsv::~RequestsCsv() {
  if (file_ != nullptr) std::fclose(file_);
}

void RequestsCsv::write(const std::string& text) {
  if (error_ == 0 && std::fwrite(text.data(), 1, text.size(), file_) != text.size()) error_ = errno;
}

void RequestsCsv::add(const PlannedRequest& request, const RequestOutcome& outcome) {
  const WallTime trace_time{std::chrono::nanoseconds(request.trace_time_ns)};
  std::string row = fmt::format(
      "{},{},{},{},{},{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},{},{},{},{},{}", request.index,
      format_rfc3339(trace_time), csv_field(request.client), request.method,
      csv_field(request.host), csv_field(request.target),
      request.connection == ConnectionState::kNew ? "new" : "kept", to_ms(request.due),
      to_ms(outcome.sent), to_ms(outcome.done), to_ms(outcome.latency_from(request.due)),
      to_ms(outcome.latency_from(outcome.sent)), outcome.status, csv_field(outcome.failure),
      outcome.body_bytes, csv_field(outcome.pop),
      outcome.start ? kStartKindNames.at(static_cast<std::size_t>(*outcome.start)) : "");
  append_optional(row, outcome.distance_km);
  for (const std::optional<double>& phase : outcome.phase_ms) append_optional(row, phase);
  row += '\n';
  write(row);
}

Result<void> RequestsCsv::close() {
  std::FILE* file = std::exchange(file_, nullptr);
  if (std::fclose(file) != 0 && error_ == 0) error_ = errno;
  if (error_ != 0) return errno_error("cannot write " + path_, error_);
  return {};
}

}  // namespace isopop::sim
