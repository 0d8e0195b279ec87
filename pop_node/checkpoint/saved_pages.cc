#include "pop_node/checkpoint/saved_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pop_node/checkpoint/mapping_journal.h"

namespace isopop::checkpoint {
namespace {

Result<void> write_whole(int fd, const std::byte* content, std::size_t bytes,
                         std::uint64_t offset) {
  while (bytes > 0) {
    const ssize_t written = pwrite(fd, content, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return errno_error("save pages for the checkpoint", errno);
    content += written;
    offset += static_cast<std::uint64_t>(written);
    bytes -= static_cast<std::size_t>(written);
  }
  return {};
}

}  // namespace

SavedPages::SavedPages(SurvivingMemory& memory) : runs_(memory, kRunsMax) {}

void SavedPages::adopt(const SavedPages& base) {
  for (const Run& run : base.runs_) {
    const bool fits = runs_.push_back(run);
    ISOPOP_ASSERT(fits, "a table as large as the one below to hold what that one held");
  }
  std::copy(std::begin(base.layer_begin_), std::end(base.layer_begin_), std::begin(layer_begin_));
  layers_ = base.layers_;
  pages_ = base.pages_;
}

Result<void> SavedPages::open_layer() {
  if (next_fd_ >= 0) return {};
  next_fd_ = memfd_create(kSavedPagesName, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (next_fd_ < 0) return errno_error("create a file in memory for the checkpoint", errno);
  return {};
}

Result<void> SavedPages::save(const FixedVector<Range>& ranges) {
  if (layers_ == kLayersMax) {
    return Error{ErrorCode::kResourceExhausted, "too many checkpoints on top of each other"};
  }
  std::size_t bytes = 0;
  for (const Range& range : ranges) bytes += range.bytes();
  ISOPOP_TRY(open_layer());
  const int fd = std::exchange(next_fd_, -1);
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return errno_error("size the checkpoint's file", errno);
  }
  std::uint64_t offset = 0;
  for (const Range& range : ranges) {
    ISOPOP_TRY(
        write_whole(fd, reinterpret_cast<const std::byte*>(range.begin), range.bytes(), offset));
    offset += range.bytes();
  }
  // Children have this file too: none of them may change what the others go back to. Before it is
  // mapped, so that the mapping cannot be made writable either.
  constexpr int kNoChanges = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE;
  if (fcntl(fd, F_ADD_SEALS, kNoChanges) != 0) return errno_error("seal the saved pages", errno);
  // Rounded up so that an empty checkpoint is no special case.
  const Range anywhere{0, std::max<std::uintptr_t>(bytes, kPageBytes)};
  void* content = raw_map(anywhere, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (content == MAP_FAILED) return errno_error("map the checkpoint's file", errno);

  layer_begin_[layers_] = runs_.size();
  offset = 0;
  for (const Range& range : ranges) {
    if (!runs_.push_back({range, static_cast<const std::byte*>(content) + offset, fd, offset})) {
      return Error{ErrorCode::kResourceExhausted,
                   "the checkpoint has too many separate runs of pages"};
    }
    offset += range.bytes();
  }
  ++layers_;
  layer_begin_[layers_] = runs_.size();
  pages_ += bytes / kPageBytes;
  return {};
}

std::vector<int> SavedPages::descriptors() const {
  std::vector<int> all;
  for (const Run& run : runs_) {
    if (all.empty() || all.back() != run.fd) all.push_back(run.fd);
  }
  if (next_fd_ >= 0) all.push_back(next_fd_);
  return all;
}

const SavedPages::Run* SavedPages::find(std::size_t layer, std::uintptr_t page) const {
  const Run* begin = runs_.begin() + layer_begin_[layer];
  const Run* end = runs_.begin() + layer_begin_[layer + 1];
  // The first run that ends behind the page.
  return std::upper_bound(
      begin, end, page, [](std::uintptr_t value, const Run& run) { return value < run.range.end; });
}

bool SavedPages::map_layer(std::size_t layer, Range range, int protection) const {
  const Run* end = runs_.begin() + layer_begin_[layer + 1];
  for (const Run* run = find(layer, range.begin); run != end && run->range.begin < range.end;
       ++run) {
    const Range part = run->range.intersect(range);
    const void* mapped = raw_map(part, protection, MAP_PRIVATE | MAP_FIXED, run->fd,
                                 run->offset + (part.begin - run->range.begin));
    if (mapped == MAP_FAILED) return false;
  }
  return true;
}

bool SavedPages::map_newest(Range range, int protection) const {
  return layers_ == 0 || map_layer(layers_ - 1, range, protection);
}

bool SavedPages::is_in_place(std::uintptr_t page) const {
  if (!in_place_) return false;
  const Run* const run = find(layers_ - 1, page);
  return run != runs_.begin() + layer_begin_[layers_] && run->range.begin <= page;
}

bool SavedPages::drop_copies(Range range) const {
  if (!in_place_) return raw_drop(range);
  const Run* const end = runs_.begin() + layer_begin_[layers_];
  std::uintptr_t from = range.begin;
  for (const Run* run = find(layers_ - 1, range.begin); run != end && run->range.begin < range.end;
       ++run) {
    if (run->range.begin > from && !raw_drop({from, run->range.begin})) return false;
    from = run->range.end;
  }
  return from >= range.end || raw_drop({from, range.end});
}

bool SavedPages::map_all(Range range, int protection) const {
  for (std::size_t layer = 0; layer < layers_; ++layer) {
    if (!map_layer(layer, range, protection)) return false;
  }
  return true;
}

bool SavedPages::append_saved_parts(Range range, FixedVector<Range>& parts) const {
  for (std::size_t layer = layers_; layer > 0; --layer) {
    const Run* const end = runs_.begin() + layer_begin_[layer];
    for (const Run* run = find(layer - 1, range.begin); run != end && run->range.begin < range.end;
         ++run) {
      if (!parts.push_back(run->range.intersect(range))) return false;
    }
  }
  return true;
}

const std::byte* SavedPages::content_of(std::uintptr_t page) const {
  for (std::size_t layer = layers_; layer > 0; --layer) {
    const Run* run = find(layer - 1, page);
    if (run != runs_.begin() + layer_begin_[layer] && run->range.begin <= page) {
      return run->content + (page - run->range.begin);
    }
  }
  return nullptr;
}

}  // namespace isopop::checkpoint
