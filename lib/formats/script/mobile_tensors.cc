#include "lib/formats/script/mobile_tensors.h"

#include <algorithm>
#include <string>

#include "lib/base/dtype.h"
#include "lib/formats/script/mobile_schema.h"

namespace pthview {

namespace slot = mobile::slot;

namespace {

constexpr uint8_t kPerChannelAffine = 1;
constexpr size_t kMostSizes = 2 * ModelBuilder::kMaxRank;  // of a vector are read: enough to see that they are too many

}  // namespace

MobileTensors::MobileTensors(ModelBuilder& builder, Index source, FlatVector storages)
    : builder_(builder), source_(source), storages_(storages), storage_rows_(storages.size(), kNone) {}

Tensor MobileTensors::Read(FlatTable meta, std::string_view where) {
  Tensor tensor = ReadOne(meta, where);
  AddQuantization(meta, tensor, where);
  return tensor;
}

uint64_t MobileTensors::Cost(FlatTable meta) {
  constexpr uint64_t kRow = 64;
  auto ints = [](FlatTable tensor, int field) {
    return sizeof(int64_t) * std::min(tensor.Vector(field, sizeof(int32_t)).size(), kMostSizes);
  };
  auto one = [&](FlatTable tensor) { return kRow + ints(tensor, slot::kSizes) + ints(tensor, slot::kStrides); };
  FlatTable quantized = meta.Table(slot::kQuantized);
  uint64_t parts = quantized ? one(quantized.Table(slot::kScales)) + one(quantized.Table(slot::kZeroPoints)) : 0;
  return one(meta) + parts;
}

Tensor MobileTensors::ReadOne(FlatTable meta, std::string_view where) {
  auto ints = [&](int field) {
    FlatVector vector = meta.Vector(field, sizeof(int32_t));
    std::vector<int64_t> out;
    for (size_t i = 0; i < vector.size() && i < kMostSizes; ++i) out.push_back(vector.At<int32_t>(i));
    return out;
  };
  std::vector<int64_t> shape = ints(slot::kSizes);
  std::vector<int64_t> strides = ints(slot::kStrides);
  DType dtype = DTypeFromC10(meta.Scalar<int8_t>(slot::kScalarType));
  TensorDraft draft{.shape = shape, .strides = strides, .dtype = dtype, .device = "cpu"};
  draft.offset = meta.Scalar<int32_t>(slot::kStorageOffset);
  draft.storage = StorageAt(meta.Scalar<uint32_t>(slot::kStorageIndex), dtype);
  draft.requires_grad = meta.Scalar<uint8_t>(slot::kRequiresGrad) != 0;
  return builder_.Check(draft, where);
}

void MobileTensors::AddQuantization(FlatTable meta, Tensor& tensor, std::string_view where) {
  FlatTable schema = meta.Table(slot::kQuantized);
  if (!schema) return;
  Quantization quantization{.scale = schema.Scalar<double>(slot::kScale),
                            .zero_point = schema.Scalar<int32_t>(slot::kZeroPoint)};
  quantization.per_channel = schema.Scalar<uint8_t>(slot::kScheme) == kPerChannelAffine;
  if (quantization.per_channel) {
    quantization.axis = schema.Scalar<int32_t>(slot::kAxis);
    Tensor scales = ReadOne(schema.Table(slot::kScales), where);
    Tensor zero_points = ReadOne(schema.Table(slot::kZeroPoints), where);
    auto axis = static_cast<size_t>(quantization.axis);
    if (axis >= tensor.shape.size() || scales.numel != tensor.shape[axis] || zero_points.numel != scales.numel) {
      builder_.Note(Severity::kError, "quantization", where, "its scales and zero points do not match its shape");
      return;
    }
    quantization.scales = builder_.AddComponent(scales);
    quantization.zero_points = builder_.AddComponent(zero_points);
    Component components[] = {{"scales", quantization.scales}, {"zero_points", quantization.zero_points}};
    builder_.Attach(tensor, components);
  }
  std::vector<Quantization>& rows = builder_.model().quantizations;
  tensor.quantization = static_cast<Index>(rows.size());
  rows.push_back(quantization);
}

Index MobileTensors::StorageAt(uint32_t index, DType dtype) {
  if (index >= storage_rows_.size()) return kNone;
  Index& row = storage_rows_[index];
  if (row != kNone) return row;
  FlatVector bytes = storages_.TableAt(index).Vector(0, 1);
  Storage storage{.offset = bytes.offset(), .nbytes = bytes.size(), .dtype = dtype, .device = "cpu"};
  storage.key = builder_.arena().Copy(std::to_string(index));
  if (bytes.offset() != 0) storage.source = source_;
  return row = builder_.AddStorage(storage);
}

}  // namespace pthview
