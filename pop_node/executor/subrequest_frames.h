#pragma once

#include <protozero/pbf_reader.hpp>

#include "common/result/result.h"
#include "pop_node/executor/frames.h"

namespace isopop::executor {

// The part of decode_frame() that reads answers to a worker's own requests. Throws what protozero
// throws.
[[nodiscard]] Result<SubresponseFrame> read_subresponse(protozero::pbf_reader reader);

}  // namespace isopop::executor
