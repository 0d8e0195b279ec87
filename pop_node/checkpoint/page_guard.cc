#include "pop_node/checkpoint/page_guard.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "pop_node/checkpoint/mapping_journal.h"

namespace isopop::checkpoint {
namespace {

constexpr std::size_t kPagesMax = 8 * 1024;
// After so many restores that found a page equal, it is guarded again.
constexpr std::uint32_t kUnchangedMax = 512;

// A signal handler has no object. In restored memory, and set before the checkpoint: a restore puts
// back the same pointer.
PageGuard* active_guard = nullptr;

// Written by a system call that fails; always writable, since in on_fault() no fault may occur.
std::uintptr_t errno_page() {
  return reinterpret_cast<std::uintptr_t>(&errno) / kPageBytes * kPageBytes;
}

}  // namespace

PageGuard::PageGuard(SurvivingMemory& memory) : writable_(memory, kPagesMax) {}

void PageGuard::install() {
  active_guard = this;
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  sigaction(SIGSEGV, &action, nullptr);
}

bool PageGuard::is_guarded(const Mapping& mapping) const {
  return (mapping.protection & PROT_WRITE) != 0 && mapping.range.intersect(stack_).empty();
}

const Mapping* PageGuard::mapping_at(std::uintptr_t address) const {
  const Mapping* const found = std::upper_bound(
      mappings_->begin(), mappings_->end(), address,
      [](std::uintptr_t value, const Mapping& mapping) { return value < mapping.range.end; });
  if (found == mappings_->end() || address < found->range.begin) return nullptr;
  return found;
}

bool PageGuard::raise(const FixedVector<Mapping>& mappings, const FixedVector<Range>& written,
                      const SavedPages& saved, Range stack) {
  mappings_ = &mappings;
  saved_ = &saved;
  stack_ = stack;
  writable_.clear();
  overflowed_ = false;
  raised_ = true;
  for (const Mapping& mapping : mappings) {
    if (is_guarded(mapping) && !raw_protect(mapping.range, mapping.protection & ~PROT_WRITE)) {
      return false;
    }
  }
  for (const Range& range : written) {
    for (std::uintptr_t at = range.begin; at < range.end; at += kPageBytes) {
      if (at != errno_page() && guards(at) && !let_write(at)) return false;
    }
  }
  return !guards(errno_page()) || let_write(errno_page());
}

bool PageGuard::lower() {
  if (!raised_) return true;
  raised_ = false;
  for (const Mapping& mapping : *mappings_) {
    if (is_guarded(mapping) && !raw_protect(mapping.range, mapping.protection)) return false;
  }
  return true;
}

bool PageGuard::leave_writable(const Mapping& mapping, std::uintptr_t address) {
  if (!raw_protect({address, address + kPageBytes}, mapping.protection)) return false;
  static constexpr std::byte kZeroes[kPageBytes] = {};
  const std::byte* content = saved_->content_of(address);
  if (content == nullptr && mapping.backing == Mapping::Backing::kAnonymous) content = kZeroes;
  if (!writable_.push_back(
          {.address = address, .content = content, .protection = mapping.protection})) {
    // Nobody keeps count any more, and page by page the process would run out of mappings.
    overflowed_ = true;
    [[maybe_unused]] const bool lowered = raw_protect(mapping.range, mapping.protection);
  }
  return true;
}

// A write to a guarded page; anything else is a fault of the program and takes its course.
void PageGuard::on_fault(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr) / kPageBytes * kPageBytes;
  if (active_guard != nullptr && info->si_code == SEGV_ACCERR && active_guard->guards(address)) {
    if (active_guard->let_write(address)) return;
    // Only memory that may be written counts towards a limit (RLIMIT_DATA), which the request has
    // used up by now: so the process is out of memory.
    const std::new_handler out_of_memory = std::get_new_handler();
    if (errno == ENOMEM && out_of_memory != nullptr) out_of_memory();
  }
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  sigaction(SIGSEGV, &action, nullptr);
}

bool PageGuard::guards(std::uintptr_t address) const {
  if (!raised_) return false;
  const Mapping* const mapping = mapping_at(address);
  return mapping != nullptr && is_guarded(*mapping);
}

bool PageGuard::let_write(std::uintptr_t address) {
  return leave_writable(*mapping_at(address), address);
}

bool PageGuard::restore(Restored& restored) {
  // By index: restoring may itself write a page that is guarded, which then stands at the end.
  for (std::size_t i = 0; i < writable_.size();) {
    Page& page = writable_[i];
    auto* const at = reinterpret_cast<std::byte*>(page.address);
    ++restored.pages_found;
    if (page.content == nullptr) {
      if (!raw_drop({page.address, page.address + kPageBytes})) return false;
      ++restored.pages_dropped;
    } else if (std::memcmp(at, page.content, kPageBytes) != 0) {
      std::memcpy(at, page.content, kPageBytes);
      ++restored.pages_restored;
      page.unchanged = 0;
    } else if (++page.unchanged >= kUnchangedMax && page.address != errno_page()) {
      const Range range{page.address, page.address + kPageBytes};
      if (!saved_->is_in_place(page.address)) {
        if (!raw_drop(range)) return false;
        ++restored.pages_dropped;
      }
      if (!raw_protect(range, page.protection & ~PROT_WRITE)) return false;
      writable_.remove_unordered(i);
      continue;
    }
    ++i;
  }
  return true;
}

bool PageGuard::start_over() {
  for (const Mapping& mapping : *mappings_) {
    if (!is_guarded(mapping)) continue;
    if (!saved_->drop_copies(mapping.range) ||
        !raw_protect(mapping.range, mapping.protection & ~PROT_WRITE)) {
      return false;
    }
  }
  writable_.clear();
  overflowed_ = false;
  return !guards(errno_page()) || let_write(errno_page());
}

bool PageGuard::guard_again(Range range) {
  for (const Mapping& mapping : *mappings_) {
    const Range part = mapping.range.intersect(range);
    if (part.empty() || !is_guarded(mapping)) continue;
    if (!raw_protect(part, mapping.protection & ~PROT_WRITE)) return false;
  }
  for (const Page& page : writable_) {
    if (page.address < range.begin || page.address >= range.end) continue;
    if (!raw_protect({page.address, page.address + kPageBytes}, page.protection)) return false;
  }
  return true;
}

}  // namespace isopop::checkpoint
