#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::pop {

// Bundles on their way to this PoP: some at a time, each in pieces that come in order. What has
// come of one is kept when the stream breaks, and the next stream asks for the rest of it. Pure;
// outlives streams. Lives on the PoP's event loop.
class BundleFetches {
 public:
  // At once, of each stream: enough that the way there and back is waited for once and not once a
  // bundle, and no more memory than one large bundle takes.
  static constexpr std::size_t kAtOnceMax = 16;
  static constexpr std::uint64_t kBytesMax = 64ULL * 1024 * 1024;

  // Wanted from now on, if it is not already. `bytes`: what its version says.
  void want(const std::string& sha256, std::uint64_t bytes);
  // Of no use any more.
  void drop(const std::string& sha256);
  // What to ask the control plane for now.
  [[nodiscard]] std::vector<v1::BundleRequest> take_requests();

  // The bundle that this piece completes, if it does; its content has not been checked, accept() or
  // refetch() follows. An error means that the control plane broke the protocol.
  struct Arrived {
    std::string sha256;
    std::string bytes;
  };
  [[nodiscard]] Result<std::optional<Arrived>> on_chunk(const v1::BundleChunk& chunk);
  void accept(const std::string& sha256) { fetches_.erase(sha256); }
  // What came is not what it should be: asked for again from its beginning, once. False: that was
  // done already.
  [[nodiscard]] bool refetch(const std::string& sha256);

  // Bundles that turned out to be of another length for the second time; on_chunk() put them here.
  [[nodiscard]] std::vector<std::string> take_failed();

  // Its requests are void; what is still wanted is to be wanted again.
  void stream_ended();
  // No bundle is of use any more: every push was answered.
  void forget_partial();

  // One was asked for and has not come.
  [[nodiscard]] bool is_waiting() const { return under_way_ > 0; }

 private:
  struct Fetch {
    std::uint64_t bytes = 0;
    std::string content;
    bool is_wanted = false;
    bool is_asked = false;
    bool is_second = false;   // began anew, because the first was spoiled
    bool is_restart = false;  // pieces of the first may still come
  };

  void settle(Fetch& fetch);

  std::map<std::string, Fetch> fetches_;
  std::deque<std::string> line_;   // wanted, in the order in which they were
  std::set<std::string> dropped_;  // in this stream: pieces of them may still come
  std::vector<std::string> failed_;
  std::size_t under_way_ = 0;
  std::uint64_t under_way_bytes_ = 0;
};

}  // namespace isopop::pop
