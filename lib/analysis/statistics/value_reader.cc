#include "lib/analysis/statistics/value_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/element.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

constexpr int64_t kChunkElements = int64_t{1} << 22;
// Decoded at a time: small enough for the first-level cache.
constexpr size_t kDecodeElements = 4096;
// Overlapping strides may make a tensor that is quadratic in its storage. Fewer elements than this are always read,
// more only up to kOverlapFactor times what the storage holds.
constexpr int64_t kAlwaysRead = int64_t{1} << 28;
constexpr uint64_t kOverlapFactor = 16;

std::string Quoted(const Tensor& tensor) { return "tensor '" + std::string(tensor.path) + "'"; }

// IEEE 754 half to single without a branch: the exponent is rebiased by a multiplication, which also makes subnormals
// right.
float WidenHalf(uint16_t half) {
  uint32_t magnitude = static_cast<uint32_t>(half & 0x7fff) << 13;
  float value = std::bit_cast<float>(magnitude) * std::bit_cast<float>(uint32_t{(127 + 112) << 23});
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((half & 0x7c00) == 0x7c00) bits = magnitude | 0x7f800000;
  return std::bit_cast<float>(bits | static_cast<uint32_t>(half & 0x8000) << 16);
}

float WidenBFloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

template <float (*Widen)(uint16_t)>
void WidenAll(const std::byte* from, size_t count, float* to) {
  constexpr size_t kStep = 64;  // a loop of known length is one that compilers vectorize at -O2
  size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    for (size_t k = i; k < i + kStep; ++k) to[k] = Widen(LoadLittle<uint16_t>(from + 2 * k));
  }
  for (; i < count; ++i) to[i] = Widen(LoadLittle<uint16_t>(from + 2 * i));
}

void CopyFloats(const std::byte* from, size_t count, float* to) { std::memcpy(to, from, count * sizeof(float)); }

using FloatDecoder = void (*)(const std::byte*, size_t, float*);

// The types that fit a float exactly and are worth a fast path; nullptr: by way of doubles.
FloatDecoder FloatDecoderOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return CopyFloats;
    case DType::kBFloat16: return WidenAll<WidenBFloat16>;
    case DType::kFloat16: return WidenAll<WidenHalf>;
    default: return nullptr;
  }
}

}  // namespace

Result<ValueReader> ValueReader::Open(const Model& model, const Tensor& tensor) {
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
  PTHVIEW_TRY(reader.CollapseRepeats(tensor));
  if (kind == DTypeClass::kQuantized) PTHVIEW_TRY(reader.ReadQuantization(tensor));
  return reader;
}

Status ValueReader::CollapseRepeats(const Tensor& tensor) {
  const Quantization* quantization =
      tensor.quantization == kNone ? nullptr : &model_->quantizations[tensor.quantization];
  shape_.assign(tensor.shape.begin(), tensor.shape.end());
  strides_.assign(tensor.strides.begin(), tensor.strides.end());
  for (size_t d = 0; d < strides_.size() && tensor.numel > 0; ++d) {
    // Along the channels the stored code repeats, but its value does not.
    bool is_channel =
        quantization != nullptr && quantization->per_channel && quantization->axis == static_cast<int64_t>(d);
    if (strides_[d] != 0 || shape_[d] <= 1 || is_channel) continue;
    repeat_ *= shape_[d];  // divides numel, so it cannot overflow
    shape_[d] = 1;
  }
  count_ = tensor.numel == 0 ? 0 : tensor.numel / repeat_;
  view_ = tensor;
  view_.shape = shape_;
  view_.strides = strides_;
  view_.numel = count_;
  if (repeat_ > 1) view_.contiguous = false;  // what is left may be, but nothing has checked it

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

Status ValueReader::ReadQuantization(const Tensor& tensor) {
  if (tensor.quantization == kNone) return Ok();  // the codes themselves
  const Quantization& quantization = model_->quantizations[tensor.quantization];
  if (!quantization.per_channel) {
    scales_ = {quantization.scale};
    zero_points_ = {static_cast<double>(quantization.zero_point)};
    channel_run_ = std::max<int64_t>(count_, 1);
    return Ok();
  }
  auto rank = static_cast<int64_t>(shape_.size());
  int64_t channels = quantization.axis >= 0 && quantization.axis < rank ? shape_[quantization.axis] : -1;
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
  for (size_t d = static_cast<size_t>(quantization.axis) + 1; d < shape_.size(); ++d)
    channel_run_ *= std::max<int64_t>(shape_[d], 1);
  return Ok();
}

size_t ValueReader::chunks() const {
  return static_cast<size_t>(count_ / kChunkElements + (count_ % kChunkElements != 0));
}

Status ValueReader::ReadChunk(size_t chunk, const std::function<void(const ValueBlock&)>& add) const {
  const int64_t first = static_cast<int64_t>(chunk) * kChunkElements;
  const DType dtype = BlockDType(view_.dtype);
  const size_t item = Info(dtype).item_size;
  // torch counts a pair of these as one element.
  const size_t values_per_item = dtype == DType::kFloat4E2M1FNx2 ? 2 : 1;
  const FloatDecoder decode_floats = FloatDecoderOf(dtype);
  int64_t index = first;
  alignas(16) std::array<float, kDecodeElements> floats;
  alignas(16) std::array<double, kDecodeElements> doubles;
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
          size_t count = std::min(bytes.size() / item, kDecodeElements / values_per_item);
          decode(bytes.data(), count);
          bytes = bytes.subspan(count * item);
          index += static_cast<int64_t>(count);
        }
        return Ok();
      },
      first, std::min(kChunkElements, count_ - first));
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
