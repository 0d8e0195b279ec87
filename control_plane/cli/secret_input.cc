#include "control_plane/cli/secret_input.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "common/files/files.h"

namespace isopop::control::cli {
namespace {

constexpr std::uint64_t kBytesMax = 64ULL << 10U;

// A terminal that does not show what is typed, for as long as the object lives.
class WithoutEcho final {
 public:
  WithoutEcho() {
    termios current{};
    if (tcgetattr(STDIN_FILENO, &current) != 0) return;
    before_ = current;
    current.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &current);
  }
  ~WithoutEcho() {
    if (before_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &*before_);
  }
  WithoutEcho(const WithoutEcho&) = delete;
  WithoutEcho& operator=(const WithoutEcho&) = delete;

 private:
  std::optional<termios> before_;
};

// Up to its end; of a terminal up to the line's.
Result<std::string> read_input(bool is_terminal) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno_error("read standard input", errno);
    text.append(buffer.data(), static_cast<std::size_t>(size));
    if (text.size() > kBytesMax) return invalid_argument("the value is too long");
    if (size == 0 || (is_terminal && text.ends_with('\n'))) return text;
  }
}

Result<std::string> ask() {
  fmt::print(stderr, "value (not shown): ");
  const WithoutEcho without_echo;
  Result<std::string> text = read_input(true);
  fmt::print(stderr, "\n");
  return text;
}

}  // namespace

Result<std::string> read_secret(const std::string& file) {
  const bool is_terminal = file.empty() && isatty(STDIN_FILENO) == 1;
  Result<std::string> read = !file.empty() ? read_file(file, kBytesMax)
                             : is_terminal ? ask()
                                           : read_input(false);
  if (!read.ok()) return read.error();
  std::string value = std::move(read).value();
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  if (value.empty()) return invalid_argument("the value is empty");
  return value;
}

}  // namespace isopop::control::cli
