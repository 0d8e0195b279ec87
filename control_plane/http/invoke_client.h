#pragma once

#include <chrono>
#include <string>

#include "common/http/message.h"
#include "common/result/result.h"

namespace isopop::control {

// One HTTP request, waited for: popctl's way to a worker through the router.
[[nodiscard]] Result<http::Response> invoke(const std::string& address,
                                            const http::RequestHead& request,
                                            const std::string& body,
                                            std::chrono::milliseconds timeout);

}  // namespace isopop::control
