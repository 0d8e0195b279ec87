#include "pop_node/executor/sandbox_landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace isopop::executor {
namespace {

// linux/landlock.h as of Linux 6.12; Debian 12's is older.
struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;  // version 4
  std::uint64_t scoped;              // version 6
};
constexpr unsigned long kAskVersion = 1;

// Which kinds of access each version knows.
RulesetAttributes all_access(long version) {
  unsigned kinds = 13;           // execute, read, write, make and remove all sorts of files
  if (version >= 2) kinds = 14;  // link and rename across directories
  if (version >= 3) kinds = 15;  // truncate
  if (version >= 5) kinds = 16;  // ioctl on devices
  return {.handled_access_fs = (std::uint64_t{1} << kinds) - 1,
          .handled_access_net = version >= 4 ? std::uint64_t{3} : 0,  // bind and connect of TCP
          .scoped = version >= 6 ? std::uint64_t{3} : 0};  // abstract Unix sockets, signals
}

std::size_t bytes_known(long version) {
  if (version >= 6) return sizeof(RulesetAttributes);
  return version >= 4 ? offsetof(RulesetAttributes, scoped)
                      : offsetof(RulesetAttributes, handled_access_net);
}

}  // namespace

Result<int> make_landlock_rules() {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  if (version < 0) return errno_error("ask for Landlock", errno);
  const RulesetAttributes attributes = all_access(version);
  const long rules = syscall(SYS_landlock_create_ruleset, &attributes, bytes_known(version), 0);
  if (rules < 0) return errno_error("make Landlock rules", errno);
  return static_cast<int>(rules);
}

Result<void> apply_landlock_rules(int rules) {
  if (syscall(SYS_landlock_restrict_self, rules, 0) != 0) {
    return errno_error("apply the Landlock rules", errno);
  }
  return {};
}

}  // namespace isopop::executor
