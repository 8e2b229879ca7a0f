// The values of a tensor as floats or doubles, read in chunks by all cores: what statistics and histograms stand on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/threads.h"
#include "lib/model/model.h"

namespace pthview {

// One of the two is empty. float16, bfloat16 and float32 come as floats, everything else as doubles: complex values as
// their absolute values, quantized ones dequantized, both values of a float4 pair.
struct ValueBlock {
  std::span<const float> floats;
  std::span<const double> doubles;
};

// Values in logical order, except that elements which a stride of 0 repeats come only once.
class ValueReader {
 public:
  // kNotFound when the tensor has no bytes, kUnsupported for layouts that are not dense and for types without numbers,
  // kCorrupt when per-channel scales do not fit, kLimit when overlapping strides make far more elements than are
  // stored.
  static Result<ValueReader> Open(const Model& model, const Tensor& tensor);

  // How often each value that is read stands in the tensor (1 without a stride of 0).
  int64_t repeat() const { return repeat_; }
  // Elements that are read; times repeat() it is the tensor's numel.
  int64_t count() const { return count_; }

  size_t chunks() const;
  // Reads chunk number `chunk`; several threads may do so at once.
  Status ReadChunk(size_t chunk, const std::function<void(const ValueBlock&)>& add) const;

 private:
  const Model* model_ = nullptr;
  std::vector<int64_t> shape_;  // with the dimensions of stride 0 at size 1
  std::vector<int64_t> strides_;
  Tensor view_;  // the tensor over shape_ and strides_
  int64_t repeat_ = 1;
  int64_t count_ = 0;
  // Quantized types: value = (code - zero_points_[c]) * scales_[c], where c = index / channel_run_ % scales_.size().
  std::vector<double> scales_;
  std::vector<double> zero_points_;
  int64_t channel_run_ = 1;

  Status CollapseRepeats(const Tensor& tensor);
  Status ReadQuantization(const Tensor& tensor);
  // Codes of the elements from `index` on become their values.
  void Dequantize(int64_t index, std::span<double> codes) const;
};

// Reads everything, each chunk into an accumulator of its own, and merges them in order, so that the result does not
// depend on the number of threads. Accumulator: copyable, Add(span<const float>), Add(span<const double>),
// Merge(other).
template <typename Accumulator>
Result<Accumulator> Accumulate(const ValueReader& reader, const Accumulator& empty) {
  std::vector<Accumulator> parts(reader.chunks(), empty);
  std::vector<Status> statuses(parts.size());
  std::atomic<bool> failed = false;
  ParallelFor(parts.size(), [&](size_t chunk) {
    if (failed.load(std::memory_order_relaxed)) return;
    statuses[chunk] = reader.ReadChunk(chunk, [&](const ValueBlock& block) {
      if (!block.floats.empty()) parts[chunk].Add(block.floats);
      if (!block.doubles.empty()) parts[chunk].Add(block.doubles);
    });
    if (!statuses[chunk]) failed = true;
  });
  Accumulator total = empty;
  for (size_t i = 0; i < parts.size(); ++i) {
    PTHVIEW_TRY(std::move(statuses[i]));
    total.Merge(parts[i]);
  }
  return total;
}

}  // namespace pthview
