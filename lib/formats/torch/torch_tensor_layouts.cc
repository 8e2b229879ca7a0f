// The rebuild functions of tensors that are not one strided window: quantized, sparse, nested, meta, wrapped, and
// tensors spelt out as Python lists or NumPy arrays.
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/formats/torch/torch_tensors.h"

namespace pthview {

using pickle::Kind;
using pickle::Value;
using enum GlobalKind;

namespace {

double NumberOf(Value value) {
  if (value.Is(Kind::kFloat)) return value.real;
  if (value.Is(Kind::kInt)) return static_cast<double>(value.integer);
  if (value.Is(Kind::kBool)) return value.boolean ? 1 : 0;
  return 0;
}

std::optional<bool> BoolAt(std::span<const Value> args, size_t i) {
  if (i < args.size() && args[i].Is(Kind::kBool)) return args[i].boolean;
  return std::nullopt;
}

// Appends `number` as one item of `dtype`; false for types that no Python list was ever saved as.
bool AppendItem(std::vector<std::byte>& bytes, DType dtype, Value number) {
  auto append = [&bytes](auto item) {
    const auto* at = reinterpret_cast<const std::byte*>(&item);
    bytes.insert(bytes.end(), at, at + sizeof(item));
    return true;
  };
  int64_t whole = number.Is(Kind::kInt) ? number.integer : 0;
  switch (dtype) {
    case DType::kFloat32: return append(static_cast<float>(NumberOf(number)));
    case DType::kFloat64: return append(NumberOf(number));
    case DType::kInt64: return append(whole);
    case DType::kInt32: return append(static_cast<int32_t>(whole));
    case DType::kInt16: return append(static_cast<int16_t>(whole));
    case DType::kInt8: return append(static_cast<int8_t>(whole));
    case DType::kUint8: return append(static_cast<uint8_t>(whole));
    case DType::kBool: return append(static_cast<uint8_t>(NumberOf(number) != 0));
    default: return false;
  }
}

}  // namespace

// (storage, offset, size, stride, qparams, requires_grad, hooks); qparams: (per_tensor_affine, scale, zero_point) or
// (per_channel_affine, scales, zero_points, axis)
std::optional<Tensor> TensorReader::RebuildQuantized(Args args, int depth) {
  if (args.size() < 5) return std::nullopt;
  auto tensor = RebuildStrided(kRebuildTensor, args.first(4));
  if (!tensor) return std::nullopt;
  tensor->requires_grad = BoolAt(args, 5);
  Args qparams = tree_.Sequence(args[4]);
  Quantization quantization;
  if (qparams.size() == 3) {
    quantization.scale = NumberOf(qparams[1]);
    quantization.zero_point = qparams[2].Is(Kind::kInt) ? qparams[2].integer : 0;
  } else if (qparams.size() == 4) {
    quantization.per_channel = true;
    quantization.axis = qparams[3].Is(Kind::kInt) ? qparams[3].integer : 0;
    auto scales = ComponentOf("scales", qparams[1], depth + 1);
    auto zero_points = ComponentOf("zero_points", qparams[2], depth + 1);
    bool fits = scales && zero_points && quantization.axis >= 0 &&
                quantization.axis < static_cast<int64_t>(tensor->shape.size());
    for (const auto& component : {scales, zero_points}) {
      fits = fits && builder_.model().components[component->tensor].numel == tensor->shape[quantization.axis];
    }
    if (!fits) {
      builder_.Note(Severity::kError, "quantization", where_, "its scales and zero points do not match its shape");
      return tensor;
    }
    quantization.scales = scales->tensor;
    quantization.zero_points = zero_points->tensor;
    Component components[] = {*scales, *zero_points};
    builder_.Attach(*tensor, components);
  } else {
    builder_.Note(Severity::kWarning, "quantization", where_, "its quantization parameters are not understood");
    return tensor;
  }
  builder_.model().quantizations.push_back(quantization);
  tensor->quantization = static_cast<Index>(builder_.model().quantizations.size() - 1);
  return tensor;
}

// COO: (indices, values, size [, is_coalesced]); compressed: (compressed, plain, values, size)
std::optional<Tensor> TensorReader::RebuildSparse(Layout layout, Args data, int depth) {
  static constexpr std::string_view kNames[][3] = {
      {"indices", "values", ""},                  // COO
      {"crow_indices", "col_indices", "values"},  // CSR, BSR
      {"ccol_indices", "row_indices", "values"},  // CSC, BSC
  };
  bool coo = layout == Layout::kSparseCoo;
  size_t stored = coo ? 2 : 3;
  if (data.size() < stored + 1) return std::nullopt;
  const auto& names = kNames[coo ? 0 : (layout == Layout::kSparseCsr || layout == Layout::kSparseBsr) ? 1 : 2];
  std::vector<Component> components;
  for (size_t i = 0; i < stored; ++i) {
    auto component = ComponentOf(names[i], data[i], depth + 1);
    if (!component) return std::nullopt;
    components.push_back(*component);
  }
  const Tensor& values = builder_.model().components[components.back().tensor];
  DType dtype = values.dtype;
  std::string_view device = values.device;
  DataState state = DataState::kPresent;
  for (const Component& component : components) {
    DataState inner = builder_.model().components[component.tensor].data;
    if (inner != DataState::kPresent) state = inner;
  }
  if (!Ints(data[stored], &shape_)) return std::nullopt;
  Tensor tensor = builder_.Check({.shape = shape_, .dtype = dtype, .layout = layout, .device = device}, where_);
  tensor.data = state;
  builder_.Attach(tensor, components);
  return tensor;
}

// (dtype, size, stride, requires_grad)
std::optional<Tensor> TensorReader::RebuildMeta(Args args) {
  if (args.size() < 3 || !Ints(args[1], &shape_) || !Ints(args[2], &strides_)) return std::nullopt;
  TensorDraft draft{.shape = shape_, .strides = strides_, .dtype = DTypeOf(args[0]), .meta = true, .device = "meta"};
  draft.requires_grad = BoolAt(args, 3);
  return builder_.Check(draft, where_);
}

// (buffer, sizes, strides, storage_offsets)
std::optional<Tensor> TensorReader::RebuildNested(Args args, int depth) {
  static constexpr std::string_view kNames[] = {"buffer", "sizes", "strides", "offsets"};
  if (args.size() < 4) return std::nullopt;
  std::vector<Component> components;
  for (size_t i = 0; i < 4; ++i) {
    auto component = ComponentOf(kNames[i], args[i], depth + 1);
    if (!component) return std::nullopt;
    components.push_back(*component);
  }
  const Tensor buffer = builder_.model().components[components[0].tensor];
  const Tensor& sizes = builder_.model().components[components[1].tensor];
  shape_.assign(1, sizes.shape.empty() ? 0 : sizes.shape[0]);
  TensorDraft draft{.shape = shape_, .dtype = buffer.dtype, .layout = Layout::kNested, .device = buffer.device};
  draft.numel_override = buffer.numel;
  Tensor tensor = builder_.Check(draft, where_);
  tensor.data = buffer.data;
  builder_.Attach(tensor, components);
  return tensor;
}

// (cls, dtype, size, stride, storage_offset, layout, device, requires_grad): what it holds stands in its state
std::optional<Tensor> TensorReader::RebuildWrapper(Args args) {
  if (args.size() < 8 || !Ints(args[2], &shape_) || !Ints(args[3], &strides_)) return std::nullopt;
  TensorDraft draft{.shape = shape_, .strides = strides_, .dtype = DTypeOf(args[1]), .meta = true};
  draft.offset = args[4].Is(Kind::kInt) ? args[4].integer : 0;
  draft.device = DeviceOf(args[6]);
  draft.requires_grad = BoolAt(args, 7);
  if (args[0].Is(Kind::kGlobal)) draft.class_name = QualifiedName(args[0]);
  return builder_.Check(draft, where_);
}

// (array, dtype, device, requires_grad)
std::optional<Tensor> TensorReader::RebuildFromNumpy(Args args, int depth) {
  if (args.empty()) return std::nullopt;
  auto tensor = ReadAt(args[0], depth + 1);
  if (!tensor) return std::nullopt;
  tensor->class_name = {};
  DType dtype = args.size() > 1 ? DTypeOf(args[1]) : DType::kUnknown;
  if (dtype != DType::kUnknown && dtype != tensor->dtype) {
    if (Info(dtype).item_size == Info(tensor->dtype).item_size) {
      tensor->dtype = dtype;  // bfloat16 travels as the bits of another type of its width
    } else {
      builder_.Note(
          Severity::kInfo, "dtype-widened", where_,
          fmt::format("it was a {} tensor; the file holds it as {}", DTypeName(dtype), DTypeName(tensor->dtype)));
    }
  }
  if (args.size() > 2) tensor->device = DeviceOf(args[2]);
  tensor->requires_grad = BoolAt(args, 3);
  return tensor;
}

// torch.FloatTensor([[1.0, 2.0], [3.0, 4.0]])
std::optional<Tensor> TensorReader::FromPythonList(DType dtype, Value list) {
  std::vector<int64_t> shape;
  // Rows may be shared by reference, so that the whole could be far larger than the pickle: it is bounded by it. Each
  // level is, for an empty row at the end would make the whole 0.
  int64_t numel = 1;
  for (Value level = list; level.Is(Kind::kList);) {
    auto items = tree_.List(level);
    shape.push_back(static_cast<int64_t>(items.size()));
    numel = CheckedMul(numel, shape.back()).value_or(INT64_MAX);
    if (numel > static_cast<int64_t>(tree_.end)) return std::nullopt;
    if (items.empty() || shape.size() > 64) break;
    level = items[0];
  }
  std::vector<std::byte> bytes;
  std::vector<Value> level{list};
  for (size_t depth = 0; depth < shape.size(); ++depth) {
    std::vector<Value> next;
    for (Value row : level) {
      auto items = tree_.Sequence(row);
      if (!row.Is(Kind::kList) || static_cast<int64_t>(items.size()) != shape[depth]) return std::nullopt;
      next.insert(next.end(), items.begin(), items.end());
    }
    level = std::move(next);
  }
  for (Value item : level) {
    if (!AppendItem(bytes, dtype, item)) return std::nullopt;
  }
  Index storage = builder_.AddMemoryStorage("list", std::move(bytes), dtype, "cpu");
  return builder_.Check({.shape = shape, .storage = storage, .dtype = dtype, .device = "cpu"}, where_);
}

std::optional<Component> TensorReader::ComponentOf(std::string_view name, Value value, int depth) {
  if (--component_budget_ < 0) return std::nullopt;
  auto tensor = ReadAt(value, depth);
  if (!tensor) return std::nullopt;
  tensor->path = builder_.arena().Copy(fmt::format("{}.{}", where_, name));
  tensor->name = tensor->path.substr(where_.empty() ? 0 : where_.size() + 1);
  return Component{builder_.arena().Copy(name), builder_.AddComponent(*tensor)};
}

Layout TensorReader::LayoutOf(Value value) const {
  std::string_view name;
  if (value.Is(Kind::kGlobal)) {
    name = tree_.GlobalOf(value).name;
  } else if (value.Is(Kind::kObject)) {
    Args args = tree_.Sequence(tree_.ObjectOf(value).args);
    if (!args.empty() && args[0].IsText()) name = args[0].Text();
  } else if (value.IsText()) {
    name = value.Text();
  }
  if (name.starts_with("torch.")) name.remove_prefix(6);
  for (Layout layout :
       {Layout::kSparseCoo, Layout::kSparseCsr, Layout::kSparseCsc, Layout::kSparseBsr, Layout::kSparseBsc}) {
    if (name == LayoutName(layout)) return layout;
  }
  return Layout::kDense;
}

}  // namespace pthview
