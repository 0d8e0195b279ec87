#include "router/health/pop_directory.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isopop::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Instant kStart{seconds(100)};

Pop pop(const std::string& id, PopState state = PopState::kReady) {
  Pop result;
  result.id = id;
  result.state = state;
  return result;
}

std::string dump(const PopDirectory& directory) {
  std::string text;
  for (const Pop& entry : directory.pops()) {
    text.append(entry.id).append(":").append(to_string(entry.state)).append(" ");
  }
  return text;
}

class PopDirectoryTest : public testing::Test {
 protected:
  void snapshot(const std::vector<Pop>& pops, Instant now = kStart) {
    directory_.apply({.pops = pops, .snapshot = true}, now);
  }
  void change(const std::vector<Pop>& pops, Instant now = kStart) {
    directory_.apply({.pops = pops, .snapshot = false}, now);
  }

  PopDirectory directory_{seconds(15)};
};

TEST_F(PopDirectoryTest, TakesPeoplesWordAlsoOfAPopThatItKeeps) {
  snapshot({pop("AMS")});
  Pop drained = pop("AMS", PopState::kDown);
  drained.is_drained = true;
  snapshot({drained});
  EXPECT_EQ(dump(directory_), "AMS:ready ") << "kept for a while";
  EXPECT_TRUE(directory_.pops().at(0).is_drained);
  change({pop("AMS")});
  EXPECT_FALSE(directory_.pops().at(0).is_drained);
}

TEST_F(PopDirectoryTest, FollowsChanges) {
  snapshot({pop("AMS"), pop("EWR", PopState::kStarting)});
  change({pop("EWR"), pop("NRT", PopState::kStarting)});
  change({pop("AMS", PopState::kDown)});
  EXPECT_EQ(dump(directory_), "AMS:down EWR:ready NRT:starting ");
  EXPECT_EQ(directory_.expires_at(), std::nullopt);
}

TEST_F(PopDirectoryTest, KeepsReadyPopsWhileANewControlPlaneLearnsThem) {
  snapshot({pop("AMS"), pop("EWR"), pop("NRT", PopState::kDown)});
  snapshot({pop("EWR", PopState::kDown)}, kStart + seconds(60));
  EXPECT_EQ(dump(directory_), "AMS:ready EWR:ready ");
  EXPECT_EQ(directory_.expires_at(), kStart + seconds(75));
  EXPECT_FALSE(directory_.expire(kStart + seconds(74)));
  EXPECT_TRUE(directory_.expire(kStart + seconds(75)));
  EXPECT_EQ(dump(directory_), "EWR:down ");
  EXPECT_FALSE(directory_.expire(kStart + seconds(200)));
}

TEST_F(PopDirectoryTest, BelievesWhatIsSaidAfterTheSnapshot) {
  snapshot({pop("AMS"), pop("EWR")});
  snapshot({}, kStart + seconds(60));
  change({pop("AMS", PopState::kDown)}, kStart + seconds(61));
  EXPECT_EQ(dump(directory_), "AMS:down EWR:ready ");
  change({pop("EWR")}, kStart + seconds(62));
  EXPECT_FALSE(directory_.expire(kStart + seconds(90))) << "nothing is kept any more";
  EXPECT_EQ(dump(directory_), "AMS:down EWR:ready ");
}

TEST_F(PopDirectoryTest, GivesTheGraceAnewWithEachSnapshot) {
  snapshot({pop("AMS")});
  snapshot({}, kStart + seconds(10));
  snapshot({}, kStart + seconds(20));
  EXPECT_EQ(dump(directory_), "AMS:ready ");
  EXPECT_EQ(directory_.expires_at(), kStart + seconds(35));
}

}  // namespace
}  // namespace isopop::router
