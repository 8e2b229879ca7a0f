// The values of a tensor as floats or doubles, read in chunks by all cores: what statistics and histograms stand on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// One of the two is empty. float16, bfloat16 and float32 come as floats, everything else as doubles: complex values as
// their absolute values, quantized ones dequantized, both values of a float4 pair.
struct ValueBlock {
  std::span<const float> floats;
  std::span<const double> doubles;
};

// Values in logical order, except that elements which a stride of 0 repeats come only once. With an axis, that one
// comes first: channel after channel, each as if it were a tensor of its own, and channels are never left out.
class ValueReader {
 public:
  // kNotFound when the tensor has no bytes, kUnsupported for layouts that are not dense and for types without numbers,
  // kCorrupt when per-channel scales do not fit, kLimit when overlapping strides make far more elements than are
  // stored, kUsage when the tensor has no such axis (-1 is the last).
  static Result<ValueReader> Open(const Model& model, const Tensor& tensor, std::optional<int64_t> axis = {});
  // Every element as often as it stands, so that two tensors can be read in step.
  static Result<ValueReader> OpenAll(const Model& model, const Tensor& tensor);

  // Its view points into itself.
  ValueReader(ValueReader&&) noexcept = default;
  ValueReader& operator=(ValueReader&&) noexcept = default;
  ValueReader(const ValueReader&) = delete;
  ValueReader& operator=(const ValueReader&) = delete;

  // How often each value that is read stands in the tensor (1 without a stride of 0).
  int64_t repeat() const { return repeat_; }
  // Elements that are read; times repeat() it is the tensor's numel.
  int64_t count() const { return count_; }
  // Numbers in each: 2 for float4_e2m1fn_x2, else 1.
  int64_t values_per_element() const { return static_cast<int64_t>(ValuesPerElement(view_.dtype)); }
  // Of the axis; 1 without one.
  int64_t channels() const { return channels_; }
  // Where the element that comes as number `index` first stands in the tensor, in row-major order.
  int64_t PlaceOf(int64_t index) const;

  // Elements [first, first + count), in blocks of at most kMostInBlock values; several threads may read at once.
  static constexpr size_t kMostInBlock = 4096;
  Status Read(int64_t first, int64_t count, const std::function<void(const ValueBlock&)>& add) const;

 private:
  ValueReader() = default;
  const Model* model_ = nullptr;
  std::vector<int64_t> shape_;  // with the dimensions of stride 0 at size 1, and the axis in front
  std::vector<int64_t> strides_;
  Tensor view_;  // the tensor over shape_ and strides_
  int64_t repeat_ = 1;
  int64_t count_ = 0;
  // Quantized types: value = (code - zero_points_[c]) * scales_[c], where c = index / channel_run_ % scales_.size().
  std::vector<double> scales_;
  std::vector<double> zero_points_;
  int64_t channel_run_ = 1;

  int64_t channels_ = 1;
  std::vector<int64_t> steps_;  // of each dimension of shape_, in the tensor's row-major order

  static Result<ValueReader> OpenView(const Model& model, const Tensor& tensor, std::optional<int64_t> axis,
                                      bool collapse);
  Status SetView(const Tensor& tensor, std::optional<int64_t> axis, bool collapse);
  Status ReadQuantization(const Tensor& tensor, std::optional<int64_t> axis);
  // Codes of the elements from `index` on become their values.
  void Dequantize(int64_t index, std::span<double> codes) const;
};

}  // namespace pthview
