#pragma once

#include <memory>

#include "pop_node/http/edge_handler.h"
#include "pop_node/pool/subrequest_port.h"

namespace isopop::pop {

// Answers what workers ask of each other with fetch(): finds the worker by the URL's host and path,
// gives it the request as it would a client's, and carries the answer back as the asking executor
// takes it. There is no way from here to any network.
//
// An asking request keeps its executor while it waits. So that requests do not wait for each other,
// what they ask goes before what clients ask in the line of a worker, and the worker may have more
// executors for it; what finds no place even so within five seconds is answered with 503.
//
// `context` outlives the group and what it began.
[[nodiscard]] std::unique_ptr<SubrequestGroup> open_subrequests(EdgeContext& context,
                                                                const SubrequestOrigin& origin,
                                                                SubresponseSink& sink);

}  // namespace isopop::pop
