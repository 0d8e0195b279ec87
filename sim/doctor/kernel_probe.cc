#include "sim/doctor/kernel_probe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/ioctl.h>
#include <linux/seccomp.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/files/files.h"
#include "common/process/pagemap_scan.h"
#include "common/result/result.h"

namespace isopop::sim::doctor {
namespace {

Attempt worked() {
  return {.works = true, .reason = {}};
}

Attempt refused(std::string_view what, int reason) {
  return {.works = false, .reason = errno_error(what, reason).message};
}

Attempt try_pagemap_scan() {
  const UniqueFd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pagemap.valid()) return refused("open /proc/self/pagemap", errno);
  // An empty scan tells whether the kernel knows the call.
  PagemapScanArguments scan{.size = sizeof(PagemapScanArguments),
                            .category_mask = kPageIsPresent,
                            .return_mask = kPageIsPresent};
  if (ioctl(pagemap.get(), kPagemapScan, &scan) < 0) return refused("PAGEMAP_SCAN", errno);
  return worked();
}

Attempt try_pagemap_read() {
  const UniqueFd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pagemap.valid()) return refused("open /proc/self/pagemap", errno);
  const std::uint64_t here = 1;
  std::uint64_t entry = 0;
  const auto page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto page = reinterpret_cast<std::uintptr_t>(&here) / page_bytes;
  const auto at = static_cast<off_t>(page * sizeof entry);
  if (pread(pagemap.get(), &entry, sizeof entry, at) != sizeof entry) {
    return refused("read /proc/self/pagemap", errno);
  }
  return worked();
}

// Runs `attempt` in a child, where only async-signal-safe calls are allowed: it returns 0 or errno.
Attempt try_in_child(std::string_view what, int (*attempt)()) {
  const pid_t child = fork();
  if (child < 0) return refused("fork", errno);
  if (child == 0) _exit(attempt());
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return refused("wait for a child", errno);
  }
  if (!WIFEXITED(status)) return {.works = false, .reason = "the child that tried it was killed"};
  return WEXITSTATUS(status) == 0 ? worked() : refused(what, WEXITSTATUS(status));
}

int make_user_namespace() {
  return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
}

int make_network_namespace() {
  if (unshare(CLONE_NEWUSER) != 0) return errno;
  return unshare(CLONE_NEWNET) == 0 ? 0 : errno;
}

// A filter that allows everything: what counts is that one may be installed.
int install_filter() {
  sock_filter allow{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW};
  sock_fprog program{.len = 1, .filter = &allow};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

// linux/landlock.h: asks for the version instead of making rules.
constexpr unsigned kAskVersion = 1;

Attempt try_loopback() {
  const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return refused("open a socket", errno);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0x7FFAFAFA);  // 127.250.250.250, of the last block; any port
  if (bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return refused("bind 127.250.250.250", errno);
  }
  return worked();
}

}  // namespace

HostFacts with_kernel_probes(HostFacts facts) {
  facts.is_root = geteuid() == 0;
  facts.pagemap_scan = try_pagemap_scan();
  facts.pagemap_read = try_pagemap_read();
  facts.user_namespace = try_in_child("make a user namespace", make_user_namespace);
  facts.network_namespace = try_in_child("make a network namespace", make_network_namespace);
  facts.seccomp = try_in_child("install a seccomp filter", install_filter);
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  facts.landlock = version >= 0 ? worked() : refused("ask for Landlock", errno);
  facts.landlock_version = version >= 0 ? static_cast<int>(version) : 0;
  facts.loopback = try_loopback();
  return facts;
}

}  // namespace isopop::sim::doctor
