#include "common/process/orphans.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace isopop {

bool is_given_orphans() {
  int is_subreaper = 0;
  return getpid() == 1 || (prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper) == 0 && is_subreaper != 0);
}

bool reap_orphans(const std::function<bool(pid_t)>& is_waited_for) {
  while (true) {
    siginfo_t info{};
    const int outcome = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
    if (outcome != 0 && errno == EINTR) continue;
    // No children, or none that has ended.
    if (outcome != 0 || info.si_pid == 0) return true;
    if (is_waited_for(info.si_pid)) return false;
    waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
  }
}

}  // namespace isopop
