#include "common/log/log.h"

#include <fcntl.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "common/time/clock.h"

namespace isopop {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Builds the whole line as JSON, so that a message with quotes or control characters stays one
// object.
class JsonFormatter final : public spdlog::formatter {
 public:
  explicit JsonFormatter(std::string program) : program_(std::move(program)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const spdlog::string_view_t level = spdlog::level::to_string_view(message.level);
    const nlohmann::ordered_json object = {
        {"time", format_rfc3339(WallTime(message.time))},
        {"level", std::string_view(level.data(), level.size())},
        {"program", program_},
        {"message", std::string_view(message.payload.data(), message.payload.size())},
    };
    const std::string text =
        object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    line.append(text.data(), text.data() + text.size());
    line.push_back('\n');
  }

  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>(program_);
  }

 private:
  std::string program_;
};

// Standard error, a line at a time; empties it when it is a file that has grown too large.
class StandardErrorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit StandardErrorSink(std::uint64_t file_bytes_max) : file_bytes_max_(file_bytes_max) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (is_too_large(line.size())) {
      write_all("(the log had grown too large and was begun anew)\n");
    }
    write_all({line.data(), line.size()});
  }
  void flush_() override {}

 private:
  // Looks at the file rarely: others may write to it too, but they write little.
  bool is_too_large(std::size_t line_bytes) {
    unchecked_bytes_ += line_bytes;
    if (file_bytes_max_ == 0 || unchecked_bytes_ < file_bytes_max_ / kChecksPerFile) return false;
    unchecked_bytes_ = 0;
    struct stat status{};
    const bool is_file = fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    // Without O_APPEND the next line would be written behind a hole of the old size.
    const int flags = fcntl(STDERR_FILENO, F_GETFL);
    if (!is_file || flags < 0 || (flags & O_APPEND) == 0) return false;
    if (static_cast<std::uint64_t>(status.st_size) < file_bytes_max_) return false;
    return ftruncate(STDERR_FILENO, 0) == 0;
  }

  // What cannot be written is lost: there is nowhere to say so.
  static void write_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  static constexpr std::uint64_t kChecksPerFile = 16;
  std::uint64_t file_bytes_max_;
  std::uint64_t unchecked_bytes_ = 0;
};

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  return invalid_argument(
      fmt::format("'{}' is no log level; known: debug info warning error", text));
}

void configure_log(const LogOptions& options) {
  auto logger = std::make_shared<spdlog::logger>(
      options.program, std::make_shared<StandardErrorSink>(options.file_bytes_max));
  logger->set_level(to_spdlog(options.level));
  if (options.format == LogOptions::Format::kJson) {
    logger->set_formatter(std::make_unique<JsonFormatter>(options.program));
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %l: %v");
  }
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void write_log(LogLevel level, std::string_view message) {
  spdlog::default_logger_raw()->log(to_spdlog(level),
                                    spdlog::string_view_t(message.data(), message.size()));
}

bool log_enabled(LogLevel level) {
  return spdlog::default_logger_raw()->should_log(to_spdlog(level));
}

}  // namespace isopop
