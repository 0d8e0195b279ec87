#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/result/result.h"
#include "pop_node/executor/frames.h"

namespace isopop::executor {

// What the requests in flight have asked of other workers with fetch(), seen from the wire: what
// waits to be sent, what has come of each answer and not been read. The counterpart of Traffic, and
// as ignorant of JavaScript; writes frames into the same buffer. Lives on one thread.
//
// Invariants: at most kUnderWayMax of a parent's are with the PoP, the others wait in line here; an
// answer's body never holds more than kBodyWindowBytes; nothing is sent of a parent that is over.
class Subrequests {
 public:
  static constexpr std::size_t kUnderWayMax = 6;
  static constexpr std::size_t kBodyBytesMax = std::size_t{1} << 20U;
  static constexpr std::size_t kBindingBodyBytesMax = std::size_t{25} << 20U;
  static constexpr std::size_t kHeadBytesMax = std::size_t{128} << 10U;

  // `out` outlives this object.
  explicit Subrequests(std::string& out) : out_(out) {}

  // How many a request may make.
  void set_limit(std::uint32_t subrequests_max) { subrequests_max_ = subrequests_max; }

  // For the worker.

  // The new one's id. An error is for the worker to see: beyond the limit, or too large.
  [[nodiscard]] Result<std::uint32_t> start(std::uint32_t parent, SubrequestHead head,
                                            std::string_view body);
  // Its answer is of no use any more.
  void cancel(std::uint32_t id);
  // One that something has come of which was waited for; each only once.
  [[nodiscard]] std::optional<std::uint32_t> next_news(std::uint32_t parent);

  struct NotYet {};  // next_news() will tell
  struct End {};
  // Once; the body's first piece is read like the others. A string is the reason of a failure.
  [[nodiscard]] std::variant<NotYet, SubresponseHead, std::string> take_head(std::uint32_t id);
  // What has come of the body, all of it at once; gives the PoP credit for it.
  [[nodiscard]] std::variant<NotYet, std::string, End, SubresponseFailure> read_body(
      std::uint32_t id);

  // From the PoP. Whom to wake: the parent of an awaited answer. An error means that the PoP broke
  // the contract.
  [[nodiscard]] Result<std::optional<std::uint32_t>> take(SubresponseFrame frame);

  // Whether the request wanted more than its limit.
  [[nodiscard]] bool has_reached_limit(std::uint32_t parent) const;
  // True when the request waits for an answer or for more of one.
  [[nodiscard]] bool is_awaited(std::uint32_t parent) const;
  // The parent is over, and with it all of this.
  void forget(std::uint32_t parent);

 private:
  struct Subrequest {
    std::uint32_t parent = 0;
    std::string unsent;  // its frames, while it waits in line
    bool is_under_way = false;
    std::optional<SubresponseHead> head;
    bool has_head = false;  // came, even if it was taken
    std::string inbox;
    bool is_complete = false;
    std::optional<std::string> failure;
    bool is_awaited = true;  // at first for the head
  };
  struct Parent {
    std::uint32_t started = 0;
    bool has_reached_limit = false;
    std::size_t under_way = 0;
    std::deque<std::uint32_t> in_line;
    std::deque<std::uint32_t> news;
  };

  void send_next(Parent& parent);
  void end_its_way(Subrequest& subrequest);
  [[nodiscard]] static Result<void> add(Subrequest& subrequest, SubresponseFrame frame);
  [[nodiscard]] static Result<void> add_body(Subrequest& subrequest, std::string data, bool last);

  std::string& out_;
  std::uint32_t subrequests_max_ = Limits{}.subrequests;
  std::uint32_t last_id_ = 0;
  std::map<std::uint32_t, Subrequest> subrequests_;
  std::map<std::uint32_t, Parent> parents_;
};

}  // namespace isopop::executor
