#include "lib/formats/spread/stitch.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "lib/base/checked.h"

namespace pthview {
namespace {

// A box as runs of bytes that are contiguous in the tensor and in the box alike. Their places in the tensor rise.
struct Runs {
  size_t outer = 0;  // dimensions whose indices number the runs
  uint64_t count = 0;
  uint64_t bytes = 0;             // of each
  uint64_t first = 0;             // where the first one starts in the tensor
  std::vector<uint64_t> sizes;    // of the outer dimensions
  std::vector<uint64_t> strides;  // of the tensor in these, in bytes

  uint64_t StartOf(uint64_t run) const {
    uint64_t at = first;
    for (size_t i = outer; i-- > 0;) {
      at += run % sizes[i] * strides[i];
      run /= sizes[i];
    }
    return at;
  }
};

Runs RunsOf(const std::vector<int64_t>& shape, uint64_t item_size, const StitchBox& box) {
  Runs runs;
  runs.count = 1;
  runs.bytes = item_size;
  std::vector<uint64_t> strides(shape.size());
  uint64_t stride = item_size;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= static_cast<uint64_t>(shape[i]);
    runs.first += strides[i] * static_cast<uint64_t>(box.offsets[i]);
  }
  bool joined = true;  // all dimensions behind this one are covered whole
  for (size_t i = shape.size(); i-- > 0;) {
    auto size = static_cast<uint64_t>(box.sizes[i]);
    if (joined) {
      runs.bytes *= size;
    } else {
      runs.count *= size;
      runs.sizes.insert(runs.sizes.begin(), size);
      runs.strides.insert(runs.strides.begin(), strides[i]);
    }
    joined = joined && box.sizes[i] == shape[i];
  }
  runs.outer = runs.sizes.size();
  return runs;
}

class StitchedSource : public ByteSource {
 public:
  StitchedSource(std::string name, const std::vector<int64_t>& shape, uint64_t item_size, std::vector<StitchBox> boxes)
      : name_(std::move(name)), size_(static_cast<uint64_t>(CheckedNumel(shape).value_or(0)) * item_size) {
    for (StitchBox& box : boxes) {
      if (CheckedNumel(box.sizes).value_or(0) == 0) continue;
      runs_.push_back(RunsOf(shape, item_size, box));
      sources_.push_back(std::move(box.bytes));
    }
  }

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }

  Status CheckUnchanged() const override {
    for (const auto& source : sources_) PTHVIEW_TRY(source->CheckUnchanged());
    return Ok();
  }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) {
      return Error{.code = ErrorCode::kTruncated, .message = "the tensor ends before", .file = name_, .offset = offset};
    }
    for (size_t i = 0; i < runs_.size(); ++i) PTHVIEW_TRY(ReadBox(runs_[i], *sources_[i], offset, out));
    return Ok();
  }

 private:
  static Status ReadBox(const Runs& runs, const ByteSource& source, uint64_t offset, std::span<std::byte> out) {
    const uint64_t end = offset + out.size();
    // The first run that ends behind `offset`.
    uint64_t low = 0;
    uint64_t high = runs.count;
    while (low < high) {
      uint64_t middle = low + (high - low) / 2;
      if (runs.StartOf(middle) + runs.bytes <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (uint64_t run = low; run < runs.count; ++run) {
      uint64_t start = runs.StartOf(run);
      if (start >= end) break;
      uint64_t from = std::max(start, offset);
      uint64_t to = std::min(start + runs.bytes, end);
      PTHVIEW_TRY(source.ReadAt(run * runs.bytes + (from - start), out.subspan(from - offset, to - from)));
    }
    return Ok();
  }

  std::string name_;
  uint64_t size_;
  std::vector<Runs> runs_;
  std::vector<std::unique_ptr<ByteSource>> sources_;
};

bool Overlap(const StitchBox& a, const StitchBox& b) {
  for (size_t i = 0; i < a.offsets.size(); ++i) {
    if (a.offsets[i] + a.sizes[i] <= b.offsets[i] || b.offsets[i] + b.sizes[i] <= a.offsets[i]) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> CoverFault(const std::vector<int64_t>& shape, const std::vector<StitchBox>& boxes,
                                      uint64_t* steps) {
  auto numel = CheckedNumel(shape);
  if (!numel) return "its shape is no shape";
  int64_t covered = 0;
  std::vector<const StitchBox*> order;
  for (const StitchBox& box : boxes) {
    if (box.offsets.size() != shape.size() || box.sizes.size() != shape.size()) return "a chunk has other dimensions";
    for (size_t i = 0; i < shape.size(); ++i) {
      bool inside = box.offsets[i] >= 0 && box.sizes[i] >= 0 && box.sizes[i] <= shape[i] &&
                    box.offsets[i] <= shape[i] - box.sizes[i];
      if (!inside) return "a chunk reaches outside";
    }
    auto here = CheckedNumel(box.sizes);
    auto sum = CheckedAdd(covered, here.value_or(0));
    if (!here || !sum) return "its chunks are too large";
    covered = *sum;
    if (*here > 0) order.push_back(&box);
  }
  if (covered < *numel) return "its chunks leave some of it out";
  if (covered > *numel) return "its chunks overlap";
  if (shape.empty()) return std::nullopt;
  // As many elements as the tensor has, so they cover it unless two overlap. Only boxes that meet in the first
  // dimension can; with grids of chunks those are few.
  std::sort(order.begin(), order.end(),
            [](const StitchBox* a, const StitchBox* b) { return a->offsets[0] < b->offsets[0]; });
  for (size_t i = 0; i < order.size(); ++i) {
    int64_t end = order[i]->offsets[0] + order[i]->sizes[0];
    for (size_t j = i + 1; j < order.size() && order[j]->offsets[0] < end; ++j) {
      if (*steps == 0) return "there are more chunks side by side than can be compared";
      --*steps;
      if (Overlap(*order[i], *order[j])) return "its chunks overlap";
    }
  }
  return std::nullopt;
}

std::unique_ptr<ByteSource> Stitch(std::string name, const std::vector<int64_t>& shape, uint64_t item_size,
                                   std::vector<StitchBox> boxes) {
  return std::make_unique<StitchedSource>(std::move(name), shape, item_size, std::move(boxes));
}

}  // namespace pthview
