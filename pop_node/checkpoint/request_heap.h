#pragma once

#include <cstddef>

namespace isopop::checkpoint {

// Where malloc takes its memory from between a checkpoint and the restore: one contiguous region,
// from its front. glibc's heap would hand out what is free in it, and that is scattered over
// hundreds of pages by then, each of which a restore has to bring back; and nothing that a request
// allocates needs to be kept apart for reuse for long, since the restore takes all of it back.
// Small blocks that are freed are handed out again; when the region is used up, and for large
// blocks, it is glibc's turn. This library defines malloc, free, calloc and realloc in the
// executable.

// From now on in this process, and after each restore of a checkpoint that is taken from here on.
// Once.
void use_request_heap();

}  // namespace isopop::checkpoint
