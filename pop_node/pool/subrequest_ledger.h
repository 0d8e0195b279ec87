#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "common/result/result.h"
#include "isopop/v1/executor.pb.h"

namespace isopop::pop {

// What one request may ask of other workers, and has asked: numbers, order, sizes, credit. The
// executor keeps to these bounds by itself and tells its worker of them; one that does not is not
// the executor that we wrote, so a breach is an error that ends it. Pure.
class SubrequestLedger {
 public:
  // As in the contract.
  static constexpr std::size_t kUnderWayMax = 6;
  static constexpr std::size_t kBodyBytesMax = std::size_t{1} << 20U;
  // Of one on a binding: the largest value of a KV namespace.
  static constexpr std::size_t kBindingBodyBytesMax = std::size_t{25} << 20U;

  // kDrop: of one whose answer was whole already.
  enum class Verdict { kDeliver, kDrop };
  // What the executor sent; `subrequests_max` is the limit of one request.
  [[nodiscard]] Result<Verdict> check(const v1::Subrequest& part, std::uint32_t subrequests_max);

  // What may be sent of this answer's body now; 0 also when it is over.
  [[nodiscard]] std::size_t window(std::uint32_t id) const;
  // This was sent: within the window, and of one that is under way.
  void sent(const v1::Subresponse& part);
  [[nodiscard]] bool is_under_way(std::uint32_t id) const { return under_way_.contains(id); }

 private:
  struct Subrequest {
    std::size_t body_bytes = 0;
    std::size_t body_bytes_max = kBodyBytesMax;
    bool is_whole = false;
    std::size_t window = 0;
  };

  [[nodiscard]] Result<void> open(const v1::Subrequest& part, std::uint32_t subrequests_max);

  std::uint32_t made_ = 0;
  std::uint32_t last_id_ = 0;
  std::map<std::uint32_t, Subrequest> under_way_;
};

}  // namespace isopop::pop
