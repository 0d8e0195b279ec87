#pragma once

#include <sys/types.h>
#include <string_view>

namespace isopop {

// sendmsg() of one packet, and with it of a copy of a descriptor; -1 for none. `flags` as there,
// MSG_NOSIGNAL is always added. What sendmsg() returns, with errno; a call that a signal broke off
// is made again.
[[nodiscard]] ssize_t send_packet(int socket, std::string_view bytes, int descriptor,
                                  int flags = 0);

}  // namespace isopop
