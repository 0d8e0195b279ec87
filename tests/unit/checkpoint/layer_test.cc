// A checkpoint above another one, in a forked child: what a zygote's executors do. And the guard
// that finds written pages without the kernel.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "pop_node/checkpoint/checkpoint.h"
#include "pop_node/checkpoint/request_heap.h"

namespace isopop::checkpoint {
namespace {

constexpr std::size_t kMemoryBytes = std::size_t{64} << 20U;
constexpr std::size_t kArenaPages = 512;

// What the processes of a scenario have in common, and what outlives restores.
struct Board {
  int rounds = 0;
  int failures = 0;
  std::uint64_t differences = 0;
  std::uint64_t pages_found = 0;
  std::uint64_t pages_dropped = 0;
  bool out_of_memory = false;

  void expect(bool condition) { failures += condition ? 0 : 1; }
};

struct Scenario {
  Board* board = nullptr;
  Checkpoint* ground = nullptr;
  Checkpoint::Options layer_options;
  char* arena = nullptr;  // kArenaPages, each with its number in it at the ground
  void (*before_layer)(Scenario&) = nullptr;
  bool (*request)(Scenario&) = nullptr;  // false: the last
};

char& page(const Scenario& scenario, std::size_t number) {
  return scenario.arena[number * kPageBytes];
}

void fill_arena(Scenario& scenario) {
  scenario.arena =
      static_cast<char*>(mmap(nullptr, kArenaPages * kPageBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (std::size_t i = 0; i < kArenaPages; ++i) page(scenario, i) = static_cast<char>(i % 100 + 1);
}

// In the child: a layer above the ground, then requests.
void live(Scenario& scenario) {
  Checkpoint::stop_journal();
  SurvivingMemory memory = SurvivingMemory::create(kMemoryBytes).value();
  Checkpoint* const layer =
      Checkpoint::create(scenario.layer_options, memory, scenario.ground).value();
  if (scenario.before_layer != nullptr) scenario.before_layer(scenario);
  const Checkpoint::Point point = layer->take();
  scenario.board->expect(point != Checkpoint::Point::kFailed);
  scenario.board->pages_found = layer->figures().pages_found;
  scenario.board->pages_dropped += layer->figures().pages_dropped;
  scenario.board->differences = layer->figures().differences;
  ++scenario.board->rounds;
  if (scenario.request(scenario)) layer->restore();
  _exit(0);
}

Board run(Scenario scenario) {
  SurvivingMemory shared = SurvivingMemory::create(std::size_t{1} << 20U).value();
  scenario.board = shared.make<Board>();
  const pid_t zygote = fork();
  if (zygote == 0) {
    configure_malloc();
    SurvivingMemory memory = SurvivingMemory::create(kMemoryBytes).value();
    scenario.ground = Checkpoint::create({.gap_pages_max = 64}, memory).value();
    scenario.ground->on_stack(
        [](void* argument) {
          auto& self = *static_cast<Scenario*>(argument);
          fill_arena(self);
          self.board->expect(self.ground->take() == Checkpoint::Point::kTaken);
          const pid_t child = fork();
          if (child == 0) live(self);
          int status = 0;
          waitpid(child, &status, 0);
          self.board->expect(status == 0);
        },
        &scenario);
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(zygote, &status, 0), zygote);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(scenario.board->failures, 0);
  EXPECT_EQ(scenario.board->differences, 0U);
  return *scenario.board;
}

class LayerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SurvivingMemory memory = SurvivingMemory::create(kMemoryBytes).value();
    const auto made = Checkpoint::create({}, memory);
    if (!made.ok()) GTEST_SKIP() << made.error().message;
    if (made.value()->finder() == DirtyFinder::kDropAll) GTEST_SKIP() << "no page map here";
  }
};

TEST_F(LayerTest, GoesBackToTheLayerAndNotToTheGround) {
  const Board board = run({.layer_options = {.gap_pages_max = 1, .verify = true},
                           .before_layer = [](Scenario& self) { page(self, 3) = 'l'; },
                           .request =
                               [](Scenario& self) {
                                 self.board->expect(page(self, 3) == 'l' && page(self, 4) == 5);
                                 page(self, 3) = 'x';
                                 page(self, 4) = 'x';
                                 return self.board->rounds < 50;
                               }});
  EXPECT_EQ(board.rounds, 50);
}

// What the ground saved of them must not come back.
TEST_F(LayerTest, KnowsPagesThatWereReplacedBeforeTheLayer) {
  const Board board =
      run({.layer_options = {.gap_pages_max = 1, .verify = true},
           .before_layer =
               [](Scenario& self) {
                 madvise(&page(self, 8), 8 * kPageBytes, MADV_DONTNEED);
                 munmap(&page(self, 32), 8 * kPageBytes);
                 self.board->expect(mmap(&page(self, 32), 8 * kPageBytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                                         0) == &page(self, 32));
                 page(self, 33) = 'n';
               },
           .request =
               [](Scenario& self) {
                 for (const std::size_t number : {8, 15, 32, 34, 39}) {
                   self.board->expect(page(self, number) == 0);
                 }
                 self.board->expect(page(self, 33) == 'n');
                 for (std::size_t i = 8; i < 40; ++i) page(self, i) = 'x';
                 if (self.board->rounds % 3 == 0) munmap(&page(self, 30), 8 * kPageBytes);
                 return self.board->rounds < 60;
               }});
  EXPECT_EQ(board.rounds, 60);
}

TEST_F(LayerTest, GuardsPagesThatAreWrittenNowAndThen) {
  const Board board = run({.layer_options = {.gap_pages_max = 1, .verify = true},
                           .before_layer =
                               [](Scenario& self) {
                                 for (std::size_t i = 0; i < 100; ++i) page(self, i) = 'l';
                               },
                           .request =
                               [](Scenario& self) {
                                 const auto now = static_cast<std::size_t>(self.board->rounds);
                                 page(self, 1) = 'x';
                                 if (now < kArenaPages) page(self, now) = 'x';
                                 return now < 2000;
                               }});
  EXPECT_EQ(board.rounds, 2000);
  // Each page is written once in 512 requests: what was not written for long costs nothing any
  // more.
  EXPECT_LT(board.pages_found, 560U);
  EXPECT_GT(board.pages_dropped, 0U);
}

TEST_F(LayerTest, StartsOverAfterARequestThatWroteNearlyEverything) {
  const Board board =
      run({.layer_options = {.kept_pages_max = 64, .gap_pages_max = 1, .verify = true},
           .before_layer = [](Scenario& self) { page(self, 7) = 'l'; },
           .request =
               [](Scenario& self) {
                 self.board->expect(page(self, 7) == 'l' && page(self, 9) == 10);
                 const bool much = self.board->rounds % 10 == 0;
                 for (std::size_t i = 0; i < (much ? kArenaPages : 4); ++i) page(self, i) = 'x';
                 page(self, 7) = 'y';
                 return self.board->rounds < 100;
               }});
  EXPECT_EQ(board.rounds, 100);
}

TEST_F(LayerTest, UndoesProtectionsUnderTheGuard) {
  const Board board = run(
      {.layer_options = {.gap_pages_max = 1, .verify = true},
       .before_layer = [](Scenario& self) { mprotect(&page(self, 64), 4 * kPageBytes, PROT_READ); },
       .request =
           [](Scenario& self) {
             self.board->expect(page(self, 64) == 65);
             page(self, 1) = 'x';
             if (self.board->rounds % 5 == 0) {
               mprotect(&page(self, 60), 8 * kPageBytes, PROT_READ | PROT_WRITE);
               for (std::size_t i = 60; i < 68; ++i) page(self, i) = 'x';
               mprotect(&page(self, 61), kPageBytes, PROT_NONE);
             }
             return self.board->rounds < 100;
           }});
  EXPECT_EQ(board.rounds, 100);
}

// As V8 does with what it has reserved: out of bounds, and yet there is something in it.
TEST_F(LayerTest, BringsBackWhatLiesInMemoryThatIsOutOfBounds) {
  const Board board = run({.layer_options = {.gap_pages_max = 1, .verify = true},
                           .before_layer =
                               [](Scenario& self) {
                                 page(self, 64) = 'l';
                                 mprotect(&page(self, 64), 2 * kPageBytes, PROT_NONE);
                               },
                           .request =
                               [](Scenario& self) {
                                 mprotect(&page(self, 64), 2 * kPageBytes, PROT_READ | PROT_WRITE);
                                 self.board->expect(page(self, 64) == 'l' && page(self, 65) == 66);
                                 page(self, 64) = 'x';
                                 page(self, 65) = 'x';
                                 if (self.board->rounds % 2 == 0)
                                   mprotect(&page(self, 64), kPageBytes, PROT_NONE);
                                 return self.board->rounds < 20;
                               }});
  EXPECT_EQ(board.rounds, 20);
}

void reserve(Scenario& self) {
  self.board->expect(mmap(&page(self, 64), 4 * kPageBytes, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == &page(self, 64));
}

// The ground has saved what was there before.
TEST_F(LayerTest, KnowsPagesThatWereReservedAnewBeforeTheLayer) {
  const Board board = run({.layer_options = {.gap_pages_max = 1, .verify = true},
                           .before_layer = reserve,
                           .request = [](Scenario& self) {
                             mprotect(&page(self, 64), 4 * kPageBytes, PROT_READ | PROT_WRITE);
                             self.board->expect(page(self, 64) == 0 && page(self, 67) == 0);
                             page(self, 64) = 'x';
                             reserve(self);
                             return self.board->rounds < 20;
                           }});
  EXPECT_EQ(board.rounds, 20);
}

// The stack is not guarded: the kernel is asked what was written of it, and all of that compared.
TEST_F(LayerTest, ForgetsADeepStackInTheEnd) {
  const Board board =
      run({.layer_options = {.gap_pages_max = 1, .verify = true}, .request = [](Scenario& self) {
             if (self.board->rounds == 10) {
               volatile char deep[400 * kPageBytes];
               for (char volatile& each : deep) each = 'd';
             }
             return self.board->rounds < 600;
           }});
  EXPECT_EQ(board.rounds, 600);
  EXPECT_LT(board.pages_found, 200U);
}

// Each page of its own protection is a mapping, and a process may have 65,530.
TEST_F(LayerTest, LetsARequestWriteToMorePlacesThanThereAreMappings) {
  constexpr std::size_t kPages = 80'000;
  const Board board = run({.layer_options = {.gap_pages_max = 1},
                           .before_layer =
                               [](Scenario& self) {
                                 self.arena = static_cast<char*>(
                                     mmap(nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
                               },
                           .request =
                               [](Scenario& self) {
                                 if (self.board->rounds < 10) return true;
                                 for (std::size_t i = 0; i < kPages; i += 2) page(self, i) = 'x';
                                 return false;
                               }});
  EXPECT_EQ(board.rounds, 10);
}

TEST_F(LayerTest, TellsTheNewHandlerWhenThereIsNoMemoryToWriteTo) {
  static Board* told = nullptr;
  const Board board =
      run({.before_layer =
               [](Scenario& self) {
                 told = self.board;
                 std::set_new_handler([] {
                   told->out_of_memory = true;
                   _exit(0);
                 });
               },
           .request =
               [](Scenario& self) {
                 if (self.board->rounds < 10) return true;
                 const rlimit little{.rlim_cur = kPageBytes, .rlim_max = RLIM_INFINITY};
                 self.board->expect(setrlimit(RLIMIT_DATA, &little) == 0);
                 page(self, 5) = 'x';
                 return false;
               }});
  EXPECT_TRUE(board.out_of_memory);
}

TEST_F(LayerTest, TakesWhatARequestAllocatesFromOnePlace) {
  const Board board =
      run({.layer_options = {.gap_pages_max = 1, .verify = true},
           .before_layer = [](Scenario& /*self*/) { use_request_heap(); },
           .request =
               [](Scenario& self) {
                 static char* first = nullptr;  // restored, so null each time
                 self.board->expect(first == nullptr);
                 std::vector<char*> blocks;
                 for (std::size_t size = 1; size < 60'000; size = size * 3 / 2 + 1) {
                   auto* const block = static_cast<char*>(std::malloc(size));
                   std::memset(block, 'b', size);
                   blocks.push_back(block);
                   if (first == nullptr) first = block;
                 }
                 auto* const grown = static_cast<char*>(std::realloc(blocks[5], 500));
                 self.board->expect(grown[0] == 'b');
                 auto* const zeroed = static_cast<char*>(std::calloc(100, 10));
                 for (int i = 0; i < 1000; ++i) self.board->expect(zeroed[i] == 0);
                 // More than the heap holds is glibc's.
                 auto* const large = static_cast<char*>(std::malloc(std::size_t{3} << 20U));
                 std::memset(large, 'l', std::size_t{3} << 20U);
                 std::free(large);
                 for (char* block : blocks) {
                   if (block != blocks[5]) std::free(block);
                 }
                 return self.board->rounds < 50;
               }});
  EXPECT_EQ(board.rounds, 50);
}

TEST_F(LayerTest, AnHonestFaultStillEndsTheProcess) {
  const pid_t child = fork();
  if (child == 0) {
    configure_malloc();
    SurvivingMemory memory = SurvivingMemory::create(kMemoryBytes).value();
    Checkpoint* const checkpoint = Checkpoint::create({}, memory).value();
    checkpoint->on_stack(
        [](void* argument) {
          auto& self = *static_cast<Checkpoint*>(argument);
          if (self.take() == Checkpoint::Point::kTaken || self.figures().restores < 10) {
            self.restore();
          }
          *reinterpret_cast<volatile char*>(16) = 1;
        },
        checkpoint);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

}  // namespace
}  // namespace isopop::checkpoint
