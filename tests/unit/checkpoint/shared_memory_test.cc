// What a process and its children have in common: the files of saved pages and, until they part,
// the memory that survives restores. None may change what another goes back to.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "pop_node/checkpoint/saved_pages.h"
#include "pop_node/checkpoint/surviving_memory.h"

namespace isopop::checkpoint {
namespace {

constexpr std::size_t kBytes = std::size_t{16} << 20U;

// Runs this in a child and waits for it.
template <typename Function>
bool holds_in_child(Function function) {
  const pid_t child = fork();
  if (child == 0) _exit(function() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return status == 0;
}

TEST(SurvivingMemoryTest, IsSharedWithChildrenUntilTheyPart) {
  SurvivingMemory memory =
      SurvivingMemory::create(kBytes, SurvivingMemory::AfterFork::kCanPart).value();
  auto* number = memory.make<int>(1);
  EXPECT_TRUE(holds_in_child([&] {
    *number = 2;
    return true;
  }));
  EXPECT_EQ(*number, 2);
  EXPECT_TRUE(holds_in_child([&] {
    if (!memory.part().ok() || *number != 2) return false;
    *number = 3;
    return true;
  }));
  EXPECT_EQ(*number, 2);
}

class SavedPagesTest : public testing::Test {
 protected:
  SavedPagesTest() {
    page_ = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(page_, 'a', kPageBytes);
    const auto begin = reinterpret_cast<std::uintptr_t>(page_);
    range_ = {begin, begin + kPageBytes};
    FixedVector<Range> ranges(memory_, 1);
    EXPECT_TRUE(ranges.push_back(range_));
    EXPECT_TRUE(saved_.save(ranges).ok());
    file_ = saved_.descriptors().at(0);
  }
  ~SavedPagesTest() override { munmap(page_, kPageBytes); }

  SurvivingMemory memory_ = SurvivingMemory::create(kBytes).value();
  SavedPages saved_{memory_};
  void* page_ = nullptr;
  Range range_;
  int file_ = -1;
};

TEST_F(SavedPagesTest, CannotBeChangedByWhoHasTheirFile) {
  EXPECT_EQ(pwrite(file_, "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(ftruncate(file_, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0), MAP_FAILED);
  EXPECT_EQ(errno, EPERM);
  auto* content = const_cast<std::byte*>(saved_.content_of(range_.begin));
  EXPECT_EQ(mprotect(content, kPageBytes, PROT_READ | PROT_WRITE), -1);
  EXPECT_EQ(errno, EACCES);
}

TEST_F(SavedPagesTest, AreCopiedByWhoWritesWhereTheyAreMapped) {
  ASSERT_TRUE(saved_.map_newest(range_, PROT_READ | PROT_WRITE));
  std::memset(page_, 'b', kPageBytes);
  EXPECT_EQ(static_cast<char>(*saved_.content_of(range_.begin)), 'a');
}

}  // namespace
}  // namespace isopop::checkpoint
