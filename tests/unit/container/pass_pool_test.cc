#include "lib/container/pass_pool.h"

#include <gtest/gtest.h>

namespace pthview {
namespace {

class FakePass : public UnpackPass {
 public:
  FakePass(uint64_t position, uint64_t memory, int* alive) : position_(position), memory_(memory), alive_(alive) {
    ++*alive_;
  }
  ~FakePass() override { --*alive_; }
  uint64_t position() const override { return position_; }
  uint64_t packed() const override { return 0; }
  uint64_t memory() const override { return memory_; }
  Status Next(std::span<std::byte>, size_t*) override { return Ok(); }

 private:
  uint64_t position_, memory_;
  int* alive_;
};

class PassPoolTest : public testing::Test {
 protected:
  void Put(uint64_t file, uint64_t position, uint64_t memory = 10) {
    pool_.Put(file, std::make_unique<FakePass>(position, memory, &alive_));
  }
  // The position of the pass that is taken, or -1.
  int64_t Take(uint64_t file, uint64_t from, uint64_t to) {
    auto pass = pool_.Take(file, from, to);
    return pass == nullptr ? -1 : static_cast<int64_t>(pass->position());
  }

  int alive_ = 0;
  PassPool pool_{100};
};

TEST_F(PassPoolTest, GivesTheFurthestThatIsNotTooFar) {
  for (uint64_t position : {50, 10, 30}) Put(1, position);
  Put(2, 35);
  EXPECT_EQ(Take(1, 0, 40), 30);
  EXPECT_EQ(Take(1, 20, 40), -1);
  EXPECT_EQ(Take(1, 10, 50), 50);
  EXPECT_EQ(Take(1, 0, 50), 10);
  EXPECT_EQ(Take(1, 0, 50), -1);
  EXPECT_EQ(pool_.bytes(), 10);
}

TEST_F(PassPoolTest, PassesOfManyFilesTakeNoMoreThanOfOne) {
  for (uint64_t file = 1; file <= 1000; ++file) Put(file, 0);
  EXPECT_EQ(alive_, 10);
  EXPECT_EQ(pool_.bytes(), 100);
  EXPECT_EQ(Take(990, 0, 0), -1);
  EXPECT_EQ(Take(991, 0, 0), 0);
}

TEST_F(PassPoolTest, TheLastOneIsKeptHoweverLarge) {
  Put(1, 0, 60);
  Put(1, 5, 1000);
  EXPECT_EQ(alive_, 1);
  EXPECT_EQ(Take(1, 0, 9), 5);
}

TEST_F(PassPoolTest, DropsThoseOfAFile) {
  for (uint64_t i = 0; i < 8; ++i) Put(i % 2, i);
  pool_.DropFile(1);
  EXPECT_EQ(alive_, 4);
  EXPECT_EQ(pool_.bytes(), 40);
  EXPECT_EQ(Take(1, 0, 99), -1);
}

}  // namespace
}  // namespace pthview
