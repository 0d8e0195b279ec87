#include "pop_node/executor/sandbox_namespaces.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>

namespace isopop::executor {
namespace {

// A directory that every system has; what is mounted over it is seen by this process alone.
constexpr const char* kAnyDirectory = "/proc";

// Where glibc keeps the number of this thread, so that the kernel can write the child's there as it
// does for glibc's own fork(). Null when the kernel does not tell.
int* thread_id_place() {
  int* place = nullptr;
  return prctl(PR_GET_TID_ADDRESS, &place) == 0 ? place : nullptr;
}

}  // namespace

Result<void> enter_user_namespace() {
  if (unshare(CLONE_NEWUSER) != 0) return errno_error("make a user namespace", errno);
  return {};
}

Result<void> enter_namespace(int flag, std::string_view what) {
  if (unshare(flag) != 0) return errno_error("make a namespace for " + std::string(what), errno);
  return {};
}

Result<void> enter_empty_root() {
  if (unshare(CLONE_NEWNS) != 0) return errno_error("make a mount namespace", errno);
  // Nothing that is mounted from here on shows outside.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return errno_error("separate the mounts", errno);
  }
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("none", kAnyDirectory, "tmpfs", kFlags, "size=4k,nr_inodes=1,mode=555") != 0) {
    return errno_error("mount an empty directory", errno);
  }
  if (chdir(kAnyDirectory) != 0) return errno_error("enter the empty directory", errno);
  // The old root is put on top of the new one (pivot_root(2), "pivot_root(".", ".")") and goes.
  if (syscall(SYS_pivot_root, ".", ".") != 0) return errno_error("pivot_root", errno);
  if (umount2(".", MNT_DETACH) != 0) return errno_error("let go of the old root", errno);
  if (chdir("/") != 0) return errno_error("enter the empty root", errno);
  if (mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlags, nullptr) != 0) {
    return errno_error("make the empty root read-only", errno);
  }
  return {};
}

Result<void> try_pid_namespace() {
  if (thread_id_place() == nullptr) return errno_error("find the thread's number", errno);
  const pid_t child = fork_into_pid_namespace();
  if (child == 0) _exit(getpid() == 1 ? 0 : 1);
  if (child < 0) return errno_error("make a process namespace", errno);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return internal_error("a process in a namespace of its own did not end well");
  return {};
}

pid_t fork_into_pid_namespace() {
  int* place = thread_id_place();
  clone_args arguments{};
  arguments.flags = CLONE_NEWPID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  arguments.child_tid = reinterpret_cast<std::uintptr_t>(place);
  arguments.exit_signal = SIGCHLD;
  // Unlike glibc's fork() this does not take malloc's and stdio's locks, which nobody else holds,
  // and leaves the child without the list of robust mutexes, of which there are none.
  return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
}

}  // namespace isopop::executor
