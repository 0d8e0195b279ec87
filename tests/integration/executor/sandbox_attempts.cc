#include "tests/integration/executor/sandbox_attempts.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>

namespace isopop::test {
namespace {

int outcome(long result) {
  return result < 0 ? errno : 0;
}

// For questions: EPERM stands for "no".
int unless(bool bad) {
  return bad ? EPERM : 0;
}

template <typename... Arguments>
int call(long number, Arguments... arguments) {
  return outcome(syscall(number, arguments...));
}

// --- files ---

int open_for_reading(const Surroundings& /*around*/) {
  return outcome(open("/etc/passwd", O_RDONLY));
}
int open_for_writing(const Surroundings& around) {
  const std::string path = "/tmp/" + around.abstract_name;
  const int file = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  if (file >= 0) unlink(path.c_str());
  return outcome(file);
}
int open_proc(const Surroundings& /*around*/) {
  return outcome(open("/proc/self/status", O_RDONLY));
}
int write_root(const Surroundings& around) {
  const std::string path = "/" + around.abstract_name;
  const int made = mkdir(path.c_str(), 0700);
  if (made == 0) rmdir(path.c_str());
  return outcome(made);
}
int find_files(const Surroundings& /*around*/) {
  DIR* directory = opendir("/");
  if (directory == nullptr) return errno;
  int found = 0;
  while (readdir(directory) != nullptr) ++found;
  closedir(directory);
  return unless(found <= 2);  // "." and ".."
}
int leave_root(const Surroundings& /*around*/) {
  if (chdir("..") != 0) return errno;
  return outcome(open("etc/passwd", O_RDONLY));
}

// --- network ---

int connect_tcp(const Surroundings& around) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(around.listener_port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  if (socket_fd < 0) return errno;
  return outcome(connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}
int connect_kept_socket(const Surroundings& around) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(around.listener_port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return outcome(
      connect(around.tcp_socket, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}
int connect_abstract(const Surroundings& around) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(around.abstract_name.begin(), around.abstract_name.end(), address.sun_path + 1);
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + around.abstract_name.size());
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (socket_fd < 0) return errno;
  return outcome(connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), length));
}

// --- processes ---

int run_program(const Surroundings& /*around*/) {
  std::array<char*, 1> nothing = {nullptr};
  return outcome(execve("/bin/true", nothing.data(), nothing.data()));
}
int signal_parent(const Surroundings& around) {
  return outcome(kill(around.parent, 0));
}
int trace_parent(const Surroundings& around) {
  return outcome(ptrace(PTRACE_SEIZE, around.parent, nullptr, nullptr));
}
int signal_itself(const Surroundings& /*around*/) {
  return call(SYS_tgkill, getpid(), gettid(), 0);
}
int call_abort(const Surroundings& /*around*/) {
  std::abort();
}
// A mutex remembers its owner by the thread's number as glibc keeps it: it must be this process's,
// not the parent's.
int know_own_thread(const Surroundings& /*around*/) {
  pthread_mutex_t mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
  if (const int failure = pthread_mutex_lock(&mutex); failure != 0) return failure;
  return unless(mutex.__data.__owner != gettid());
}
int catch_own_signal(const Surroundings& /*around*/) {
  static volatile std::sig_atomic_t caught = 0;
  std::signal(SIGUSR1, [](int /*signal*/) { caught = 1; });
  if (raise(SIGUSR1) != 0) return errno;
  return unless(caught == 0);
}
int be_first_process(const Surroundings& /*around*/) {
  return unless(getpid() != 1);
}

// --- privileges ---

int be_root(const Surroundings& /*around*/) {
  return unless(getuid() != 0 && geteuid() != 0 && getgid() != 0 && getegid() != 0);
}
int become_root(const Surroundings& /*around*/) {
  return outcome(setresuid(0, 0, 0));
}
int have_groups(const Surroundings& /*around*/) {
  return unless(getgroups(0, nullptr) == 0);
}
int see_secret(const Surroundings& /*around*/) {
  return unless(getenv("ISOPOP_SECRET") == nullptr);
}

// --- memory ---

int use_memory(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno;
  std::memset(memory, 1, bytes);
  return 0;
}
int use_memory_by_protection(const Surroundings& /*around*/) {
  constexpr std::size_t kBytes = 2 * kMemoryBytesMax;
  void* memory = mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno;
  return outcome(mprotect(memory, kBytes, PROT_READ | PROT_WRITE));
}
int use_memory_by_break(const Surroundings& /*around*/) {
  return outcome(sbrk(2 * kMemoryBytesMax) == reinterpret_cast<void*>(-1) ? -1 : 0);
}
int use_memory_by_malloc(const Surroundings& /*around*/) {
  std::size_t bytes = 0;
  while (bytes < 2 * kMemoryBytesMax) {
    auto* block = static_cast<volatile char*>(std::malloc(std::size_t{64} << 10U));
    if (block == nullptr) return errno;
    block[0] = 1;
    bytes += std::size_t{64} << 10U;
  }
  return 0;
}
int map(int protection, int flags) {
  return outcome(mmap(nullptr, 4096, protection, flags | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                             : 0);
}

// --- what must go on working ---

int compute_and_answer(const Surroundings& around) {
  if (const int failure = use_memory(kMemoryBytesMax / 2); failure != 0) return failure;
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return errno;
  std::array<char, 16> random{};
  if (getentropy(random.data(), random.size()) != 0) return errno;
  pollfd entry{.fd = around.pipe, .events = POLLOUT, .revents = 0};
  if (poll(&entry, 1, 0) != 1) return errno;
  if (entry.revents != POLLOUT) return EBADF;
  return outcome(write(around.pipe, "", 1));
}
int read_page_map(const Surroundings& around) {
  std::uint64_t word = 0;
  const auto page = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(&word) / 4096);
  return outcome(pread(around.page_map, &word, sizeof word, page * 8));
}
// As a checkpoint saves its pages.
int fill_and_seal_file(const Surroundings& around) {
  if (ftruncate(around.file, 4096) != 0 || pwrite(around.file, "x", 1, 0) != 1) return errno;
  return outcome(fcntl(around.file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
}
// poll() tells of a descriptor that is not open without using it.
int find_descriptors(const Surroundings& around) {
  int found = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    const int kept[] = {around.tcp_socket, around.page_map, around.pipe, around.file};
    if (std::find(std::begin(kept), std::end(kept), fd) != std::end(kept)) continue;
    pollfd entry{.fd = fd, .events = 0, .revents = 0};
    if (poll(&entry, 1, 0) == 1 && (entry.revents & POLLNVAL) != 0) continue;
    ++found;
  }
  return unless(found == 0);
}

#if defined(__x86_64__)
// A call as 32-bit programs make it: getpid is number 20 there, writev here.
int call_as_32_bit(const Surroundings& /*around*/) {
  long result = 20;
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result < 0 ? static_cast<int>(-result) : 0;
}
#endif

std::vector<Attempt> make_attempts() {
  using Around = const Surroundings&;
  std::vector<Attempt> all = {
      {"open-for-reading", open_for_reading},
      {"open-for-writing", open_for_writing},
      {"open-proc", open_proc},
      {"write-root", write_root},
      {"find-files", find_files},
      {"leave-root", leave_root},
      {"connect-tcp", connect_tcp},
      {"connect-kept-socket", connect_kept_socket},
      {"connect-abstract", connect_abstract},
      {"run-program", run_program},
      {"signal-parent", signal_parent},
      {"trace-parent", trace_parent},
      {"signal-itself", signal_itself},
      {"abort", call_abort},
      {"catch-own-signal", catch_own_signal},
      {"know-own-thread", know_own_thread},
      {"be-first-process", be_first_process},
      {"be-root", be_root},
      {"become-root", become_root},
      {"have-groups", have_groups},
      {"see-secret", see_secret},
      {"use-some-memory", [](Around) { return use_memory(kMemoryBytesMax / 2); }},
      {"use-much-memory", [](Around) { return use_memory(2 * kMemoryBytesMax); }},
      {"use-much-memory-by-protection", use_memory_by_protection},
      {"use-much-memory-by-break", use_memory_by_break},
      {"use-much-memory-by-malloc", use_memory_by_malloc},
      {"map-private", [](Around) { return map(PROT_READ | PROT_WRITE, MAP_PRIVATE); }},
      {"map-shared", [](Around) { return map(PROT_READ | PROT_WRITE, MAP_SHARED); }},
      {"map-growing", [](Around) { return map(PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN); }},
      {"compute-and-answer", compute_and_answer},
      {"read-page-map", read_page_map},
      {"fill-and-seal-file", fill_and_seal_file},
      {"cut-log", [](Around) { return outcome(ftruncate(STDERR_FILENO, 0)); }},
      {"write-over-log", [](Around) { return outcome(pwrite(STDERR_FILENO, "", 0, 0)); }},
      {"descriptor-flags", [](Around around) { return outcome(fcntl(around.pipe, F_GETFL)); }},
      {"find-descriptors", find_descriptors},
      {"fork", [](Around) { return outcome(fork()); }},
      {"start-thread",
       [](Around) { return call(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0); }},
      {"unshare", [](Around) { return outcome(unshare(CLONE_NEWUSER)); }},
      {"mount", [](Around) { return outcome(mount("none", "/", "tmpfs", MS_RDONLY, nullptr)); }},
      {"socket", [](Around) { return outcome(socket(AF_UNIX, SOCK_STREAM, 0)); }},
      {"duplicate", [](Around around) { return outcome(dup(around.pipe)); }},
      {"terminal-ioctl", [](Around around) { return call(SYS_ioctl, around.pipe, 0x5412, ""); }},
      {"raise-limit", [](Around) { return call(SYS_prlimit64, 0, RLIMIT_DATA, 0, 0); }},
      {"new-privileges", [](Around) { return outcome(prctl(PR_GET_NO_NEW_PRIVS) == 1 ? 0 : -1); }},
      {"read-memory-of-parent",
       [](Around around) { return call(SYS_process_vm_readv, around.parent, 0, 0, 0, 0, 0); }},
      {"memory-file", [](Around) { return call(SYS_memfd_create, "x", 0); }},
      {"timer", [](Around) { return call(SYS_timer_create, CLOCK_MONOTONIC, 0, 0); }},
      {"bpf", [](Around) { return call(SYS_bpf, 0, 0, 0); }},
      {"io-uring", [](Around) { return call(SYS_io_uring_setup, 1, 0); }},
      {"userfaultfd", [](Around) { return call(SYS_userfaultfd, 0); }},
      {"keyctl", [](Around) { return call(SYS_keyctl, 0, 0, 0, 0, 0); }},
      {"perf", [](Around) { return call(SYS_perf_event_open, 0, 0, 0, 0, 0); }},
      {"take-descriptor", [](Around) { return call(SYS_pidfd_getfd, 0, 0, 0); }},
      {"shared-segment", [](Around) { return call(SYS_shmget, 0, 4096, 0600 | 01000); }},
      {"unknown-call", [](Around) { return call(100'000); }},
  };
#if defined(__x86_64__)
  all.push_back({"call-as-32-bit", call_as_32_bit});
  // The third way in of this processor family: its calls carry this bit.
  all.push_back({"call-as-x32", [](Around) { return call(0x40000000 | SYS_getpid); }});
#endif
  return all;
}

}  // namespace

const std::vector<Attempt>& attempts() {
  static const std::vector<Attempt> all = make_attempts();
  return all;
}

}  // namespace isopop::test
