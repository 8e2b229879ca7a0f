#include "lib/model/gather.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace pthview {
namespace {

// Reading a gap of this many bytes costs less than a read of its own.
constexpr int64_t kCheapGap = 4 << 10;
// Runs that are gathered together, so that what is written lies side by side in the processor's cache.
constexpr int64_t kRunsAtOnce = 64;

template <size_t kItem>
void CopyLine(std::byte* to, int64_t to_step, const std::byte* from, int64_t from_step, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * to_step * static_cast<int64_t>(kItem), from + i * from_step * static_cast<int64_t>(kItem),
                kItem);
  }
}

void CopyLine(size_t item, std::byte* to, int64_t to_step, const std::byte* from, int64_t from_step, int64_t count) {
  if (to_step == 1 && from_step == 1) {
    std::memcpy(to, from, static_cast<size_t>(count) * item);
    return;
  }
  switch (item) {
    case 1: return CopyLine<1>(to, to_step, from, from_step, count);
    case 2: return CopyLine<2>(to, to_step, from, from_step, count);
    case 4: return CopyLine<4>(to, to_step, from, from_step, count);
    case 8: return CopyLine<8>(to, to_step, from, from_step, count);
    default: return CopyLine<16>(to, to_step, from, from_step, count);
  }
}

// Calls visit(storage offset, result offset) for every index of `dimensions`, the last one fastest.
template <typename Visit>
Status ForEachIndex(const std::vector<BoxDimension>& dimensions, Visit visit) {
  std::vector<int64_t> index(dimensions.size(), 0);
  int64_t from = 0;
  int64_t to = 0;
  while (true) {
    PTHVIEW_TRY(visit(from, to));
    size_t d = dimensions.size();
    for (; d > 0; --d) {
      const BoxDimension& dimension = dimensions[d - 1];
      if (++index[d - 1] < dimension.size) {
        from += dimension.stride;
        to += dimension.out_stride;
        break;
      }
      index[d - 1] = 0;
      from -= dimension.stride * (dimension.size - 1);
      to -= dimension.out_stride * (dimension.size - 1);
    }
    if (d == 0) return Ok();
  }
}

// Copies from memory to the result over all of `loops`, where the one over runs goes only to `runs`.
void Scatter(std::vector<BoxDimension> loops, size_t runs_loop, int64_t runs, size_t item, const std::byte* from,
             std::byte* to) {
  loops[runs_loop].size = runs;
  BoxDimension line = loops.back();
  loops.pop_back();
  int64_t item_bytes = static_cast<int64_t>(item);
  [[maybe_unused]] Status never_fails = ForEachIndex(loops, [&](int64_t from_offset, int64_t to_offset) -> Status {
    CopyLine(item, to + to_offset * item_bytes, line.out_stride, from + from_offset * item_bytes, line.stride,
             line.size);
    return Ok();
  });
}

// Gathers a box whose dimension `along` is too long for one run in pieces of `fit` of its indices.
Status GatherInPieces(const BoxWalk::Box& box, const BoxDimension& along, int64_t fit, size_t item, int64_t max_span,
                      const SpanReader& read, std::span<std::byte> out) {
  for (int64_t start = 0; start < along.size; start += fit) {
    BoxWalk::Box piece = box;
    piece.base += start * along.stride;
    for (BoxDimension& d : piece.dimensions) {
      if (d.out_stride == along.out_stride && d.size == along.size) d.size = std::min(fit, along.size - start);
    }
    size_t skip = static_cast<size_t>(start * along.out_stride) * item;
    PTHVIEW_TRY(GatherBox(piece, item, max_span, read, out.subspan(skip)));
  }
  return Ok();
}

}  // namespace

BoxWalk::BoxWalk(std::span<const int64_t> shape, std::span<const int64_t> strides, int64_t offset) : offset_(offset) {
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (!shape_.empty() && strides_.back() == strides[i] * shape[i]) {
      shape_.back() *= shape[i];
      strides_.back() = strides[i];
    } else {
      shape_.push_back(shape[i]);
      strides_.push_back(strides[i]);
    }
  }
  if (shape_.empty()) {  // a scalar
    shape_.push_back(1);
    strides_.push_back(1);
  }
}

BoxWalk::Box BoxWalk::Next(int64_t at, int64_t max_elements) const {
  std::vector<int64_t> index(shape_.size());
  Box box;
  box.base = offset_;
  for (size_t d = shape_.size(); d > 0; --d) {
    index[d - 1] = at % shape_[d - 1];
    at /= shape_[d - 1];
    box.base += index[d - 1] * strides_[d - 1];
  }
  // Inner dimensions that are taken whole, then as much as fits of the one outside them.
  size_t split = shape_.size() - 1;
  int64_t inner = 1;
  while (split > 0 && index[split] == 0 && shape_[split] <= max_elements / inner) inner *= shape_[split--];
  int64_t rows = std::min(shape_[split] - index[split], std::max<int64_t>(1, max_elements / inner));
  box.count = rows * inner;
  box.dimensions.push_back({rows, strides_[split], inner});
  for (size_t d = split + 1; d < shape_.size(); ++d) {
    inner /= shape_[d];
    box.dimensions.push_back({shape_[d], strides_[d], inner});
  }
  return box;
}

Status GatherBox(const BoxWalk::Box& box, size_t item, int64_t max_span, const SpanReader& read,
                 std::span<std::byte> out) {
  int64_t item_bytes = static_cast<int64_t>(item);
  // Dimensions that are close together in storage are read in one run and gathered from memory; those further out take
  // a run for each of their indices.
  std::vector<BoxDimension> order = box.dimensions;
  std::sort(order.begin(), order.end(), [](const BoxDimension& a, const BoxDimension& b) {
    return std::pair(std::abs(a.stride), a.out_stride) < std::pair(std::abs(b.stride), b.out_stride);
  });
  int64_t span = 1;   // elements from the lowest to the highest of a run
  int64_t below = 0;  // elements that the run reaches below its first one, because of negative strides
  int64_t wanted = 1;
  size_t inside = 0;
  for (; inside < order.size(); ++inside) {
    const BoxDimension& d = order[inside];
    int64_t step = std::abs(d.stride);
    // As many of its indices as the span may hold. The products fit: the whole tensor lies in its storage.
    int64_t fit = step == 0 ? d.size : std::min(d.size, (max_span / item_bytes - span) / step + 1);
    int64_t wider = span + step * (fit - 1);
    int64_t more = step == 0 ? wanted : wanted * fit;
    bool sparse = wider / 8 > more && (step - span) * item_bytes > kCheapGap;
    if (fit < 1 || sparse) break;
    if (fit < d.size) {
      if (fit == 1) break;
      return GatherInPieces(box, d, fit, item, max_span, read, out);
    }
    span = wider;
    wanted = more;
    if (d.stride < 0) below -= d.stride * (d.size - 1);
  }
  std::vector<BoxDimension> loops(order.begin(), order.begin() + static_cast<ptrdiff_t>(inside));
  std::vector<BoxDimension> outer(order.begin() + static_cast<ptrdiff_t>(inside), order.end());
  // The results are written front to back: the smallest step is the innermost loop.
  auto by_result = [](const BoxDimension& a, const BoxDimension& b) { return a.out_stride > b.out_stride; };
  std::sort(outer.begin(), outer.end(), by_result);
  BoxDimension runs;  // the outer dimension whose runs are gathered together
  if (!outer.empty()) {
    runs = outer.back();
    outer.pop_back();
  }
  int64_t at_once = std::clamp<int64_t>(max_span / (span * item_bytes), 1, std::min(runs.size, kRunsAtOnce));
  loops.push_back({at_once, span, runs.out_stride});
  std::sort(loops.begin(), loops.end(), by_result);
  size_t runs_loop = 0;
  while (loops[runs_loop].out_stride != runs.out_stride || loops[runs_loop].stride != span) ++runs_loop;
  std::vector<std::byte> memory(static_cast<size_t>(at_once * span * item_bytes));
  return ForEachIndex(outer, [&](int64_t outer_from, int64_t outer_to) -> Status {
    for (int64_t first = 0; first < runs.size; first += at_once) {
      int64_t count = std::min(at_once, runs.size - first);
      for (int64_t i = 0; i < count; ++i) {
        int64_t from = box.base + outer_from + (first + i) * runs.stride - below;
        size_t bytes = static_cast<size_t>(span * item_bytes);
        PTHVIEW_TRY(read(from, std::span(memory).subspan(static_cast<size_t>(i) * bytes, bytes)));
      }
      Scatter(loops, runs_loop, count, item, memory.data() + below * item_bytes,
              out.data() + (outer_to + first * runs.out_stride) * item_bytes);
    }
    return Ok();
  });
}

}  // namespace pthview
