#include "pop_node/http/version_choice.h"

#include "common/http/header_names.h"
#include "common/text/text.h"

namespace isopop::pop {

std::string client_address(const http::Headers& headers, std::string_view remote) {
  const std::string_view forwarded =
      headers.get(http::header_names::kForwardedFor).value_or(std::string_view());
  const std::string_view first = trim(forwarded.substr(0, forwarded.find(',')));
  return std::string(first.empty() ? remote : first);
}

const std::string& sticky_header(const LiveAssignment& assignment) {
  return assignment.head().stickiness().header();  // a oneof: "" when it is not the one
}

LiveWorkerPtr choose_version(const LiveAssignment& assignment, const VersionKeys& keys) {
  if (assignment.shares().size() == 1) return assignment.shares().front().worker;
  std::string_view key = keys.ray;
  if (assignment.head().stickiness().client() && !keys.client.empty()) key = keys.client;
  if (!sticky_header(assignment).empty() && !keys.header.empty()) key = keys.header;
  return assignment.at(share_point(assignment.head().worker(), key));
}

}  // namespace isopop::pop
