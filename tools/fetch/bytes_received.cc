#include "tools/fetch/bytes_received.h"

// Not netinet/tcp.h, which lacks the field, and which no file can include beside this one.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace pthview::fetch {

uint64_t BytesReceived(int socket) {
  tcp_info info = {};
  socklen_t length = sizeof(info);
  if (socket < 0 || ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 0;
  return info.tcpi_bytes_received;
}

}  // namespace pthview::fetch
