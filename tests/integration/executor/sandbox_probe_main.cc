// A stand-in for the zygote and its executors: walls itself in and then tries what it should not be
// able to. One line for each attempt on standard output: its name and how it ended.
//
//   sandbox_probe [ROLE] report               the measures, as "NAME on" or "NAME off REASON"
//   sandbox_probe [ROLE] STAGE ATTEMPT...     each in a process of its own
//   sandbox_probe [ROLE] orphan               whether all end with the PoP
//   sandbox_probe [ROLE] show                 a sealed child as the kernel describes it
//
// ROLE: --as-user, and --in-container (which refuses namespaces as Docker's default profile does).
// STAGE: open (no wall at all), confined, forked, sealed, or landlock (that wall alone).

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "pop_node/executor/sandbox.h"
#include "pop_node/executor/sandbox_filter.h"
#include "pop_node/executor/sandbox_landlock.h"
#include "pop_node/executor/sandbox_privileges.h"
#include "tests/integration/executor/sandbox_attempts.h"

namespace isopop::test {
namespace {

constexpr int kBroken = 255;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "sandbox_probe: %s\n", what.c_str());
  _exit(kBroken);
}

int checked(int result, const char* what) {
  if (result < 0) give_up(std::string(what) + ": " + std::strerror(errno));
  return result;
}

Surroundings make_surroundings() {
  Surroundings around;
  around.parent = getpid();
  const int listener = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  checked(bind(listener, reinterpret_cast<const sockaddr*>(&address), length), "bind");
  checked(listen(listener, 8), "listen");
  checked(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  around.listener_port = ntohs(address.sin_port);

  around.abstract_name = "isopop-sandbox-probe-" + std::to_string(getpid());
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::copy(around.abstract_name.begin(), around.abstract_name.end(), name.sun_path + 1);
  const int abstract = checked(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  checked(bind(abstract, reinterpret_cast<const sockaddr*>(&name),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                      around.abstract_name.size())),
          "bind");
  checked(listen(abstract, 8), "listen");

  around.tcp_socket = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
  int ends[2] = {};
  checked(pipe(ends), "pipe");
  around.pipe = ends[1];
  return around;
}

// --- the child ---

void seal(Surroundings& around, std::vector<int> also_kept = {}) {
  around.page_map =
      checked(openat(executor::proc_directory(), "self/pagemap", O_RDONLY), "open the page map");
  around.file = checked(memfd_create("probe", MFD_ALLOW_SEALING), "memfd_create");
  also_kept.insert(also_kept.end(), {around.page_map, around.pipe, around.tcp_socket, around.file});
  const Result<void> sealed =
      executor::seal_process({.descriptors_kept = also_kept, .memory_bytes_max = kMemoryBytesMax});
  if (!sealed.ok()) give_up(sealed.error().message);
}

void restrict_by_landlock() {
  const Result<int> rules = executor::make_landlock_rules();
  if (!rules.ok()) give_up(rules.error().message);
  const Result<void> applied = executor::apply_landlock_rules(rules.value());
  if (!applied.ok()) give_up(applied.error().message);
}

[[noreturn]] void try_it(const Attempt& attempt, std::string_view stage, Surroundings around) {
  if (stage == "sealed") seal(around);
  if (stage == "landlock") restrict_by_landlock();
  _exit(attempt.run(around));
}

// --- the parent ---

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  if (code == 0) return "done";
  return code == kBroken ? "broken" : strerrorname_np(code);
}

int run_attempts(std::string_view stage, const std::vector<std::string>& names) {
  const Surroundings around = make_surroundings();
  if (stage == "landlock") {
    if (!executor::forbid_new_privileges().ok()) give_up("no_new_privs");
  } else if (stage != "open") {
    const std::vector<executor::SandboxMeasure> measures = executor::confine_process();
    if (measures.empty()) give_up("an empty report");
  }
  const bool forks_confined = stage == "forked" || stage == "sealed";
  for (const std::string& name : names) {
    const auto attempt = std::find_if(attempts().begin(), attempts().end(),
                                      [&name](const Attempt& known) { return name == known.name; });
    if (attempt == attempts().end()) give_up("no attempt " + name);
    const pid_t child = checked(forks_confined ? executor::fork_confined() : fork(), "fork");
    if (child == 0) try_it(*attempt, stage, around);
    int status = 0;
    checked(waitpid(child, &status, 0), "waitpid");
    std::printf("%s %s\n", name.c_str(), describe(status).c_str());
    std::fflush(stdout);
  }
  return 0;
}

int report() {
  for (const executor::SandboxMeasure& measure : executor::confine_process()) {
    std::printf("%s %s %s\n", measure.name.c_str(), measure.active ? "on" : "off",
                measure.detail.c_str());
  }
  return 0;
}

// Ends without a word, as a PoP that is killed does, and leaves a zygote and its child behind.
[[noreturn]] void run_short_lived_pop(const int (&pipe_ends)[2]) {
  const pid_t zygote = checked(fork(), "fork");
  if (zygote == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (executor::confine_process().empty()) give_up("an empty report");
    const pid_t child = checked(executor::fork_confined(), "fork_confined");
    if (child == 0) checked(static_cast<int>(write(pipe_ends[1], "", 1)), "write");
    // Longer than the test waits; should nobody end them, they do not stay for ever.
    poll(nullptr, 0, 60'000);
    _exit(0);
  }
  char ready = 0;
  checked(static_cast<int>(read(pipe_ends[0], &ready, 1)), "read");
  _exit(0);
}

// Whoever holds the pipe's other end lives: it closes when the last of them is gone.
int orphan() {
  int ends[2] = {};
  checked(pipe(ends), "pipe");
  const pid_t pop = checked(fork(), "fork");
  if (pop == 0) run_short_lived_pop(ends);
  close(ends[1]);
  checked(waitpid(pop, nullptr, 0), "waitpid");
  pollfd entry{.fd = ends[0], .events = POLLIN, .revents = 0};
  const int ready = poll(&entry, 1, 20'000);
  std::printf("orphans %s\n", ready == 1 && (entry.revents & POLLHUP) != 0 ? "ended" : "live");
  return 0;
}

// Copies the child's /proc files while it waits behind its seal.
int show() {
  Surroundings around = make_surroundings();
  int hold[2] = {};
  int ready[2] = {};
  checked(pipe(hold), "pipe");
  checked(pipe(ready), "pipe");
  const int proc = checked(open("/proc", O_PATH | O_DIRECTORY), "open /proc");
  if (executor::confine_process().empty()) give_up("an empty report");
  const pid_t child = checked(executor::fork_confined(), "fork_confined");
  if (child == 0) {
    seal(around, {hold[0], ready[1]});
    if (write(ready[1], "", 1) != 1) _exit(kBroken);
    pollfd entry{.fd = hold[0], .events = POLLIN, .revents = 0};
    _exit(poll(&entry, 1, -1) == 1 && (entry.revents & POLLHUP) != 0 ? 0 : kBroken);
  }
  close(hold[0]);
  close(ready[1]);
  char byte = 0;
  checked(static_cast<int>(read(ready[0], &byte, 1)), "read");
  for (const char* name : {"status", "limits"}) {
    const std::string path = std::to_string(child) + "/" + name;
    const int file = checked(openat(proc, path.c_str(), O_RDONLY), path.c_str());
    std::vector<char> text(std::size_t{64} << 10U);
    const int size = checked(static_cast<int>(read(file, text.data(), text.size())), "read");
    std::fwrite(text.data(), 1, static_cast<std::size_t>(size), stdout);
    close(file);
  }
  // Who may trace a process may read this file of it.
  const std::string environment = std::to_string(child) + "/environ";
  const int file = openat(proc, environment.c_str(), O_RDONLY);
  std::printf("Others:\t%s\n", file < 0 ? "kept out" : "may trace it");
  close(hold[1]);
  int status = 0;
  checked(waitpid(child, &status, 0), "waitpid");
  return status == 0 ? 0 : kBroken;
}

void refuse_namespaces() {
  const auto answer = [](unsigned call, unsigned reason) {
    return std::array<sock_filter, 2>{
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | reason)};
  };
  std::vector<sock_filter> program = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const auto& rule : {answer(SYS_unshare, EPERM), answer(SYS_mount, EPERM),
                           answer(SYS_pivot_root, EPERM), answer(SYS_clone3, ENOSYS)}) {
    program.insert(program.end(), rule.begin(), rule.end());
  }
  program.push_back(sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  if (!executor::forbid_new_privileges().ok()) give_up("no_new_privs");
  if (!executor::install_syscall_filter(program).ok()) give_up("a container's filter");
}

// So that there is one to lose.
void join_group() {
  constexpr gid_t kGroup = 12'346;
  checked(setgroups(1, &kGroup), "setgroups");
}

void become_user() {
  constexpr unsigned kUser = 12'345;
  checked(setgroups(0, nullptr), "setgroups");
  checked(setgid(kUser), "setgid");
  checked(setuid(kUser), "setuid");
}

}  // namespace
}  // namespace isopop::test

int main(int argc, char** argv) {
  using namespace isopop::test;
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (geteuid() == 0) join_group();
  while (!arguments.empty() && arguments.front().starts_with("--")) {
    arguments.front() == "--as-user" ? become_user() : refuse_namespaces();
    arguments.erase(arguments.begin());
  }
  if (arguments.empty()) give_up("what to do?");
  const std::string task = arguments.front();
  arguments.erase(arguments.begin());
  if (task == "report") return report();
  if (task == "orphan") return orphan();
  if (task == "show") return show();
  return run_attempts(task, arguments);
}
