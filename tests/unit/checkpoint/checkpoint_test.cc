#include "pop_node/checkpoint/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace isopop::checkpoint {
namespace {

int global_number = 1;
thread_local int thread_number = 1;

// What a scenario sees and leaves behind: survives restores and, being shared, the process.
struct Board {
  int rounds = 0;
  int failures = 0;
  std::uint64_t differences = 0;
  std::uint64_t pages_restored = 0;
  std::uintptr_t heap_end = 0;
  void* address = nullptr;

  void expect(bool condition) {
    if (!condition) ++failures;
  }
};

struct Scenario {
  Checkpoint* checkpoint = nullptr;
  Board* board = nullptr;
  void (*body)(Scenario&) = nullptr;
};

// Runs a scenario in a process of its own, as a checkpoint wants it: one thread, malloc configured.
// `before` may prepare its memory.
Board run(DirtyFinder finder, void (*body)(Scenario&), void (*before)(Board&) = nullptr) {
  SurvivingMemory memory = SurvivingMemory::create(std::size_t{64} << 20U).value();
  auto* board = memory.make<Board>();
  const pid_t pid = fork();
  if (pid == 0) {
    configure_malloc();
    Scenario scenario{.board = board, .body = body};
    scenario.checkpoint = Checkpoint::create({.finder = finder, .verify = true}, memory).value();
    if (before != nullptr) before(*board);
    scenario.checkpoint->on_stack(
        [](void* argument) {
          auto& self = *static_cast<Scenario*>(argument);
          self.body(self);
        },
        &scenario);
    board->differences = scenario.checkpoint->figures().differences;
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0) << "the process ended with status " << status;
  EXPECT_EQ(board->failures, 0);
  EXPECT_EQ(board->differences, 0U);
  return *board;
}

class CheckpointTest : public ::testing::TestWithParam<DirtyFinder> {
 protected:
  // Not with a sanitizer in the program, and not each finder on each kernel.
  void SetUp() override {
    SurvivingMemory memory = SurvivingMemory::create(std::size_t{64} << 20U).value();
    const auto made = Checkpoint::create({.finder = GetParam()}, memory);
    if (!made.ok()) GTEST_SKIP() << made.error().message;
  }
};

TEST_P(CheckpointTest, EverythingThatWasWrittenIsBack) {
  const Board board = run(GetParam(), [](Scenario& scenario) {
    Board& board_seen = *scenario.board;
    auto words = std::make_unique<std::map<std::string, int>>();
    (*words)["before"] = 1;
    std::string local = "local";
    static_cast<void>(scenario.checkpoint->take());
    board_seen.expect(global_number == 1);
    board_seen.expect(thread_number == 1);
    board_seen.expect(words->size() == 1);
    board_seen.expect(local == "local");
    if (++board_seen.rounds == 100) return;
    global_number = 2;
    thread_number = 2;
    for (int i = 0; i < 1'000; ++i) (*words)[std::to_string(i)] = i;
    local = std::string(100'000, 'x');
    scenario.checkpoint->restore();
  });
  EXPECT_EQ(board.rounds, 100);
}

TEST_P(CheckpointTest, TheHeapEndsWhereItEndedHoweverMuchWasAllocated) {
  const Board board = run(GetParam(), [](Scenario& scenario) {
    Board& seen = *scenario.board;
    static_cast<void>(scenario.checkpoint->take());
    if (seen.heap_end == 0) seen.heap_end = raw_brk(0);
    seen.expect(raw_brk(0) == seen.heap_end);
    if (++seen.rounds == 50) return;
    // Leaked on purpose, far over what malloc would map by default.
    auto* leaked = static_cast<char*>(std::malloc(std::size_t{8} << 20U));
    std::memset(leaked, 7, std::size_t{8} << 20U);
    if (seen.address == nullptr) seen.address = leaked;
    seen.expect(seen.address == leaked);
    scenario.checkpoint->restore();
  });
  EXPECT_EQ(board.rounds, 50);
}

TEST_P(CheckpointTest, MappingsMadeUnmadeAndProtectedAreUndone) {
  const Board board = run(GetParam(), [](Scenario& scenario) {
    Board& seen = *scenario.board;
    const std::size_t bytes = 64 * kPageBytes;
    auto* kept = static_cast<char*>(
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::memset(kept, 5, bytes / 2);
    auto* code = static_cast<char*>(
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::memset(code, 9, bytes);
    mprotect(code, bytes, PROT_READ | PROT_EXEC);
    static_cast<void>(scenario.checkpoint->take());
    seen.expect(kept[0] == 5 && kept[bytes / 2 - 1] == 5 && kept[bytes / 2] == 0);
    seen.expect(code[0] == 9 && code[bytes - 1] == 9);
    if (++seen.rounds == 20) return;
    auto* made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(made, 1, bytes);
    mprotect(code, bytes, PROT_READ | PROT_WRITE);
    std::memset(code, 1, bytes);
    mprotect(code, bytes / 2, PROT_NONE);
    kept[bytes / 2] = 3;
    if (seen.rounds % 3 == 0) munmap(kept, bytes);
    if (seen.rounds % 3 == 1) madvise(kept, bytes, MADV_DONTNEED);
    if (seen.rounds % 3 == 2) {
      seen.expect(mmap(kept, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                  kept);
    }
    scenario.checkpoint->restore();
  });
  EXPECT_EQ(board.rounds, 20);
}

TEST_P(CheckpointTest, DeepStacksLeaveNothingBehind) {
  const Board board = run(GetParam(), [](Scenario& scenario) {
    Board& seen = *scenario.board;
    static_cast<void>(scenario.checkpoint->take());
    if (++seen.rounds == 20) return;
    // One megabyte of secrets below the frame that was there at the checkpoint.
    volatile char secrets[std::size_t{1} << 20U];
    for (volatile char& secret : secrets) secret = 's';
    scenario.checkpoint->restore();
  });
  EXPECT_EQ(board.rounds, 20);
}

// The kernel puts a new mapping below the last one, and makes one of both where they are alike.
TEST_P(CheckpointTest, RestoresWhatLiesNextToTheStack) {
  constexpr std::size_t kNeighbourBytes = 16 * kPageBytes;
  const Board board = run(
      GetParam(),
      [](Scenario& scenario) {
        Board& noted = *scenario.board;
        auto* const bytes = static_cast<char*>(noted.address);
        if (scenario.checkpoint->take() == Checkpoint::Point::kFailed) return noted.expect(false);
        for (std::size_t at = 0; at < kNeighbourBytes; ++at) noted.expect(bytes[at] == 0);
        if (++noted.rounds == 12) return;
        std::fill(bytes, bytes + kNeighbourBytes, 'x');
        scenario.checkpoint->restore();
      },
      [](Board& noted) {
        // Room for the stack, that ends where the neighbour begins: at a huge page's boundary,
        // since large mappings are put there.
        constexpr std::uintptr_t kHugeBytes = std::uintptr_t{2} << 20U;
        constexpr std::uintptr_t kRoomBytes = 8 * kHugeBytes;
        void* const room = mmap(nullptr, 2 * kRoomBytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        noted.expect(room != MAP_FAILED);
        const auto begin = reinterpret_cast<std::uintptr_t>(room);
        const std::uintptr_t neighbour = (begin + kRoomBytes) / kHugeBytes * kHugeBytes;
        munmap(room, neighbour - begin);
        noted.address = reinterpret_cast<void*>(neighbour);
      });
  EXPECT_EQ(board.rounds, 12);
}

// Runs a body that ends by going back; the exit code.
int exit_code_of(DirtyFinder finder, void (*body)(Scenario&)) {
  const pid_t pid = fork();
  if (pid == 0) {
    configure_malloc();
    SurvivingMemory memory = SurvivingMemory::create(std::size_t{64} << 20U).value();
    Scenario scenario{.body = body};
    scenario.checkpoint = Checkpoint::create({.finder = finder}, memory).value();
    scenario.checkpoint->on_stack(
        [](void* argument) {
          auto& self = *static_cast<Scenario*>(argument);
          if (self.checkpoint->take() != Checkpoint::Point::kTaken) _exit(0);
          self.body(self);
          self.checkpoint->restore();
        },
        &scenario);
  }
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_P(CheckpointTest, EndsTheProcessWhenSomethingCannotBeUndone) {
  EXPECT_EQ(exit_code_of(GetParam(), [](Scenario& /*scenario*/) {}), 0);
  EXPECT_EQ(exit_code_of(GetParam(),
                         [](Scenario& /*scenario*/) {
                           static_cast<void>(raw_brk(raw_brk(0) - kPageBytes));
                         }),
            Checkpoint::kExitCannotRestore);
  // More changes of mappings than are written down.
  EXPECT_EQ(exit_code_of(GetParam(),
                         [](Scenario& /*scenario*/) {
                           for (int i = 0; i < 10'000; ++i) {
                             void* const page = mmap(nullptr, kPageBytes, PROT_READ,
                                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                             munmap(page, kPageBytes);
                           }
                         }),
            Checkpoint::kExitCannotRestore);
}

INSTANTIATE_TEST_SUITE_P(Finders, CheckpointTest,
                         ::testing::Values(DirtyFinder::kPagemapScan, DirtyFinder::kPagemapRead,
                                           DirtyFinder::kDropAll),
                         [](const auto& finder) {
                           std::string name(to_string(finder.param));
                           name.erase(name.find('-'), 1);
                           return name;
                         });

}  // namespace
}  // namespace isopop::checkpoint
