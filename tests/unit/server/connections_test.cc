#include "tools/server/connections.h"

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace pthview::server {
namespace {

// Two ends of a connection; `server` is the one that Connections gets.
struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    server = ends[0];
    client = ends[1];
  }
  ~Pair() {
    close(server);
    close(client);
  }
  bool closed() const {
    char byte;
    return recv(client, &byte, 1, MSG_DONTWAIT) == 0;
  }
  int server;
  int client;
};

TEST(Connections, ANewcomerTakesThePlaceOfTheLongestIdle) {
  Connections connections(2);
  Pair first;
  Pair second;
  Pair third;
  ASSERT_TRUE(connections.Enter(first.server));
  ASSERT_TRUE(connections.Enter(second.server));
  connections.SetBusy(first.server, true);
  connections.SetBusy(first.server, false);  // idle since later than the second
  ASSERT_TRUE(connections.Enter(third.server));
  EXPECT_TRUE(second.closed());
  EXPECT_FALSE(first.closed());
}

TEST(Connections, ABusyOneIsNeverEvicted) {
  Connections connections(1);
  Pair first;
  Pair second;
  ASSERT_TRUE(connections.Enter(first.server));
  connections.SetBusy(first.server, true);
  EXPECT_FALSE(connections.Enter(second.server));
  EXPECT_FALSE(first.closed());
}

TEST(Connections, StoppingClosesAllAndLetsNobodyIn) {
  Connections connections;
  Pair first;
  Pair second;
  ASSERT_TRUE(connections.Enter(first.server));
  connections.SetBusy(first.server, true);
  connections.StopAll();
  EXPECT_TRUE(first.closed());
  EXPECT_FALSE(connections.Enter(second.server));
  EXPECT_FALSE(connections.WaitUntilEmpty(std::chrono::milliseconds(1)));
  connections.Leave(first.server);
  EXPECT_TRUE(connections.WaitUntilEmpty(std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace pthview::server
