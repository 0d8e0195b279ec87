#include "pop_node/executor/sandbox_privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace isopop::executor {
namespace {

// "nobody" and "nogroup" everywhere.
constexpr uid_t kNobody = 65534;

struct CapabilitySets {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
};

Result<CapabilitySets> capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words{};
  if (syscall(SYS_capget, &header, words.data()) != 0) return errno_error("capget", errno);
  return CapabilitySets{.effective = words[0].effective | std::uint64_t{words[1].effective} << 32U,
                        .permitted = words[0].permitted | std::uint64_t{words[1].permitted} << 32U};
}

Result<void> set_capabilities(CapabilitySets sets) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words{};
  for (unsigned i = 0; i < words.size(); ++i) {
    words.at(i).effective = static_cast<std::uint32_t>(sets.effective >> (32 * i));
    words.at(i).permitted = static_cast<std::uint32_t>(sets.permitted >> (32 * i));
  }
  if (syscall(SYS_capset, &header, words.data()) != 0) return errno_error("capset", errno);
  return {};
}

}  // namespace

Result<void> forbid_new_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("no_new_privs", errno);
  return {};
}

Result<void> become_unprivileged_user() {
  if (geteuid() != 0 && getuid() != 0) return {};
  const pid_t parent = getppid();
  int death_signal = 0;
  prctl(PR_GET_PDEATHSIG, &death_signal);
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (setgroups(0, nullptr) != 0) return errno_error("give up supplementary groups", errno);
  if (setresgid(kNobody, kNobody, kNobody) != 0) return errno_error("become group 65534", errno);
  if (setresuid(kNobody, kNobody, kNobody) != 0) return errno_error("become user 65534", errno);
  // A change of user makes the kernel forget that the process is to end with its parent.
  if (death_signal != 0) {
    prctl(PR_SET_PDEATHSIG, death_signal);
    if (getppid() != parent) _exit(EXIT_FAILURE);
  }
  ISOPOP_TRY_ASSIGN(const CapabilitySets kept, capabilities());
  return set_capabilities({.effective = kept.permitted, .permitted = kept.permitted});
}

Result<void> keep_capabilities(Capabilities kept) {
  ISOPOP_TRY_ASSIGN(const CapabilitySets had, capabilities());
  const std::uint64_t mask =
      kept == Capabilities::kNone ? 0 : std::uint64_t{1} << unsigned{CAP_SYS_ADMIN};
  const std::uint64_t left = had.permitted & mask;
  return set_capabilities({.effective = left, .permitted = left});
}

void empty_bounding_set() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (unsigned long capability = 0; capability < 64; ++capability) {
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

void scrub_environment() {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::memset(*entry, 0, std::strlen(*entry));
  }
  clearenv();
  setenv("TZ", "UTC", 1);
}

}  // namespace isopop::executor
