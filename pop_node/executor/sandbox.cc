#include "pop_node/executor/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <string_view>
#include <utility>

#include "pop_node/executor/sandbox_filter.h"
#include "pop_node/executor/sandbox_landlock.h"
#include "pop_node/executor/sandbox_namespaces.h"
#include "pop_node/executor/sandbox_privileges.h"

namespace isopop::executor {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// What confine_process() found out and made for the steps after it. Of the process, not of an
// object: see sandbox.h.
struct Prepared {
  bool is_confined = false;
  bool has_pid_namespaces = false;
  int proc = -1;                            // the directory /proc, which is not in sight any more
  int landlock_rules = -1;                  // -1: there is no Landlock
  std::vector<sock_filter> syscall_filter;  // empty: there is no seccomp
};
Prepared g_prepared;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): see above

class Report {
 public:
  // Whether the measure is active.
  bool add(std::string_view name, const Result<void>& outcome) {
    measures_.push_back({.name = std::string(name),
                         .active = outcome.ok(),
                         .detail = outcome.ok() ? "" : outcome.error().message});
    return outcome.ok();
  }
  [[nodiscard]] std::vector<SandboxMeasure> take() { return std::move(measures_); }

 private:
  std::vector<SandboxMeasure> measures_;
};

// Sanitizers read /proc, start threads and reserve much memory when they report: what would keep
// them from it is left out.
Result<void> unless_sanitized() {
  if (kSanitized) return Error{ErrorCode::kFailedPrecondition, "built with a sanitizer"};
  return {};
}

Result<void> set_limit(__rlimit_resource resource, rlim_t value) {
  rlimit before{};
  getrlimit(resource, &before);
  const rlim_t allowed = std::min(value, before.rlim_max);
  const rlimit limit{.rlim_cur = allowed, .rlim_max = allowed};
  if (setrlimit(resource, &limit) != 0) return errno_error("set a resource limit", errno);
  return {};
}

Result<void> prepare_pid_namespaces() {
  ISOPOP_TRY(unless_sanitized());
  ISOPOP_TRY(try_pid_namespace());
  g_prepared.has_pid_namespaces = true;
  return {};
}

Result<void> prepare_landlock() {
  ISOPOP_TRY(unless_sanitized());
  ISOPOP_TRY_ASSIGN(g_prepared.landlock_rules, make_landlock_rules());
  return {};
}

Result<void> prepare_syscall_filter() {
  ISOPOP_TRY(unless_sanitized());
  ISOPOP_TRY_ASSIGN(g_prepared.syscall_filter, make_syscall_filter());
  return {};
}

Result<void> leave_file_system() {
  ISOPOP_TRY(unless_sanitized());
  return enter_empty_root();
}

void enter_namespaces(Report& report) {
  report.add("user-namespace", enter_user_namespace());
  report.add("network-namespace", enter_namespace(CLONE_NEWNET, "the network"));
  report.add("ipc-namespace", enter_namespace(CLONE_NEWIPC, "System V IPC"));
  report.add("uts-namespace", enter_namespace(CLONE_NEWUTS, "the host name"));
  report.add("cgroup-namespace", enter_namespace(CLONE_NEWCGROUP, "control groups"));
  report.add("mount-namespace", leave_file_system());
  report.add("pid-namespace", prepare_pid_namespaces());
}

// Where a process's private memory ends up in the kernel's count (fs/proc/array.c): the sixth
// number of statm, in pages. It includes the main stack, which the limit does not count: a few
// pages.
Result<std::uint64_t> private_memory_bytes() {
  const int file = openat(g_prepared.proc, "self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno_error("open /proc/self/statm", errno);
  std::array<char, 128> buffer{};
  const ssize_t size = read(file, buffer.data(), buffer.size());
  close(file);
  std::string_view text(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  for (int skipped = 0; skipped < 5; ++skipped)
    text.remove_prefix(std::min(text.find(' '), text.size() - 1) + 1);
  std::uint64_t pages = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pages);
  if (error != std::errc{}) return internal_error("/proc/self/statm is not as expected");
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void close_range_of(unsigned first, unsigned last) {
  if (first > last || syscall(SYS_close_range, first, last, 0U) == 0) return;
  // Linux before 5.9, or a container that does not know the call.
  const auto open_max = static_cast<unsigned>(sysconf(_SC_OPEN_MAX));
  for (unsigned fd = first; fd <= std::min(last, open_max); ++fd) close(static_cast<int>(fd));
}

void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned first = 0;
  for (const int fd : kept) {
    ISOPOP_ASSERT(fd >= 0, "a descriptor to keep that is open");
    const auto next = static_cast<unsigned>(fd);
    if (next > first) close_range_of(first, next - 1);
    first = std::max(first, next + 1);
  }
  close_range_of(first, ~0U);
}

Result<void> limit_resources(const SealOptions& options, std::uint64_t memory_bytes) {
  constexpr rlim_t kStackBytes = rlim_t{8} << 20U;
  // poll() takes no more descriptors than may be open.
  const rlim_t descriptors = std::max<rlim_t>(1, options.descriptors_kept.size());
  for (const auto& [resource, value] : std::initializer_list<std::pair<__rlimit_resource, rlim_t>>{
           {RLIMIT_NPROC, 0},
           {RLIMIT_NOFILE, descriptors},
           {RLIMIT_FSIZE, options.file_bytes_max},
           {RLIMIT_MEMLOCK, 0},
           {RLIMIT_MSGQUEUE, 0},
           {RLIMIT_STACK, kStackBytes}}) {
    ISOPOP_TRY(set_limit(resource, value));
  }
  // The failing write is enough.
  std::signal(SIGXFSZ, SIG_IGN);  // NOLINT(cert-err33-c): SIGXFSZ can be ignored
  if (options.memory_bytes_max == 0) return {};
  return set_limit(RLIMIT_DATA, memory_bytes + options.memory_bytes_max);
}

}  // namespace

std::vector<SandboxMeasure> confine_process() {
  ISOPOP_ASSERT(!g_prepared.is_confined, "confine_process() once in a process");
  g_prepared.is_confined = true;
  Report report;
  scrub_environment();
  g_prepared.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  set_limit(RLIMIT_CORE, 0).ignore("a hard limit can always be lowered");

  report.add("no-new-privileges", forbid_new_privileges());
  report.add("unprivileged-user", become_unprivileged_user());
  enter_namespaces(report);
  empty_bounding_set();
  report.add("capabilities",
             keep_capabilities(g_prepared.has_pid_namespaces ? Capabilities::kOnlyForNamespaces
                                                             : Capabilities::kNone));
  report.add("landlock", prepare_landlock());
  report.add("memory-limit", unless_sanitized());
  report.add("seccomp", prepare_syscall_filter());
  // A process that has changed its user may not open its own files in /proc.
  prctl(PR_SET_DUMPABLE, 1);
  return report.take();
}

pid_t fork_confined() {
  const pid_t parent = getpid();
  // The zygote has opened what it needs by now, and nobody else is to look into it.
  if (!kSanitized) prctl(PR_SET_DUMPABLE, 0);
  const pid_t child = g_prepared.has_pid_namespaces ? fork_into_pid_namespace() : fork();
  if (child != 0) return child;
  prctl(PR_SET_DUMPABLE, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have ended before the call above. In a namespace of its own a child cannot see
  // that; it ends when its connection to the PoP does.
  if (!g_prepared.has_pid_namespaces && getppid() != parent) _exit(EXIT_FAILURE);
  return 0;
}

int proc_directory() {
  return g_prepared.proc;
}

Result<void> seal_process(const SealOptions& options) {
  ISOPOP_ASSERT(g_prepared.is_confined, "confine_process() before seal_process()");
  ISOPOP_TRY_ASSIGN(const std::uint64_t memory_bytes, private_memory_bytes());
  if (g_prepared.landlock_rules >= 0) ISOPOP_TRY(apply_landlock_rules(g_prepared.landlock_rules));
  close_all_but(options.descriptors_kept);
  ISOPOP_TRY(keep_capabilities(Capabilities::kNone));
  if (kSanitized) return {};
  // Others of the same user cannot look into it or trace it.
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return errno_error("keep others from tracing", errno);
  ISOPOP_TRY(limit_resources(options, memory_bytes));
  if (!g_prepared.syscall_filter.empty()) {
    ISOPOP_TRY(install_syscall_filter(g_prepared.syscall_filter));
  }
  return {};
}

}  // namespace isopop::executor
