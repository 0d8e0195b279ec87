#pragma once

#include <string>
#include <string_view>

#include "common/http/message.h"

namespace isopop::router {

// What the router says when no PoP's answer can be given.
struct ErrorAnswer {
  http::ResponseHead head;
  std::string body;
};

// text/plain: "error code: 502" and a line that says why; 503 with retry-after.
[[nodiscard]] ErrorAnswer make_error_answer(unsigned status, std::string_view reason);

}  // namespace isopop::router
