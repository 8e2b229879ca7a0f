// How much a TCP connection has brought, by the kernel's count: also while a library waits on it.
#pragma once

#include <cstdint>

namespace pthview::fetch {

// 0 when `socket` is no connection.
uint64_t BytesReceived(int socket);
// Those of them that the program has not read yet; never too few.
uint64_t BytesWaiting(int socket);

}  // namespace pthview::fetch
