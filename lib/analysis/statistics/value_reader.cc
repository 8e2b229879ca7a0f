#include "lib/analysis/statistics/value_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "lib/analysis/statistics/kernels.h"
#include "lib/base/checked.h"
#include "lib/base/element.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

// Overlapping strides may make a tensor that is quadratic in its storage. Fewer elements than this are always read,
// more only up to kOverlapFactor times what the storage holds.
constexpr int64_t kAlwaysRead = int64_t{1} << 28;
constexpr uint64_t kOverlapFactor = 16;

std::string Quoted(const Tensor& tensor) { return "tensor '" + std::string(tensor.path) + "'"; }

void CopyFloats(const std::byte* from, size_t count, float* to) { std::memcpy(to, from, count * sizeof(float)); }

using FloatDecoder = void (*)(const std::byte*, size_t, float*);

// The types that fit a float exactly and are worth a fast path; nullptr: by way of doubles.
FloatDecoder FloatDecoderOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return CopyFloats;
    case DType::kBFloat16: return WidenBFloat16;
    case DType::kFloat16: return WidenHalf;
    default: return nullptr;
  }
}

}  // namespace

Result<ValueReader> ValueReader::Open(const Model& model, const Tensor& tensor, std::optional<int64_t> axis) {
  return OpenView(model, tensor, axis, true);
}

Result<ValueReader> ValueReader::OpenAll(const Model& model, const Tensor& tensor) {
  return OpenView(model, tensor, {}, false);
}

Result<ValueReader> ValueReader::OpenView(const Model& model, const Tensor& tensor, std::optional<int64_t> axis,
                                          bool collapse) {
  auto rank = static_cast<int64_t>(tensor.shape.size());
  if (axis && (*axis < -rank || *axis >= rank)) {
    return Error{.code = ErrorCode::kUsage,
                 .message = Quoted(tensor) + " has " + std::to_string(rank) + " dimensions, and no axis " +
                            std::to_string(*axis)};
  }
  if (axis && *axis < 0) *axis += rank;
  if (tensor.layout != Layout::kDense) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = Quoted(tensor) + " has layout " + std::string(LayoutName(tensor.layout)),
                 .hint = "look at its components"};
  }
  if (tensor.data != DataState::kPresent) {
    return Error{
        .code = ErrorCode::kNotFound,
        .message = Quoted(tensor) + " has no data in this file (" + std::string(DataStateName(tensor.data)) + ")"};
  }
  DTypeClass kind = Info(tensor.dtype).kind;
  if (kind == DTypeClass::kNone || kind == DTypeClass::kBits) {
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = Quoted(tensor) + " has dtype " + std::string(DTypeName(tensor.dtype)) + ", which has no values"};
  }
  ValueReader reader;
  reader.model_ = &model;
  PTHVIEW_TRY(reader.SetView(tensor, axis, collapse));
  if (kind == DTypeClass::kQuantized) PTHVIEW_TRY(reader.ReadQuantization(tensor, axis));
  return reader;
}

Status ValueReader::SetView(const Tensor& tensor, std::optional<int64_t> axis, bool collapse) {
  const Quantization* quantization =
      tensor.quantization == kNone ? nullptr : &model_->quantizations[tensor.quantization];
  shape_.assign(tensor.shape.begin(), tensor.shape.end());
  strides_.assign(tensor.strides.begin(), tensor.strides.end());
  steps_.assign(shape_.size(), 1);
  for (size_t d = shape_.size(); d-- > 1 && tensor.numel > 0;) steps_[d - 1] = steps_[d] * shape_[d];
  for (size_t d = 0; collapse && d < strides_.size() && tensor.numel > 0; ++d) {
    // Along the channels the stored code repeats, but its value does not.
    bool is_channel =
        (axis && *axis == static_cast<int64_t>(d)) ||
        (quantization != nullptr && quantization->per_channel && quantization->axis == static_cast<int64_t>(d));
    if (strides_[d] != 0 || shape_[d] <= 1 || is_channel) continue;
    repeat_ *= shape_[d];  // divides numel, so it cannot overflow
    shape_[d] = 1;
  }
  count_ = tensor.numel == 0 ? 0 : tensor.numel / repeat_;
  bool moved = axis && *axis > 0;
  if (axis) {
    channels_ = shape_[static_cast<size_t>(*axis)];
    for (std::vector<int64_t>* row : {&shape_, &strides_, &steps_}) {
      std::rotate(row->begin(), row->begin() + *axis, row->begin() + *axis + 1);
    }
  }
  view_ = tensor;
  view_.shape = shape_;
  view_.strides = strides_;
  view_.numel = count_;
  if (repeat_ > 1 || moved) view_.contiguous = false;  // what is left may be, but nothing has checked it

  uint64_t item_size = std::max<uint64_t>(Info(tensor.dtype).item_size, 1);
  uint64_t stored = tensor.storage == kNone ? 0 : model_->storages[tensor.storage].nbytes / item_size;
  stored = CheckedMul<uint64_t>(stored, Info(tensor.dtype).items_per_byte).value_or(stored);
  if (count_ > kAlwaysRead && static_cast<uint64_t>(count_) / kOverlapFactor > stored) {
    return Error{.code = ErrorCode::kLimit,
                 .message = Quoted(tensor) + " has " + std::to_string(count_) + " overlapping elements over " +
                            std::to_string(stored) + " stored ones"};
  }
  return Ok();
}

Status ValueReader::ReadQuantization(const Tensor& tensor, std::optional<int64_t> axis) {
  if (tensor.quantization == kNone) return Ok();  // the codes themselves
  const Quantization& quantization = model_->quantizations[tensor.quantization];
  if (!quantization.per_channel) {
    scales_ = {quantization.scale};
    zero_points_ = {static_cast<double>(quantization.zero_point)};
    channel_run_ = std::max<int64_t>(count_, 1);
    return Ok();
  }
  auto rank = static_cast<int64_t>(shape_.size());
  // Where the channels' dimension is now that the axis stands in front.
  int64_t at = quantization.axis;
  if (axis && at == *axis) {
    at = 0;
  } else if (axis && at < *axis) {
    ++at;
  }
  int64_t channels = quantization.axis >= 0 && quantization.axis < rank ? shape_[static_cast<size_t>(at)] : -1;
  auto read = [&](Index component, std::vector<double>* out) -> Status {
    if (component >= model_->components.size() || model_->components[component].numel != channels) {
      return Error{.code = ErrorCode::kCorrupt,
                   .message = Quoted(tensor) + ": its scales or zero points do not match its channels"};
    }
    const Tensor& values = model_->components[component];
    PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(*model_, values, 0, channels));
    out->resize(static_cast<size_t>(channels));
    DecodeToDouble(values.dtype, bytes.data(), out->size(), out->data());
    return Ok();
  };
  PTHVIEW_TRY(read(quantization.scales, &scales_));
  PTHVIEW_TRY(read(quantization.zero_points, &zero_points_));
  channel_run_ = 1;
  for (size_t d = static_cast<size_t>(at) + 1; d < shape_.size(); ++d) channel_run_ *= std::max<int64_t>(shape_[d], 1);
  return Ok();
}

int64_t ValueReader::PlaceOf(int64_t index) const {
  int64_t place = 0;
  for (size_t d = shape_.size(); d-- > 0;) {
    int64_t size = std::max<int64_t>(shape_[d], 1);
    place += index % size * steps_[d];
    index /= size;
  }
  return place;
}

Status ValueReader::Read(int64_t first, int64_t count, const std::function<void(const ValueBlock&)>& add) const {
  const DType dtype = BlockDType(view_.dtype);
  const size_t item = Info(dtype).item_size;
  // torch counts a pair of these as one element.
  const size_t values_per_item = ValuesPerElement(dtype);
  const FloatDecoder decode_floats = FloatDecoderOf(dtype);
  int64_t index = first;
  alignas(16) std::array<float, kMostInBlock> floats;
  alignas(16) std::array<double, kMostInBlock> doubles;
  auto decode = [&](const std::byte* at, size_t count) {
    // Most float32 blocks are aligned and need no copy.
    if (dtype == DType::kFloat32 && reinterpret_cast<uintptr_t>(at) % alignof(float) == 0) {
      add({.floats = {reinterpret_cast<const float*>(at), count}});
    } else if (decode_floats != nullptr) {
      decode_floats(at, count, floats.data());
      add({.floats = std::span<const float>(floats).first(count)});
    } else {
      DecodeToDouble(dtype, at, count * values_per_item, doubles.data());
      if (!scales_.empty()) Dequantize(index, std::span(doubles).first(count));
      add({.doubles = std::span<const double>(doubles).first(count * values_per_item)});
    }
  };
  return ForEachBlock(
      *model_, view_,
      [&](std::span<const std::byte> bytes) -> Status {
        while (bytes.size() >= item) {
          size_t count = std::min(bytes.size() / item, kMostInBlock / values_per_item);
          decode(bytes.data(), count);
          bytes = bytes.subspan(count * item);
          index += static_cast<int64_t>(count);
        }
        return Ok();
      },
      first, std::min(count, count_ - first));
}

void ValueReader::Dequantize(int64_t index, std::span<double> codes) const {
  while (!codes.empty()) {
    auto channel = static_cast<size_t>(index / channel_run_) % scales_.size();
    int64_t run = std::min(channel_run_ - index % channel_run_, static_cast<int64_t>(codes.size()));
    for (double& code : codes.first(static_cast<size_t>(run))) code = (code - zero_points_[channel]) * scales_[channel];
    codes = codes.subspan(static_cast<size_t>(run));
    index += run;
  }
}

}  // namespace pthview
