#include "pop_node/http/tailed_request.h"

#include <utility>

#include "common/text/text.h"

namespace isopop::pop {
namespace {

constexpr int kLogsMax = 64;
constexpr std::size_t kLogBytesMax = 16 * 1024;
constexpr std::size_t kExceptionBytesMax = 8 * 1024;
constexpr std::size_t kUrlBytesMax = 2 * 1024;
constexpr std::size_t kLevelBytesMax = 16;

}  // namespace

TailedRequest::TailedRequest(v1::TailEvent event, std::function<void(const v1::TailEvent&)> emit)
    : event_(std::move(event)), emit_(std::move(emit)) {
  event_.set_url(std::string(truncate_utf8(event_.url(), kUrlBytesMax)));
}

void TailedRequest::on_log(const v1::LogRecord& record) {
  if (event_.logs_size() >= kLogsMax || log_bytes_ >= kLogBytesMax) return;
  v1::TailLog& log = *event_.add_logs();
  log.set_level(std::string(truncate_utf8(record.level(), kLevelBytesMax)));
  log.set_text(std::string(truncate_utf8(record.text(), kLogBytesMax - log_bytes_)));
  log_bytes_ += log.text().size();
}

void TailedRequest::failed(const v1::WorkerFault& fault) {
  std::string text = fault.message();
  // A stack begins with the message.
  if (!fault.stack().empty()) text = fault.stack();
  event_.set_exception(std::string(truncate_utf8(text, kExceptionBytesMax)));
}

void TailedRequest::on_over(std::uint32_t cpu_us) {
  event_.set_cpu_us(cpu_us);
  run_is_over_ = true;
  emit_when_over();
}

void TailedRequest::request_over(const End& end) {
  event_.set_status(end.status);
  event_.set_outcome(std::string(end.outcome));
  event_.set_start(std::string(end.start));
  event_.set_wall_us(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(end.wall).count()));
  request_is_over_ = true;
  emit_when_over();
}

void TailedRequest::emit_when_over() {
  if (run_is_over_ && request_is_over_ && emit_) std::exchange(emit_, nullptr)(event_);
}

}  // namespace isopop::pop
