#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "common/result/result.h"
#include "pop_node/executor/sandbox_measure.h"

namespace isopop::executor {

// The walls between untrusted code and the machine, put up in three steps by a process with one
// thread:
//
//   confine_process()   once, in the zygote: nothing of the machine is in sight any more
//   fork_confined()     for each executor, which then opens what it needs (proc_directory())
//   seal_process()      in the executor, before the worker's code: compute and answer, no more
//
// What they do is a property of the process and cannot be undone, so these are functions, not an
// object. A measure that the kernel refuses is left out and told; one that was promised in the
// report and then fails is an error.

// To be called once, before V8 starts: gives up privileges and the sight of file system, network
// and other processes, and prepares what seal_process() will need. The report holds the measures of
// all three steps.
[[nodiscard]] std::vector<SandboxMeasure> confine_process();

// fork(), where the kernel allows it into a process namespace of the child's own. There its
// getpid() is 1 and, as for every first process, a signal that has no handler does nothing to it
// unless it comes from outside or is a fault: abort() ends as SIGSEGV. The child has no
// capabilities and ends with its parent. Handlers of pthread_atfork() do not run.
[[nodiscard]] pid_t fork_confined();

// A descriptor of /proc as it was, for openat(), when it is not in sight any more: "self" in it is
// whoever looks. Good until the seal.
[[nodiscard]] int proc_directory();

struct SealOptions {
  // All others are closed.
  std::vector<int> descriptors_kept;
  // Private memory that may still be added to what the process has now, of every kind: heap,
  // ArrayBuffers, WebAssembly, malloc. Beyond it mmap(), brk() and mprotect() fail with ENOMEM. 0:
  // no limit.
  std::uint64_t memory_bytes_max = 0;
  // How large a file behind one of the descriptors may become (a checkpoint's saved pages, a log);
  // writing beyond it fails with EFBIG.
  std::uint64_t file_bytes_max = std::uint64_t{1} << 30U;
};

// The point of no return, between the executor's last preparations and the worker's code. What is
// left: memory, clocks, random numbers, and reading, writing and polling the descriptors that were
// kept. Opening a file answers EACCES, for libraries that only try; tgkill() answers EPERM; any
// other system call ends the process with SIGSYS. New files in memory (memfd_create) and timers
// (timer_create) must be made before.
[[nodiscard]] Result<void> seal_process(const SealOptions& options);

}  // namespace isopop::executor
