#include "tools/server/events.h"

#include <gtest/gtest.h>

namespace pthview::server {
namespace {

TEST(EventHub, EachListenerGetsEachMessageInOrder) {
  EventHub hub;
  hub.Publish("changed", "before anyone listened");
  auto first = hub.Listen();
  auto second = hub.Listen();
  hub.Publish("changed", "1");
  hub.Publish("changed", "2");
  for (auto* listener : {first.get(), second.get()}) {
    EXPECT_EQ(listener->Wait(), "event: changed\ndata: 1\n\n");
    EXPECT_EQ(listener->Wait(), "event: changed\ndata: 2\n\n");
  }
}

TEST(EventHub, ListenersAreFew) {
  EventHub hub;
  std::vector<std::unique_ptr<EventHub::Listener>> listeners;
  for (int i = 0; i < EventHub::kMaxListeners; ++i) {
    listeners.push_back(hub.Listen());
    EXPECT_NE(listeners.back(), nullptr);
  }
  EXPECT_EQ(hub.Listen(), nullptr);
  listeners.pop_back();
  EXPECT_NE(hub.Listen(), nullptr);
}

TEST(EventHub, OneThatFellBehindGetsTheNewest) {
  EventHub hub;
  auto listener = hub.Listen();
  for (int i = 0; i < 1000; ++i) hub.Publish("changed", std::to_string(i));
  std::optional<std::string> message = listener->Wait();
  ASSERT_TRUE(message);
  EXPECT_EQ(*message, "event: changed\ndata: 936\n\n");
}

TEST(EventHub, StoppingSaysGoodbyeAndEndsTheWait) {
  EventHub hub;
  auto listener = hub.Listen();
  hub.Publish("changed", "1");
  hub.Stop();
  EXPECT_EQ(listener->Wait(), "event: changed\ndata: 1\n\n");
  EXPECT_EQ(listener->Wait(), "event: bye\ndata: {}\n\n");
  EXPECT_EQ(listener->Wait(), std::nullopt);
  EXPECT_EQ(hub.Listen(), nullptr);
  EXPECT_FALSE(hub.WaitUntilLeft(std::chrono::milliseconds(1)));
  listener.reset();
  EXPECT_TRUE(hub.WaitUntilLeft(std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace pthview::server
