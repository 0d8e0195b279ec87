#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/files/files.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "isopop/v1/executor.pb.h"

namespace isopop::test {

// The PoP's end of an executor's socket with next to no work of its own, since what is measured is
// the executor: the request's bytes are made once, an answer is read to its last byte before
// anything of it is decoded. One request at a time.
class ExecutorLine final {
 public:
  ExecutorLine(UniqueFd socket, const Clock& clock);

  struct Load {
    double round_trip_us = 0;
    v1::Loaded loaded;
  };
  // An error when the worker is refused, too.
  [[nodiscard]] Result<Load> load(const v1::Load& load);

  struct Reply {
    double round_trip_us = 0;  // from before the request is written to Finished in hand
    std::size_t body_bytes = 0;
    v1::Finished finished;
  };
  // A GET as a browser sends it. An error when the answer is not a 200 with a body.
  [[nodiscard]] Result<Reply> request();

 private:
  [[nodiscard]] Result<void> send(std::string_view bytes) const;
  // Reads until a frame of this kind is in hand.
  [[nodiscard]] Result<void> read_to(v1::Frame::FrameCase kind);
  [[nodiscard]] Result<v1::Frame> take_frame();

  UniqueFd socket_;
  const Clock& clock_;
  std::string request_;  // framed
  std::string input_;    // room for what is read
  std::size_t got_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace isopop::test
