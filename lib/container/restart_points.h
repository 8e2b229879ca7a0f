// The noted borders of all deflated data that is open, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/container/inflater.h"

namespace pthview {

// Thread-safe. When there are too many points, the file that has the most of them keeps half of them, further apart: a
// large file may keep all there is room for, and of a thousand files each gets its share.
class RestartPoints {
 public:
  explicit RestartPoints(size_t most_points) : most_points_(most_points) {}

  // A number for a file of which points are kept, at least `spacing` unpacked bytes apart.
  uint64_t NewFile(uint64_t spacing);
  void DropFile(uint64_t file);

  // Unpacked bytes from where on another point is wanted.
  uint64_t Next(uint64_t file) const;
  // Keeps the point if it is wanted.
  void Note(uint64_t file, RestartPoint point);
  // The last point at or before `offset`; null when there is none.
  std::shared_ptr<const RestartPoint> Before(uint64_t file, uint64_t offset) const;
  size_t count(uint64_t file) const;

 private:
  struct File {
    uint64_t spacing = 0;
    std::vector<std::shared_ptr<const RestartPoint>> points;
    uint64_t Next() const { return (points.empty() ? 0 : points.back()->unpacked) + spacing; }
  };
  void ThinLargest();

  const size_t most_points_;
  mutable std::mutex mutex_;
  std::map<uint64_t, File> files_;
  size_t points_ = 0;  // of all files
  uint64_t last_file_ = 0;
};

}  // namespace pthview
