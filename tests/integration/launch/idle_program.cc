// Does nothing until it is ended. With --ignore-term it does not end by SIGTERM. Writes one byte to
// standard output once it can be signalled. Copied under the names of our programs by tests.

#include <unistd.h>

#include <csignal>
#include <string_view>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--ignore-term") std::signal(SIGTERM, SIG_IGN);
  }
  if (write(STDOUT_FILENO, ".", 1) != 1) return 1;
  while (true) pause();
}
