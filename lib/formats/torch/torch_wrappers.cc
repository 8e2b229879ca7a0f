// Tensors that are made of others: a jagged NestedTensor, and any subclass or parameter that keeps tensors among its
// attributes (torchao's, MaskedTensor, bitsandbytes' Params4bit). The tensors become components, plain attributes
// become plain values under the tensor's path. Shards: torch_distributed.cc.
//
//   _rebuild_from_type_v2(_rebuild_wrapper_subclass, cls, (cls, dtype, size, stride, ...), state)
//   state: {attributes}, or ({attributes} or None, {slots}), or what cls.__getstate__ gave
//
// Source: torch/_tensor.py (__reduce_ex__), torch/_utils.py (_get_obj_state), torch/nested/_internal.
#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/element.h"
#include "lib/base/escape.h"
#include "lib/formats/torch/torch_tensors.h"
#include "lib/formats/torch/torch_values.h"
#include "lib/model/path.h"
#include "lib/model/tensor_data.h"
#include "lib/pickle/print.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Value;
using enum GlobalKind;

namespace {

// Attributes of attributes: an AffineQuantizedTensor's data lie two steps down.
constexpr int kMaxDepth = 8;
constexpr size_t kMaxText = 400;

}  // namespace

// A dict's pairs, or those of an object's attributes and slots.
std::vector<Pair> TensorReader::FieldsOf(Value value) const {
  std::vector<Pair> fields;
  auto add = [&](Value dict) {
    auto pairs = dict.Is(Kind::kDict)     ? tree_.Dict(dict)
                 : dict.Is(Kind::kObject) ? tree_.DictItemsOf(tree_.ObjectOf(dict))
                                          : std::span<const Pair>{};
    fields.insert(fields.end(), pairs.begin(), pairs.end());
  };
  if (value.Is(Kind::kObject)) {
    const Object& object = tree_.ObjectOf(value);
    add(value);
    const Value* state = tree_.StateOf(object);
    if (state == nullptr) return fields;
    value = *state;
  }
  auto both = tree_.Sequence(value);
  if (both.empty()) {
    add(value);
  } else if (both.size() == 2 && (both[0].Is(Kind::kDict) || both[0].Is(Kind::kNone))) {
    add(both[0]);
    add(both[1]);
  }
  return fields;
}

std::string_view TensorReader::ClassNameOf(Value value) const {
  if (!value.Is(Kind::kObject)) return {};
  Value type = tree_.ObjectOf(value).callable;
  GlobalKind kind = MeaningOf(type).kind;
  auto args = tree_.Sequence(tree_.ObjectOf(value).args);
  if ((kind == kReconstructor || kind == kNewObject) && !args.empty()) type = args[0];
  return type.Is(Kind::kGlobal) ? tree_.GlobalOf(type).name : std::string_view();
}

void TensorReader::AddFact(std::string_view key, PlainKind kind, std::string_view text, std::string_view class_name) {
  std::string path(where_);
  AppendTextKey(path, key);
  if (!state_budget_.Take(path.size() + text.size())) return;
  Arena& arena = builder_.arena();
  builder_.AddPlain(
      {.path = arena.Copy(path), .text = arena.Copy(text), .class_name = arena.Copy(class_name), .kind = kind});
}

void TensorReader::ReadState(Tensor& tensor, Value state, int depth) {
  bool wrapper = tensor.data == DataState::kMeta;
  if (wrapper && tensor.class_name.ends_with(".DTensor")) return ReadDTensor(tensor, FieldsOf(state), depth);
  if (wrapper && tensor.class_name.ends_with(".ShardedTensor")) return ReadShards(tensor, state, depth);
  std::vector<Component> components;
  for (const auto& [key, value] : FieldsOf(state)) {
    if (key.IsText()) Gather(key.Text(), value, depth + 1, &components);
  }
  if (components.empty()) return;
  if (!wrapper) {
    auto known = builder_.model().ComponentsOf(tensor);
    components.insert(components.begin(), known.begin(), known.end());
    return builder_.Attach(tensor, components);
  }
  std::string names;
  for (const Component& component : components) names += (names.empty() ? "" : ", ") + std::string(component.name);
  Count("wrapper-tensor", tensor.class_name, names);
  Hold(tensor, components);
}

void TensorReader::Hold(Tensor& tensor, std::span<const Component> components) {
  tensor.layout = Layout::kWrapper;
  tensor.strides = {};
  tensor.offset = 0;
  tensor.data = components.empty() ? DataState::kMissing : builder_.model().components[components.front().tensor].data;
  builder_.Attach(tensor, components);
}

// The tensors in `value` as components, what is plain as facts; `key` is the step that leads to it.
void TensorReader::Gather(std::string_view key, Value value, int depth, std::vector<Component>* components) {
  if (key.starts_with("_dynamo_")) return;  // marks of the compiler
  if (depth > kMaxDepth || !state_budget_.Take(where_.size() + 16)) return;
  if (IsTensor(value)) {
    // What a component is made of stands in its place, as "tensor_impl.int_data".
    std::string inside(where_);
    AppendTextKey(inside, key);
    std::string_view outer = std::exchange(where_, builder_.arena().Copy(inside));
    ++inside_;
    auto tensor = --component_budget_ < 0 ? std::nullopt : ReadAt(value, depth);
    --inside_;
    where_ = outer;
    if (!tensor) return;
    if (tensor->layout == Layout::kWrapper) {
      std::vector<Component> inner(builder_.model().ComponentsOf(*tensor).begin(),
                                   builder_.model().ComponentsOf(*tensor).end());
      for (Component& component : inner) {
        component.name = builder_.arena().Copy(fmt::format("{}.{}", EscapeName(key), component.name));
        components->push_back(component);
      }
      return;
    }
    components->push_back(Named(key, *tensor));
    return;
  }
  if (TorchValues::IsScalar(value)) {
    std::string text =
        value.IsText() ? EscapeName(value.Text().substr(0, kMaxText)) : pickle::Print(tree_, value, kMaxText);
    return AddFact(key, TorchValues::PlainKindOf(value), text);
  }
  auto items = tree_.Sequence(value);
  if (std::all_of(items.begin(), items.end(), TorchValues::IsScalar) &&
      (value.Is(Kind::kTuple) || value.Is(Kind::kList))) {
    return AddFact(key, PlainKind::kSequence, pickle::Print(tree_, value, kMaxText));
  }
  std::string outer_key(key);
  for (size_t i = 0; i < items.size(); ++i) Gather(fmt::format("{}_{}", outer_key, i), items[i], depth + 1, components);
  if (!items.empty()) return;
  if (!value.Is(Kind::kDict))
    AddFact(key, PlainKind::kObject, pickle::Print(tree_, value, kMaxText), ClassNameOf(value));
  for (const auto& [name, inner] : FieldsOf(value)) {
    if (name.IsText()) Gather(fmt::format("{}.{}", outer_key, name.Text()), inner, depth + 1, components);
  }
}

Component TensorReader::Named(std::string_view name, Tensor tensor) {
  std::string path(where_);
  AppendTextKey(path, name);
  tensor.path = builder_.arena().Copy(path);
  tensor.name = tensor.path.substr(std::min(tensor.path.size(), where_.empty() ? 0 : where_.size() + 1));
  return {builder_.arena().Copy(EscapeName(name)), builder_.AddComponent(tensor)};
}

void TensorReader::Count(std::string_view code, std::string_view class_name, std::string first) {
  if (inside_ > 0) return;  // the outer one tells
  for (Holders& row : holders_) {
    if (row.code == code && row.class_name == class_name) {
      ++row.count;
      return;
    }
  }
  constexpr size_t kMostClasses = 100;
  if (holders_.size() < kMostClasses) holders_.push_back({code, class_name, std::string(where_), std::move(first), 1});
}

void TensorReader::Report() {
  for (const Holders& row : holders_) {
    bool one = row.count == 1;
    std::string what =
        row.code == "shard"
            ? fmt::format("{} this rank's part only, other ranks' files the rest", one ? "holds" : "hold")
            : fmt::format("{} made of the tensors that {}", one ? "is" : "are", one ? "it holds" : "they hold");
    builder_.Note(Severity::kInfo, row.code, row.where,
                  fmt::format("{} tensor{} of class {} {}{}: {}", row.count, one ? "" : "s", row.class_name, what,
                              one ? "" : "; the first", row.first));
  }
  holders_.clear();
}

// Everything of the tensor is there: it is the local tensor, in the class that it has.
void TensorReader::Become(Tensor& tensor, const Tensor& local) {
  Tensor whole = local;
  whole.class_name = tensor.class_name;
  whole.requires_grad = tensor.requires_grad;
  tensor = whole;
}

// ---- NestedTensor with layout=torch.jagged ----

// Elements of all constituents; nullopt when the lengths cannot be read or fit nothing.
std::optional<int64_t> TensorReader::CountByLengths(const Tensor& values, const Tensor& lengths, int64_t ragged_dim) {
  constexpr int64_t kMostLengths = 1 << 16;
  const auto rank = static_cast<int64_t>(values.shape.size());
  if (ragged_dim < 1 || ragged_dim > rank || lengths.numel > kMostLengths) return std::nullopt;
  if (lengths.layout != Layout::kDense || lengths.data != DataState::kPresent) return std::nullopt;
  if (Info(lengths.dtype).kind != DTypeClass::kInteger) return std::nullopt;
  auto bytes = ReadElements(builder_.model(), lengths, 0, lengths.numel);
  if (!bytes) return std::nullopt;
  std::vector<double> numbers(static_cast<size_t>(lengths.numel));
  DecodeToDouble(lengths.dtype, bytes->data(), numbers.size(), numbers.data());
  int64_t total = 0;
  for (double length : numbers) {
    if (!(length >= 0 && length <= static_cast<double>(values.shape[static_cast<size_t>(ragged_dim) - 1]))) {
      return std::nullopt;
    }
    auto sum = CheckedAdd(total, static_cast<int64_t>(length));
    if (!sum) return std::nullopt;
    total = *sum;
  }
  std::optional<int64_t> count = total;
  for (size_t i = 0; i < values.shape.size() && count; ++i) {
    if (static_cast<int64_t>(i) + 1 != ragged_dim) count = CheckedMul(*count, values.shape[i]);
  }
  return count;
}

// _rebuild_njt({values, offsets, lengths or None, _ragged_idx, _metadata_cache, requires_grad}): constituent i is
// values[offsets[i] : offsets[i + 1]], or lengths[i] rows from offsets[i].
std::optional<Tensor> TensorReader::RebuildJagged(Args args, int depth) {
  if (args.size() != 1) return std::nullopt;
  std::vector<Pair> fields = FieldsOf(args[0]);
  std::vector<Component> components;
  for (std::string_view name : {"values", "offsets", "lengths"}) {
    const Value* value = TorchValues::FindLast(fields, name);
    bool absent = value == nullptr || value->Is(Kind::kNone);
    auto component = absent ? std::nullopt : ComponentOf(name, *value, depth + 1);
    if (!component && (!absent || name != "lengths")) return std::nullopt;
    if (component) components.push_back(*component);
  }
  const Tensor values = builder_.model().components[components[0].tensor];
  const Tensor& offsets = builder_.model().components[components[1].tensor];
  if (offsets.shape.size() != 1) return std::nullopt;
  shape_.assign(1, std::max<int64_t>(offsets.shape[0] - 1, 0));
  TensorDraft draft{.shape = shape_, .dtype = values.dtype, .layout = Layout::kNested, .device = values.device};
  draft.numel_override = values.numel;
  const Value* ragged = TorchValues::FindLast(fields, "_ragged_idx");
  const int64_t ragged_dim = ragged != nullptr && ragged->Is(Kind::kInt) ? ragged->integer : 1;
  if (components.size() == 3) {  // with lengths: the values hold more than the constituents do
    auto count = CountByLengths(values, builder_.model().components[components[2].tensor], ragged_dim);
    if (count) draft.numel_override = *count;
  }
  if (const Value* grad = TorchValues::FindLast(fields, "requires_grad"); grad != nullptr && grad->Is(Kind::kBool)) {
    draft.requires_grad = grad->boolean;
  }
  if (ragged != nullptr && ragged->Is(Kind::kInt))
    AddFact("ragged_idx", PlainKind::kInt, std::to_string(ragged->integer));
  Tensor tensor = builder_.Check(draft, where_);
  tensor.data = values.data;
  builder_.Attach(tensor, components);
  return tensor;
}

}  // namespace pthview
