#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/executor/zygote_client.h"

namespace isopop::test {
namespace {

constexpr char kHello[] = "export default { fetch() { return new Response('hello'); } };";

bool ends(const UniqueFd& pidfd) {
  pollfd entry{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 20'000) == 1;
}

void kill_by(const UniqueFd& pidfd) {
  EXPECT_EQ(::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0), 0);
}

std::size_t open_descriptors(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// Its children serve pristine mode above all.
class Zygote : public testing::Test {
 protected:
  void SetUp() override {
    if (!kServesPristine) GTEST_SKIP() << "this build has no checkpoints";
  }
};

TEST_F(Zygote, SaysHowItsChildrenAreConfined) {
  const ZygoteClient zygote = ZygoteClient::start();
  EXPECT_GT(zygote.ready().start_us(), 0U);
  EXPECT_FALSE(zygote.ready().dirty_finder().empty());
  EXPECT_GT(zygote.ready().sandbox().measures_size(), 5);
}

TEST_F(Zygote, ForksExecutorsForDifferentWorkers) {
  ZygoteClient zygote = ZygoteClient::start();
  std::vector<ZygoteClient::Executor> executors;
  for (int i = 0; i < 12; ++i) {
    executors.push_back(zygote.fork());
    const std::string source =
        "export default { fetch() { return new Response('" + std::to_string(i) + "'); } };";
    ASSERT_TRUE(executors.back().client.load(make_load(source, v1::ISOLATION_PRISTINE)).ok());
  }
  std::set<pid_t> pids;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < executors.size(); ++i) {
      EXPECT_EQ(executors[i].client.fetch().body, std::to_string(i));
      pids.insert(executors[i].pid);
    }
  }
  EXPECT_EQ(pids.size(), executors.size());
}

TEST_F(Zygote, ServesEveryMode) {
  ZygoteClient zygote = ZygoteClient::start();
  for (const v1::Isolation mode :
       {v1::ISOLATION_PRISTINE, v1::ISOLATION_FRESH, v1::ISOLATION_WARM, v1::ISOLATION_CONTAINER}) {
    ZygoteClient::Executor executor = zygote.fork();
    ASSERT_TRUE(executor.client.load(make_load(kHello, mode)).ok());
    for (int i = 0; i < 5; ++i) EXPECT_EQ(executor.client.fetch().body, "hello");
  }
}

TEST_F(Zygote, TellsHowAChildEnded) {
  ZygoteClient zygote = ZygoteClient::start();
  ZygoteClient::Executor closed = zygote.fork();
  ASSERT_TRUE(closed.client.load(make_load(kHello, v1::ISOLATION_PRISTINE)).ok());
  ZygoteClient::Executor killed = zygote.fork();
  closed.client.close();
  kill_by(killed.pidfd);

  const std::optional<v1::Exited> exited = zygote.wait_exited(closed.token);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->code(), 0);
  EXPECT_EQ(exited->signal(), 0);
  const std::optional<v1::Exited> signalled = zygote.wait_exited(killed.token);
  ASSERT_TRUE(signalled);
  EXPECT_EQ(signalled->signal(), SIGKILL);
}

// The PoP takes the end of a child that there was not for a lie, and ends the zygote.
TEST_F(Zygote, DoesNotTellTheEndOfAChildThatItCouldNotName) {
  // Room for the socket of the child, but not for the child's descriptor.
  const std::size_t most = open_descriptors(ZygoteClient::start().pid()) + 1;
  ZygoteClient zygote = ZygoteClient::start_with_descriptors(most);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(zygote.fail_to_fork(), "Too many open files");
}

TEST_F(Zygote, AChildThatIsKilledHurtsNoOther) {
  ZygoteClient zygote = ZygoteClient::start();
  ZygoteClient::Executor victim = zygote.fork();
  ZygoteClient::Executor neighbour = zygote.fork();
  ASSERT_TRUE(neighbour.client.load(make_load(kHello, v1::ISOLATION_PRISTINE)).ok());
  kill_by(victim.pidfd);
  ASSERT_TRUE(ends(victim.pidfd));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(neighbour.client.fetch().body, "hello");
  ZygoteClient::Executor next = zygote.fork();
  ASSERT_TRUE(next.client.load(make_load(kHello, v1::ISOLATION_PRISTINE)).ok());
}

TEST_F(Zygote, EndsWithItsSocketAndItsChildrenWithIt) {
  ZygoteClient zygote = ZygoteClient::start();
  ZygoteClient::Executor child = zygote.fork();
  ASSERT_TRUE(child.client.load(make_load(kHello, v1::ISOLATION_PRISTINE)).ok());
  zygote.close();
  const std::optional<ExitStatus> status = zygote.wait_exit();
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success()) << status->describe();
  EXPECT_TRUE(ends(child.pidfd));
}

TEST_F(Zygote, TakesItsChildrenWithItWhenItIsKilled) {
  ZygoteClient zygote = ZygoteClient::start();
  ZygoteClient::Executor child = zygote.fork();
  ASSERT_TRUE(child.client.load(make_load(kHello, v1::ISOLATION_PRISTINE)).ok());
  ASSERT_EQ(::kill(zygote.pid(), SIGKILL), 0);
  EXPECT_TRUE(ends(child.pidfd));
}

TEST_F(Zygote, EndsWhenThePopBreaksTheContract) {
  for (const std::string& packet : {std::string("\xFF\xFF\xFF", 3), std::string(8, '\0')}) {
    ZygoteClient zygote = ZygoteClient::start();
    zygote.send_raw(packet, -1);
    const std::optional<ExitStatus> status = zygote.wait_exit();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->code, 3);
  }
}

TEST_F(Zygote, ServesWithEachWayToFindWrittenPages) {
  for (const char* finder : {"pagemap-scan", "pagemap-read", "drop-all"}) {
    ZygoteClient zygote = ZygoteClient::start({"--dirty-finder", finder});
    if (zygote.ready().dirty_finder() != finder) {
      // A kernel that cannot do it says so, and there are no pristine executors.
      EXPECT_EQ(std::string(finder), "pagemap-scan") << zygote.ready().dirty_finder();
      continue;
    }
    ZygoteClient::Executor executor = zygote.fork();
    ASSERT_TRUE(executor.client
                    .load(make_load("let n = 0; export default { fetch() { n += 1;"
                                    " return new Response(String(n)); } };",
                                    v1::ISOLATION_PRISTINE))
                    .ok());
    for (int i = 0; i < 50; ++i) ASSERT_EQ(executor.client.fetch().body, "1") << finder;
  }
}

}  // namespace
}  // namespace isopop::test
