#include "lib/container/restart_points.h"

#include <gtest/gtest.h>

namespace pthview {
namespace {

void NoteEach(RestartPoints& points, uint64_t file, uint64_t step, uint64_t end) {
  for (uint64_t at = step; at < end; at += step) points.Note(file, RestartPoint{.unpacked = at});
}

TEST(RestartPoints, KeepsThoseThatAreFarEnoughApart) {
  RestartPoints points(100);
  const uint64_t file = points.NewFile(10);
  EXPECT_EQ(points.Next(file), 10);
  NoteEach(points, file, 3, 40);
  EXPECT_EQ(points.count(file), 3);  // 12, 24, 36
  EXPECT_EQ(points.Next(file), 46);
  EXPECT_EQ(points.Before(file, 11), nullptr);
  EXPECT_EQ(points.Before(file, 12)->unpacked, 12);
  EXPECT_EQ(points.Before(file, 35)->unpacked, 24);
  EXPECT_EQ(points.Before(file, 999)->unpacked, 36);
}

TEST(RestartPoints, OfManyFilesAreNoMoreThanOfOne) {
  RestartPoints points(64);
  const uint64_t large = points.NewFile(1);
  NoteEach(points, large, 1, 1000);
  EXPECT_LE(points.count(large), 64u);
  EXPECT_GE(points.count(large), 32u);
  size_t all = 0;
  std::vector<uint64_t> files;
  for (int i = 0; i < 16; ++i) {
    files.push_back(points.NewFile(1));
    NoteEach(points, files.back(), 1, 100);
  }
  for (uint64_t file : files) {
    EXPECT_GE(points.count(file), 1u);  // each has a share
    all += points.count(file);
  }
  EXPECT_LE(all + points.count(large), 64u);
  for (uint64_t file : files) points.DropFile(file);
  NoteEach(points, large, 1000, 20'000);
  EXPECT_GT(points.count(large), 10u);  // there is room again
}

TEST(RestartPoints, OneThatIsInUseOutlivesItsFile) {
  RestartPoints points(8);
  const uint64_t file = points.NewFile(1);
  points.Note(file, RestartPoint{.unpacked = 5, .window = std::vector<std::byte>(3)});
  auto point = points.Before(file, 9);
  points.DropFile(file);
  EXPECT_EQ(point->window.size(), 3u);
}

}  // namespace
}  // namespace pthview
