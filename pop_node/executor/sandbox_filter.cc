#include "pop_node/executor/sandbox_filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>

namespace isopop::executor {
namespace {

// Without a look at arguments, so that the kernel answers from a bitmap without running the
// program.
constexpr std::array kAllowed = {
    // the connection to the PoP
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(recvfrom), SCMP_SYS(write), SCMP_SYS(sendto),
    SCMP_SYS(close),
    // memory: V8, malloc, the checkpoint
    SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(pkey_mprotect), SCMP_SYS(madvise),
    SCMP_SYS(mremap), SCMP_SYS(brk),
    // the checkpoint's descriptors
    SCMP_SYS(pread64), SCMP_SYS(fstat),
    // signals and timers of its own: the CPU watchdog, abort()
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(timer_settime), SCMP_SYS(timer_delete), SCMP_SYS(getpid), SCMP_SYS(gettid),
    // clocks, where they are not answered without the kernel
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    // the rest of a program's life
    SCMP_SYS(getrandom), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(sysinfo),
    SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group)};

// What libraries try, and do without when it fails: time zones, /dev/urandom, /proc/self/maps.
constexpr std::array kRefused = {SCMP_SYS(open),      SCMP_SYS(openat),     SCMP_SYS(access),
                                 SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat),
                                 SCMP_SYS(lstat),     SCMP_SYS(newfstatat), SCMP_SYS(statx),
                                 SCMP_SYS(readlink),  SCMP_SYS(readlinkat)};

// PAGEMAP_SCAN of linux/fs.h, Linux 6.7: _IOWR('f', 16, struct pm_scan_arg).
constexpr scmp_datum_t kPagemapScan = 0xC0606610;

struct FilterRelease {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterRelease>;

// libseccomp answers with a negative errno.
int add_rules(scmp_filter_ctx filter) {
  int failure = 0;
  const auto note = [&failure](int outcome) { failure = failure != 0 ? failure : outcome; };
  // With a look at one argument.
  const auto allow_if = [&](int call, scmp_arg_cmp condition) {
    note(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition));
  };
  note(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
  // A binary tree instead of a list: the kernel walks it for each call when it is installed.
  note(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2));
  for (const int call : kAllowed) note(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0));
  for (const int call : kRefused) note(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), call, 0));
  // raise() and abort(). As nobody may be signalled, abort() goes on to its illegal instruction.
  note(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 0));
  // A checkpoint looks at the page map, and fills and seals its file. Standard error may be a log,
  // which can be added to, but not cut off or written over.
  allow_if(SCMP_SYS(ioctl), {1, SCMP_CMP_MASKED_EQ, 0xFFFFFFFF, kPagemapScan});
  for (const int call : {SCMP_SYS(ftruncate), SCMP_SYS(pwrite64)}) {
    allow_if(call, {0, SCMP_CMP_GT, STDERR_FILENO, 0});
  }
  allow_if(SCMP_SYS(fcntl), {1, SCMP_CMP_MASKED_EQ, 0xFFFFFFFF, F_ADD_SEALS});
  // Private memory counts towards the memory limit; anonymous memory that is shared or grows like a
  // stack would not.
  constexpr scmp_datum_t kKind = MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN;
  for (const scmp_datum_t kind : {0, MAP_SHARED, MAP_ANONYMOUS}) {
    allow_if(SCMP_SYS(mmap), {3, SCMP_CMP_MASKED_EQ, kKind, kind});
  }
  return failure;
}

// The finished program passes through a file in memory: libseccomp 2.5 writes nowhere else.
Result<std::vector<sock_filter>> export_program(scmp_filter_ctx filter) {
  const int file = memfd_create("isopop-seccomp", MFD_CLOEXEC);
  if (file < 0) return errno_error("make room for the seccomp filter", errno);
  std::vector<sock_filter> program(BPF_MAXINSNS);
  const int outcome = seccomp_export_bpf(filter, file);
  const ssize_t bytes = pread(file, program.data(), program.size() * sizeof(sock_filter), 0);
  close(file);
  if (outcome != 0) return errno_error("write the seccomp filter", -outcome);
  if (bytes <= 0) return internal_error("the seccomp filter came out empty");
  program.resize(static_cast<std::size_t>(bytes) / sizeof(sock_filter));
  return program;
}

}  // namespace

Result<std::vector<sock_filter>> make_syscall_filter() {
  const std::uint32_t action = SECCOMP_RET_KILL_PROCESS;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0) {
    return errno_error("ask for seccomp filters", errno);
  }
  const Filter filter(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (filter == nullptr) return internal_error("libseccomp makes no filter");
  const int failure = add_rules(filter.get());
  if (failure != 0) return errno_error("add a rule to the seccomp filter", -failure);
  return export_program(filter.get());
}

Result<void> install_syscall_filter(const std::vector<sock_filter>& program) {
  // The kernel does not write to it.
  sock_fprog description{.len = static_cast<unsigned short>(program.size()),
                         .filter = const_cast<sock_filter*>(program.data())};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &description) != 0) {
    return errno_error("install the seccomp filter", errno);
  }
  return {};
}

}  // namespace isopop::executor
