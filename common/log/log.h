#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/result/result.h"

namespace isopop {

// The program's own log, on standard error. "error": the program will end with a non-zero status,
// or a promise to somebody was broken; "warning": a person should look before trusting the outcome.
// A line is written whole; no secret and no request body ever goes in. Thread-safe once configured.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogOptions {
  std::string program;
  LogLevel level = LogLevel::kInfo;
  enum class Format { kText, kJson } format = Format::kText;  // kJson: one object a line
  // When standard error is a file that grows beyond this, it is emptied and begun anew, so that
  // hundreds of programs left running cannot fill a disk. 0: never. The file must be open for
  // appending.
  std::uint64_t file_bytes_max = 0;
};

[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view text);

// Once, in main, before other threads start. Without it: text, info.
void configure_log(const LogOptions& options);

void write_log(LogLevel level, std::string_view message);
[[nodiscard]] bool log_enabled(LogLevel level);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kDebug)) {
    write_log(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kInfo)) {
    write_log(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace isopop
