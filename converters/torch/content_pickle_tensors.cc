// How tensors stand in the pickle: as torch rebuilds them.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "converters/torch/content_pickle.h"

namespace pthview {
namespace {

constexpr std::array<std::string_view, 2> kCoo = {"indices", "values"};
constexpr std::array<std::string_view, 3> kByRow = {"crow_indices", "col_indices", "values"};
constexpr std::array<std::string_view, 3> kByColumn = {"ccol_indices", "row_indices", "values"};
constexpr std::array<std::string_view, 4> kNestedParts = {"buffer", "sizes", "strides", "offsets"};

std::span<const std::string_view> PartsOf(Layout layout) {
  switch (layout) {
    case Layout::kSparseCoo: return kCoo;
    case Layout::kSparseCsr:
    case Layout::kSparseBsr: return kByRow;
    case Layout::kSparseCsc:
    case Layout::kSparseBsc: return kByColumn;
    case Layout::kNested: return kNestedParts;
    default: return {};
  }
}

}  // namespace

std::string ContentPickle::StorageClassOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
    case DType::kFloat32:
    case DType::kFloat16:
    case DType::kBFloat16:
    case DType::kInt64:
    case DType::kInt32:
    case DType::kInt16:
    case DType::kInt8:
    case DType::kUint8:
    case DType::kBool:
    case DType::kComplex64:
    case DType::kComplex128:
    case DType::kQInt8:
    case DType::kQInt32:
    case DType::kQUInt8:
    case DType::kQUInt4x2:
    case DType::kQUInt2x4: return std::string(Info(dtype).c10) + "Storage";
    default: return {};
  }
}

void ContentPickle::Sizes(std::span<const int64_t> sizes) {
  pickle_.Mark();
  for (int64_t size : sizes) pickle_.Int(size);
  pickle_.Tuple();
}

void ContentPickle::TensorRow(Index row, bool parameter) {
  const Tensor& tensor = model_.tensors[row];
  Index first = row;
  for (int steps = 0; model_.tensors[first].same_as != kNone && steps < kMaxDepth; ++steps)
    first = model_.tensors[first].same_as;
  const uint64_t key = uint64_t{first} * 2 + (parameter ? 1 : 0);
  if (auto known = tensor_memo_.find(key); known != tensor_memo_.end()) return pickle_.Get(known->second);
  if (!tensor.device.empty() && tensor.device != "cpu" && tensor.device != "meta")
    ++devices_[std::string(tensor.device)];
  if (!tensor.class_name.empty()) {
    Note(Loss::kChanged, "tensor-class",
         tensor.class_name == "storage" ? "a bare storage is written as a tensor of its elements"
                                        : fmt::format("a {} is written as a plain tensor", tensor.class_name));
  }
  // Only floating and complex tensors may ask for gradients.
  const DTypeClass kind = Info(tensor.dtype).kind;
  const bool gradients =
      tensor.requires_grad.value_or(parameter) && (kind == DTypeClass::kFloat || kind == DTypeClass::kComplex);
  if (parameter) {
    pickle_.Global("torch._utils", "_rebuild_parameter");
    pickle_.Mark();
  }
  WriteTensor(tensor, 0);
  if (parameter) {
    pickle_.Bool(gradients);
    EmptyOrderedDict();
    pickle_.Tuple();
    pickle_.Reduce();
  }
  tensor_memo_.emplace(key, pickle_.Put());
}

void ContentPickle::WriteTensor(const Tensor& tensor, int depth) {
  if (tensor.dtype == DType::kUnknown) {
    Note(Loss::kDropped, "dtype", "the type of its elements is not known: None stands in its place");
    return pickle_.None();
  }
  const auto parts = PartsOf(tensor.layout);
  if (!parts.empty() && HasComponents(tensor, parts) && depth < kMaxDepth) {
    if (tensor.layout == Layout::kNested) {
      pickle_.Global("torch._utils", "_rebuild_nested_tensor");
      pickle_.Mark();
      Components(tensor, parts, depth);
    } else {
      pickle_.Global("torch._utils", "_rebuild_sparse_tensor");
      pickle_.Mark();
      pickle_.Global("torch.serialization", "_get_layout");
      pickle_.Text("torch." + std::string(LayoutName(tensor.layout)));
      pickle_.Tuple1();
      pickle_.Reduce();
      pickle_.Mark();
      Components(tensor, parts, depth);
      pickle_.Global("torch", "Size");
      Sizes(tensor.shape);
      pickle_.Tuple1();
      pickle_.Reduce();
      pickle_.Tuple();
    }
    pickle_.Tuple();
    return pickle_.Reduce();
  }
  if (tensor.layout != Layout::kDense) return Holder(tensor, depth);
  if (tensor.data != DataState::kPresent) return Meta(tensor);
  Dense(tensor);
}

bool ContentPickle::HasComponents(const Tensor& tensor, std::span<const std::string_view> names) const {
  return std::ranges::all_of(names, [&](std::string_view name) {
    return std::ranges::any_of(model_.ComponentsOf(tensor), [&](const Component& c) { return c.name == name; });
  });
}

void ContentPickle::Components(const Tensor& tensor, std::span<const std::string_view> names, int depth) {
  for (std::string_view name : names) {
    for (const Component& component : model_.ComponentsOf(tensor)) {
      if (component.name != name) continue;
      WriteTensor(model_.components[component.tensor], depth + 1);
      break;
    }
  }
}

// A tensor made of tensors in a way that only its class knows.
void ContentPickle::Holder(const Tensor& tensor, int depth) {
  Note(Loss::kChanged, "tensor-layout",
       fmt::format("a {} tensor is written as a dict of the tensors that it is made of", LayoutName(tensor.layout)));
  pickle_.EmptyDict();
  pickle_.Mark();
  pickle_.Text(kClassKey);
  pickle_.Text(tensor.class_name.empty() ? LayoutName(tensor.layout) : tensor.class_name);
  if (depth < kMaxDepth) {
    for (const Component& component : model_.ComponentsOf(tensor)) {
      Text(component.name);
      WriteTensor(model_.components[component.tensor], depth + 1);
    }
  }
  pickle_.SetItems();
}

// Name, shape and type without values, as torch writes meta tensors.
void ContentPickle::Meta(const Tensor& tensor, bool said) {
  if (tensor.data != DataState::kMeta && !said) {
    Note(Loss::kDropped, "data", "its values are not in the file: a meta tensor of its shape stands in its place");
  }
  pickle_.Global("torch._utils", "_rebuild_meta_tensor_no_storage");
  pickle_.Mark();
  pickle_.Global("torch", DTypeName(tensor.dtype));
  Sizes(tensor.shape);
  Sizes(tensor.strides);
  pickle_.Bool(false);
  pickle_.Tuple();
  pickle_.Reduce();
}

void ContentPickle::StorageId(const Tensor& tensor, bool untyped) {
  uint32_t record = 0;
  const auto item = std::max<uint64_t>(Info(tensor.dtype).item_size, 1);
  if (tensor.storage == kNone) {
    record = static_cast<uint32_t>(records_.size());
    records_.push_back({});
  } else if (storage_record_[tensor.storage] != 0) {
    record = storage_record_[tensor.storage] - 1;
  } else {
    const Storage& storage = model_.storages[tensor.storage];
    auto [at, is_new] = record_of_.try_emplace({storage.source, storage.offset, storage.nbytes},
                                               static_cast<uint32_t>(records_.size()));
    if (is_new) records_.push_back({tensor.storage, untyped ? storage.nbytes : storage.nbytes / item * item});
    record = at->second;
    storage_record_[tensor.storage] = record + 1;
  }
  pickle_.Mark();
  pickle_.Text("storage");
  if (untyped) {
    pickle_.Global("torch.storage", "UntypedStorage");
  } else {
    pickle_.Global("torch", StorageClassOf(tensor.dtype));
  }
  pickle_.Text(std::to_string(record));
  pickle_.Text("cpu");
  pickle_.Int(static_cast<int64_t>(untyped ? records_[record].nbytes : records_[record].nbytes / item));
  pickle_.Tuple();
  pickle_.PersistentId();
}

void ContentPickle::Dense(const Tensor& tensor) {
  const bool untyped = StorageClassOf(tensor.dtype).empty() || (tensor.storage != kNone && untyped_[tensor.storage]);
  const bool quantized = tensor.quantization != kNone;
  if (quantized != (Info(tensor.dtype).kind == DTypeClass::kQuantized) ||
      (quantized && model_.quantizations[tensor.quantization].per_channel &&
       (model_.quantizations[tensor.quantization].scales == kNone ||
        model_.quantizations[tensor.quantization].zero_points == kNone))) {
    Note(Loss::kDropped, "quantization", "how it is quantized is not in the file: a meta tensor stands in its place");
    return Meta(tensor, true);
  }
  const DTypeClass kind = Info(tensor.dtype).kind;
  const bool gradients =
      tensor.requires_grad.value_or(false) && (kind == DTypeClass::kFloat || kind == DTypeClass::kComplex);
  pickle_.Global("torch._utils", quantized ? "_rebuild_qtensor"
                                 : untyped ? "_rebuild_tensor_v3"
                                           : "_rebuild_tensor_v2");
  pickle_.Mark();
  StorageId(tensor, untyped && !quantized);
  pickle_.Int(tensor.offset);
  Sizes(tensor.shape);
  Sizes(tensor.strides);
  if (quantized) {
    const Quantization& how = model_.quantizations[tensor.quantization];
    pickle_.Mark();
    pickle_.Global("torch", how.per_channel ? "per_channel_affine" : "per_tensor_affine");
    if (how.per_channel) {
      WriteTensor(model_.components[how.scales], kMaxDepth);
      WriteTensor(model_.components[how.zero_points], kMaxDepth);
      pickle_.Int(how.axis);
    } else {
      pickle_.Float(how.scale);
      pickle_.Int(how.zero_point);
    }
    pickle_.Tuple();
  }
  pickle_.Bool(gradients);
  EmptyOrderedDict();
  if (untyped && !quantized) pickle_.Global("torch", DTypeName(tensor.dtype));
  if (tensor.conj || tensor.neg) {
    pickle_.EmptyDict();
    pickle_.Mark();
    for (auto [name, set] : {std::pair("conj", tensor.conj), std::pair("neg", tensor.neg)}) {
      if (!set) continue;  // naming it is what sets it
      pickle_.Text(name);
      pickle_.Bool(true);
    }
    pickle_.SetItems();
  }
  pickle_.Tuple();
  pickle_.Reduce();
}

}  // namespace pthview
