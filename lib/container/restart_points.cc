#include "lib/container/restart_points.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace pthview {

uint64_t RestartPoints::NewFile(uint64_t spacing) {
  std::lock_guard lock(mutex_);
  files_[++last_file_].spacing = spacing;
  return last_file_;
}

void RestartPoints::DropFile(uint64_t file) {
  std::lock_guard lock(mutex_);
  auto found = files_.find(file);
  points_ -= found->second.points.size();
  files_.erase(found);
}

uint64_t RestartPoints::Next(uint64_t file) const {
  std::lock_guard lock(mutex_);
  return files_.at(file).Next();
}

void RestartPoints::Note(uint64_t file, RestartPoint point) {
  std::lock_guard lock(mutex_);
  File& of = files_.at(file);
  if (point.unpacked < of.Next()) return;  // another pass was here, or another file made this one thinner
  of.points.push_back(std::make_shared<const RestartPoint>(std::move(point)));
  if (++points_ > most_points_) ThinLargest();
}

std::shared_ptr<const RestartPoint> RestartPoints::Before(uint64_t file, uint64_t offset) const {
  std::lock_guard lock(mutex_);
  const auto& points = files_.at(file).points;
  auto behind = std::upper_bound(points.begin(), points.end(), offset,
                                 [](uint64_t at, const auto& point) { return at < point->unpacked; });
  return behind == points.begin() ? nullptr : *std::prev(behind);
}

size_t RestartPoints::count(uint64_t file) const {
  std::lock_guard lock(mutex_);
  return files_.at(file).points.size();
}

void RestartPoints::ThinLargest() {
  auto largest = std::max_element(files_.begin(), files_.end(), [](const auto& a, const auto& b) {
    return a.second.points.size() < b.second.points.size();
  });
  File& file = largest->second;
  const size_t before = file.points.size();
  while (file.points.size() > before / 2) {
    file.spacing *= 2;
    uint64_t wanted = file.spacing;
    std::erase_if(file.points, [&](const auto& point) {
      if (point->unpacked < wanted) return true;
      wanted = point->unpacked + file.spacing;
      return false;
    });
  }
  points_ -= before - file.points.size();
}

}  // namespace pthview
