#include "pop_node/checkpoint/checkpoint.h"

#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "pop_node/checkpoint/checkpoint_state.h"

namespace isopop::checkpoint {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// glibc has the kernel write the current processor into thread-local memory each time the thread is
// preempted: behind our back into memory that is restored. Without it sched_getcpu() is a little
// slower.
void unregister_rseq() {
  if (__rseq_size == 0) return;
  auto* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  syscall(SYS_rseq, area, sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

}  // namespace

Result<Checkpoint*> Checkpoint::create(const Options& options, SurvivingMemory& memory,
                                       const Checkpoint* base) {
  if (kSanitized) {
    return Error{ErrorCode::kFailedPrecondition,
                 "a program built with a sanitizer cannot be checkpointed: its shadow memory would "
                 "be restored too"};
  }
  unregister_rseq();
  // Bound lazily inside of the restorer, it would be written to the tables that were just restored.
  static_cast<void>(monotonic_ns());
  ISOPOP_TRY_ASSIGN(const DirtyPages dirty_pages,
                    DirtyPages::open(options.finder, memory, options.proc));
  ISOPOP_TRY_ASSIGN(const int maps, open_proc_self(options.proc, "maps"));
  auto* checkpoint =
      new (memory.allocate(sizeof(Checkpoint))) Checkpoint(options, memory, dirty_pages);
  checkpoint->state_->maps = maps;
  if (base != nullptr) {
    checkpoint->state_->saved.adopt(base->state_->saved);
    checkpoint->state_->stack = base->state_->stack;
  }
  checkpoint->state_->base_pages = checkpoint->state_->saved.pages();
  ISOPOP_TRY(checkpoint->state_->saved.open_layer());
  return checkpoint;
}

Checkpoint::Checkpoint(const Options& options, SurvivingMemory& memory, DirtyPages dirty_pages)
    : state_(memory.make<State>(memory, options)), dirty_pages_(dirty_pages) {
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  getcontext(&state_->restorer);
  // A signal handler would run in memory that is half of one time and half of another.
  // But for the guard's, whose fault is the restorer's own.
  sigfillset(&state_->restorer.uc_sigmask);
  sigdelset(&state_->restorer.uc_sigmask, SIGSEGV);
  state_->restorer.uc_stack.ss_sp = state_->restorer_stack;
  state_->restorer.uc_stack.ss_size = State::kRestorerStackBytes;
  state_->restorer.uc_link = nullptr;
  // makecontext passes ints, whatever its prototype says.
  makecontext(&state_->restorer, reinterpret_cast<void (*)()>(run_restorer), 2,
              static_cast<unsigned>(self), static_cast<unsigned>(self >> 32U));
}

std::vector<int> Checkpoint::descriptors() const {
  std::vector<int> all = state_->saved.descriptors();
  all.push_back(state_->maps);
  if (dirty_pages_.descriptor() >= 0) all.push_back(dirty_pages_.descriptor());
  return all;
}

std::size_t Checkpoint::own_pages() const {
  return state_->saved.pages() - state_->base_pages;
}

void Checkpoint::on_stack(void (*function)(void*), void* argument) {
  State& state = *state_;
  void* stack = raw_map({0, state.options.stack_bytes + kPageBytes}, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ISOPOP_ASSERT(stack != MAP_FAILED, "address space for a stack");
  // The lowest page stays out of bounds: running over the end is a fault, not a surprise. So does
  // one above, or the kernel could make one mapping of the stack and what lies there: memory that
  // the guard would take for the stack, and leave alone.
  const auto lowest = reinterpret_cast<std::uintptr_t>(stack);
  const std::uintptr_t end = lowest + state.options.stack_bytes;
  ISOPOP_ASSERT(raw_protect({lowest, lowest + kPageBytes}, PROT_NONE), "a guard page");
  ISOPOP_ASSERT(raw_protect({end, end + kPageBytes}, PROT_NONE), "a page between");
  state.stack = {lowest + kPageBytes, end};
  state.function = function;
  state.argument = argument;
  getcontext(&state.worker_context);
  state.worker_context.uc_stack.ss_sp = stack;
  state.worker_context.uc_stack.ss_size = state.options.stack_bytes;
  state.worker_context.uc_link = &state.main_context;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&state.worker_context, reinterpret_cast<void (*)()>(run_worker), 2,
              static_cast<unsigned>(self), static_cast<unsigned>(self >> 32U));
  swapcontext(&state.main_context, &state.worker_context);
}

void Checkpoint::run_worker(unsigned low, unsigned high) {
  auto* self = reinterpret_cast<Checkpoint*>(std::uintptr_t{high} << 32U | low);
  self->state_->function(self->state_->argument);
}

Checkpoint::Point Checkpoint::take() {
  state_->task = State::Task::kCapture;
  swapcontext(&state_->point, &state_->restorer);
  return state_->outcome;
}

void Checkpoint::restore() {
  state_->task = State::Task::kRestore;
  setcontext(&state_->restorer);
  _exit(kExitCannotRestore);
}

// Runs on the restorer's stack, so that the worker's can be replaced. Entered anew each time.
void Checkpoint::run_restorer(unsigned low, unsigned high) {
  auto* self = reinterpret_cast<Checkpoint*>(std::uintptr_t{high} << 32U | low);
  State& state = *self->state_;
  if (state.task == State::Task::kCapture) {
    state.outcome = self->capture() ? Point::kTaken : Point::kFailed;
  } else {
    const std::int64_t start_ns = monotonic_ns();
    if (!self->restore_memory()) _exit(kExitCannotRestore);
    state.journal.clear();
    self->figures_.restore_ns = static_cast<std::uint32_t>(monotonic_ns() - start_ns);
    if (state.options.verify && !self->verify()) _exit(kExitCannotRestore);
    state.outcome = Point::kRestored;
  }
  setcontext(&state.point);
  _exit(kExitCannotRestore);
}

}  // namespace isopop::checkpoint
