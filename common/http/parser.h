#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/event_loop/asio.h"
#include "common/http/message.h"
#include "common/result/result.h"

namespace isopop::http {

namespace beast = boost::beast;

// Internal to common/http: Boost.Beast's HTTP/1 grammar, filling our plain heads without its
// containers. One object parses one message: first the whole head, found by find_head_end(), then
// the body in pieces.

struct ParseLimits {
  std::size_t headers_max = 256;
  std::size_t target_bytes_max = 16 * 1024;
  std::uint64_t body_bytes_max = UINT64_MAX;
};

// Why a message was refused: the status to answer with and a sentence. Status 0: nothing is wrong.
struct ParseFault {
  unsigned status = 0;
  std::string reason;

  [[nodiscard]] bool any() const { return status != 0; }
};

// Position behind the empty line that ends the head at the start of `bytes`; npos if it is not
// there yet. `searched` bytes were already looked at in vain.
[[nodiscard]] std::size_t find_head_end(std::string_view bytes, std::size_t searched);

template <bool kRequest>
class MessageParser final : public beast::http::basic_parser<kRequest> {
 public:
  using Head = std::conditional_t<kRequest, RequestHead, ResponseHead>;

  explicit MessageParser(const ParseLimits& limits);

  // `bytes` is exactly a head. On a fault the object is of no more use.
  ParseFault parse_head(std::string_view bytes);
  // Answers to HEAD announce a body that does not come. Before parse_head().
  void expect_no_body() { this->skip(true); }

  // Reads body from `bytes` and appends it to `piece`, up to `piece_bytes_max` in all; returns how
  // many bytes of the input were used up. Stops at the message's end (body_done()).
  std::size_t parse_body(std::string_view bytes, std::string& piece, std::size_t piece_bytes_max,
                         ParseFault& fault);
  // The peer closed: ends a body that lasts until then, is a fault otherwise.
  ParseFault parse_end_of_stream();

  [[nodiscard]] bool head_done() const { return head_done_; }
  [[nodiscard]] bool body_done() const { return this->is_done(); }
  [[nodiscard]] Head& head() { return head_; }
  [[nodiscard]] const Head& head() const { return head_; }
  // Of a message that is told by content-length; 0 if there is no body.
  [[nodiscard]] bool has_body() const { return has_body_; }

 private:
  using Text = beast::string_view;
  using ErrorCode = beast::error_code;

  void on_request_impl(beast::http::verb verb, Text method, Text target, int version,
                       ErrorCode& error) override;
  void on_response_impl(int code, Text reason, int version, ErrorCode& error) override;
  void on_field_impl(beast::http::field field, Text name, Text value, ErrorCode& error) override;
  void on_header_impl(ErrorCode& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode& error) override;
  std::size_t on_body_impl(Text body, ErrorCode& error) override;
  void on_chunk_header_impl(std::uint64_t size, Text extensions, ErrorCode& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, Text body, ErrorCode& error) override;
  void on_finish_impl(ErrorCode& error) override;

  std::size_t take(Text body);
  void refuse(unsigned status, std::string reason, ErrorCode& error);
  ParseFault to_fault(ErrorCode error);

  ParseLimits limits_;
  Head head_;
  ParseFault fault_;
  std::string* piece_ = nullptr;  // where parse_body() is writing to
  std::size_t piece_bytes_max_ = 0;
  std::size_t fields_ = 0;
  std::size_t hosts_ = 0;
  bool head_done_ = false;
  bool has_body_ = false;
  bool other_coding_ = false;  // a transfer-encoding that is not exactly "chunked"
};

using RequestParser = MessageParser<true>;
using ResponseParser = MessageParser<false>;

}  // namespace isopop::http
