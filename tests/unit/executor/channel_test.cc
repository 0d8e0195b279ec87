#include "pop_node/executor/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "common/files/files.h"

namespace isopop::executor {
namespace {

constexpr std::size_t kMemoryBytes = std::size_t{4} << 20U;
constexpr std::string_view kSecret = "the secret of a request";

std::string framed(std::string_view text) {
  return std::string({static_cast<char>(text.size()), 0, 0, 0}) + std::string(text);
}

class ChannelTest : public testing::Test {
 protected:
  ChannelTest() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    pop_ = UniqueFd(ends[0]);
    socket_ = UniqueFd(ends[1]);
  }

  void send(const std::string& bytes) {
    EXPECT_EQ(::send(pop_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string receive(Channel& channel) {
    EXPECT_TRUE(channel.receive(Channel::Wait::kForInput).ok());
    const auto frame = channel.next_frame();
    return frame.ok() && frame.value() ? std::string(*frame.value()) : std::string();
  }

  UniqueFd pop_;
  UniqueFd socket_;
};

// As every restore leaves this memory alone, the next request would find it there.
TEST_F(ChannelTest, WipesWhatWasHandedOutOfMemoryThatSurvives) {
  checkpoint::SurvivingMemory memory = checkpoint::SurvivingMemory::create(kMemoryBytes).value();
  const auto* const begin = static_cast<const char*>(memory.allocate(1));
  Channel channel = Channel::open(socket_.get()).value();
  channel.keep_input_in(memory);
  const auto* const end = static_cast<const char*>(memory.allocate(1));
  const auto holds_secret = [&] {
    return std::search(begin, end, kSecret.begin(), kSecret.end()) != end;
  };

  send(framed("longer than the next one: " + std::string(kSecret)));
  EXPECT_TRUE(receive(channel).ends_with(kSecret));
  EXPECT_TRUE(holds_secret());
  send(framed("next"));
  EXPECT_EQ(receive(channel), "next");
  EXPECT_FALSE(holds_secret());
}

}  // namespace
}  // namespace isopop::executor
