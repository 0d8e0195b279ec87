#include "common/http/parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

#include "common/http/headers.h"
#include "common/text/text.h"

namespace isopop::http {
namespace {

std::string_view to_std(beast::string_view text) {
  return {text.data(), text.size()};
}

// A line that begins with a space continues the header before it (obs-fold, RFC 9112 5.2): parsers
// differ over it, so it is refused.
bool has_folded_line(std::string_view head) {
  for (std::size_t at = head.find('\n'); at != std::string_view::npos && at + 1 < head.size();
       at = head.find('\n', at + 1)) {
    if (head[at + 1] == ' ' || head[at + 1] == '\t') return true;
  }
  return false;
}

}  // namespace

std::size_t find_head_end(std::string_view bytes, std::size_t searched) {
  const std::size_t from = searched < 3 ? 0 : searched - 3;
  const std::size_t found = bytes.find("\r\n\r\n", from);
  return found == std::string_view::npos ? found : found + 4;
}

template <bool kRequest>
MessageParser<kRequest>::MessageParser(const ParseLimits& limits) : limits_(limits) {
  this->header_limit(UINT32_MAX);  // the caller bounds the head before it is parsed
  this->body_limit(limits.body_bytes_max == UINT64_MAX
                       ? boost::optional<std::uint64_t>()
                       : boost::optional<std::uint64_t>(limits.body_bytes_max));
  this->eager(false);
}

template <bool kRequest>
ParseFault MessageParser<kRequest>::parse_head(std::string_view bytes) {
  if (has_folded_line(bytes)) return {400, "folded header lines are not accepted"};
  head_.headers.reserve(16, bytes.size());
  ErrorCode error;
  this->put(asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error) return to_fault(error);
  if (!this->is_header_done()) return {400, "the head is not whole"};
  return fault_;
}

template <bool kRequest>
std::size_t MessageParser<kRequest>::parse_body(std::string_view bytes, std::string& piece,
                                                std::size_t piece_bytes_max, ParseFault& fault) {
  // A chunk's size line (with extensions) and trailers that do not fit into this are refused.
  constexpr std::size_t kChunkHeaderBytesMax = 16 * 1024;
  piece_ = &piece;
  piece_bytes_max_ = piece_bytes_max;
  std::size_t used = 0;
  while (!this->is_done() && used < bytes.size() && piece.size() < piece_bytes_max) {
    ErrorCode error;
    const std::size_t taken =
        this->put(asio::const_buffer(bytes.data() + used, bytes.size() - used), error);
    used += taken;
    if (error == beast::http::error::need_more) {
      if (bytes.size() - used > kChunkHeaderBytesMax) {
        fault = {400, "the chunk header is too long"};
      }
      break;
    }
    if (error) {
      fault = to_fault(error);
      break;
    }
  }
  piece_ = nullptr;
  return used;
}

template <bool kRequest>
ParseFault MessageParser<kRequest>::parse_end_of_stream() {
  ErrorCode error;
  this->put_eof(error);
  return error ? to_fault(error) : ParseFault{};
}

template <bool kRequest>
void MessageParser<kRequest>::on_request_impl(beast::http::verb /*verb*/, Text method, Text target,
                                              int version, ErrorCode& error) {
  if constexpr (kRequest) {
    if (target.size() > limits_.target_bytes_max) {
      refuse(414, "the request target is too long", error);
      return;
    }
    head_.method.assign(method.data(), method.size());
    head_.target.assign(target.data(), target.size());
    head_.version = version >= 11 ? Version::kHttp11 : Version::kHttp10;
    if (target[0] != '/' && head_.target != "*" && head_.target.find("://") == std::string::npos) {
      refuse(400, "the request target is neither a path nor a URL", error);
    }
  }
}

template <bool kRequest>
void MessageParser<kRequest>::on_response_impl(int code, Text reason, int /*version*/,
                                               ErrorCode& error) {
  if constexpr (!kRequest) {
    head_.status = static_cast<unsigned>(code);
    head_.reason.assign(reason.data(), reason.size());
    if (code < 100) refuse(502, "the status is below 100", error);
  }
}

template <bool kRequest>
void MessageParser<kRequest>::on_field_impl(beast::http::field field, Text name, Text value,
                                            ErrorCode& error) {
  if (++fields_ > limits_.headers_max) {
    refuse(431, "there are too many headers", error);
    return;
  }
  if (head_done_) return;  // trailers are read and dropped
  if (field == beast::http::field::transfer_encoding &&
      !equals_ignoring_case(to_std(value), "chunked")) {
    other_coding_ = true;
  }
  if (field == beast::http::field::host) ++hosts_;
  head_.headers.add(to_std(name), to_std(value));
}

template <bool kRequest>
void MessageParser<kRequest>::on_header_impl(ErrorCode& error) {
  head_done_ = true;
  if (other_coding_) {
    refuse(501, "only the transfer coding 'chunked' is understood", error);
    return;
  }
  if constexpr (kRequest) {
    if (hosts_ > 1) {
      refuse(400, "there is more than one Host header", error);
    } else if (hosts_ == 0 && head_.version == Version::kHttp11) {
      refuse(400, "the Host header is missing", error);
    } else if (head_.version == Version::kHttp10 && this->chunked()) {
      refuse(400, "HTTP/1.0 knows no transfer-encoding", error);
    }
    head_.keep_alive = this->keep_alive();
  }
  const boost::optional<std::uint64_t> length = this->content_length();
  has_body_ = !this->is_done() && (!length || *length > 0);
}

template <bool kRequest>
void MessageParser<kRequest>::on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                                                ErrorCode& /*error*/) {}

template <bool kRequest>
std::size_t MessageParser<kRequest>::on_body_impl(Text body, ErrorCode& /*error*/) {
  return take(body);
}

template <bool kRequest>
void MessageParser<kRequest>::on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/,
                                                   ErrorCode& /*error*/) {}

template <bool kRequest>
std::size_t MessageParser<kRequest>::on_chunk_body_impl(std::uint64_t /*remain*/, Text body,
                                                        ErrorCode& /*error*/) {
  return take(body);
}

template <bool kRequest>
void MessageParser<kRequest>::on_finish_impl(ErrorCode& /*error*/) {}

template <bool kRequest>
std::size_t MessageParser<kRequest>::take(Text body) {
  const std::size_t room = piece_bytes_max_ - piece_->size();
  const std::size_t taken = body.size() < room ? body.size() : room;
  piece_->append(body.data(), taken);
  return taken;
}

template <bool kRequest>
void MessageParser<kRequest>::refuse(unsigned status, std::string reason, ErrorCode& error) {
  fault_ = {status, std::move(reason)};
  error = beast::http::error::bad_value;
}

template <bool kRequest>
ParseFault MessageParser<kRequest>::to_fault(ErrorCode error) {
  if (fault_.any()) return fault_;
  if (error == beast::http::error::body_limit) return {413, "the body is too large"};
  if (error == beast::http::error::header_limit) return {431, "the head is too large"};
  if (error == beast::http::error::bad_version) {
    return {400, "the HTTP version is not 1.0 or 1.1"};
  }
  if (error == beast::http::error::partial_message) return {400, "the message broke off"};
  return {400, error.message()};
}

template class MessageParser<true>;
template class MessageParser<false>;

}  // namespace isopop::http
