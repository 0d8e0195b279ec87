#include "router/http/error_answer.h"

#include <fmt/format.h>

#include "common/http/header_names.h"

namespace isopop::router {

ErrorAnswer make_error_answer(unsigned status, std::string_view reason) {
  ErrorAnswer answer;
  answer.head.status = status;
  answer.head.headers.add(http::header_names::kContentType, "text/plain; charset=utf-8");
  if (status == 503) answer.head.headers.add(http::header_names::kRetryAfter, "1");
  answer.body = fmt::format("error code: {}\n{}\n", status, reason);
  return answer;
}

}  // namespace isopop::router
