#include "tests/support/small_disk.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace isopop::test {

std::string mount_small_disk(const std::filesystem::path& folder, const std::string& size) {
  const auto failed = [](const char* what) { return std::string(what) + ": " + strerror(errno); };
  const uid_t uid = getuid();
  const gid_t gid = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return failed("unshare");
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << uid << " " << uid << " 1";
  std::ofstream("/proc/self/gid_map") << gid << " " << gid << " 1";
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("mount");
  if (mount("small", folder.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
    return failed("mount tmpfs");
  }
  return "";
}

}  // namespace isopop::test
