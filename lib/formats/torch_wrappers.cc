// Tensors that are made of others: a DTensor's or ShardedTensor's shards, a jagged NestedTensor, and any subclass or
// parameter that keeps tensors among its attributes (torchao's, MaskedTensor, bitsandbytes' Params4bit). The tensors
// become components, plain attributes become plain values under the tensor's path.
//
//   _rebuild_from_type_v2(_rebuild_wrapper_subclass, cls, (cls, dtype, size, stride, ...), state)
//   state: {attributes}, or ({attributes} or None, {slots}), or what cls.__getstate__ gave
//
// Source: torch/_tensor.py (__reduce_ex__), torch/_utils.py (_get_obj_state), torch/distributed/tensor/_api.py,
// torch/distributed/device_mesh.py, torch/distributed/_shard/sharded_tensor/api.py, torch/nested/_internal.
#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/formats/torch_tensors.h"
#include "lib/model/path.h"
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

bool IsPlain(Value value) {
  switch (value.kind) {
    case Kind::kNone:
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kBigInt:
    case Kind::kFloat:
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kByteArray: return true;
    default: return false;
  }
}

PlainKind PlainKindOf(Value value) {
  switch (value.kind) {
    case Kind::kNone: return PlainKind::kNone;
    case Kind::kBool: return PlainKind::kBool;
    case Kind::kInt:
    case Kind::kBigInt: return PlainKind::kInt;
    case Kind::kFloat: return PlainKind::kFloat;
    case Kind::kString: return PlainKind::kString;
    case Kind::kBytes:
    case Kind::kByteArray: return PlainKind::kBytes;
    case Kind::kTuple:
    case Kind::kList: return PlainKind::kSequence;
    default: return PlainKind::kObject;
  }
}

const Value* Find(std::span<const Pair> pairs, std::string_view key) {
  const Value* found = nullptr;  // the last one, as in Python
  for (const Pair& pair : pairs) {
    if (pair.first.IsText() && pair.first.Text() == key) found = &pair.second;
  }
  return found;
}

std::string Listed(std::span<const int64_t> numbers) { return fmt::format("[{}]", fmt::join(numbers, ", ")); }

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
    if (!object.has_state) return fields;
    value = object.state;
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

void TensorReader::AddFact(std::string_view key, PlainKind kind, std::string text, std::string_view class_name) {
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
  tensor.layout = Layout::kSharded;
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
    if (tensor->layout == Layout::kSharded) {
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
  if (IsPlain(value)) {
    std::string text =
        value.IsText() ? EscapeName(value.Text().substr(0, kMaxText)) : pickle::Print(tree_, value, kMaxText);
    return AddFact(key, PlainKindOf(value), std::move(text));
  }
  auto items = tree_.Sequence(value);
  if (std::all_of(items.begin(), items.end(), IsPlain) && (value.Is(Kind::kTuple) || value.Is(Kind::kList))) {
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

// ---- DTensor ----

// {_local_tensor: Tensor, _spec: DTensorSpec{mesh: DeviceMesh, placements: (Shard{dim}, Replicate,
// Partial{reduce_op})}}
void TensorReader::ReadDTensor(Tensor& tensor, std::span<const Pair> fields, int depth) {
  const Value* local = Find(fields, "_local_tensor");
  const Value* spec = Find(fields, "_spec");
  auto read = local != nullptr ? ReadAt(*local, depth + 1) : std::nullopt;
  if (!read) {
    tensor.data = DataState::kMissing;
    builder_.Note(Severity::kWarning, "dtensor", where_, "it holds no local tensor that can be read");
    return;
  }
  std::vector<Pair> spec_fields = spec != nullptr ? FieldsOf(*spec) : std::vector<Pair>();
  const Value* placements = Find(spec_fields, "placements");
  if (placements == nullptr) placements = Find(fields, "_placements");
  const Value* mesh = Find(spec_fields, "mesh");
  Mesh where = mesh != nullptr ? ReadMesh(*mesh) : Mesh();

  std::vector<Placement> placed;
  std::string text;
  for (Value value : placements != nullptr ? tree_.Sequence(*placements) : Args{}) {
    placed.push_back(ReadPlacement(value));
    text += (text.empty() ? "" : ", ") + placed.back().text;
  }
  bool partial =
      std::any_of(placed.begin(), placed.end(), [](const Placement& p) { return p.kind == Placement::kPartial; });
  bool whole = !partial && !placed.empty() && std::ranges::equal(read->shape, tensor.shape);
  AddFact("placements", PlainKind::kSequence, fmt::format("({}{})", text, placed.size() == 1 ? "," : ""));
  AddFact("mesh", PlainKind::kString, where.text);
  if (whole) return Become(tensor, *read);

  std::string place = Listed(read->shape);
  if (auto offsets = OffsetsOf(tensor.shape, read->shape, placed, where)) {
    AddFact("local_offsets", PlainKind::kSequence, Listed(*offsets));
    place += " at " + Listed(*offsets);
  }
  Component component = Named("local", *read);
  Count("shard", tensor.class_name,
        partial ? fmt::format("one of the summands of {}, placements ({})", Listed(tensor.shape), text)
                : fmt::format("{} of {}, placements ({}) over {}", place, Listed(tensor.shape), text, where.text));
  Hold(tensor, std::span(&component, 1));
}

TensorReader::Placement TensorReader::ReadPlacement(Value value) const {
  std::string_view name = ClassNameOf(value);
  std::vector<Pair> fields = FieldsOf(value);
  auto args = value.Is(Kind::kObject) ? tree_.Sequence(tree_.ObjectOf(value).args) : Args{};
  if (name == "Shard" || name == "_StridedShard") {
    const Value* dim = Find(fields, "dim");
    if (dim == nullptr && !args.empty()) dim = &args.back();
    if (dim == nullptr || !dim->Is(Kind::kInt)) return {Placement::kOther, 0, "Shard(?)"};
    // The pieces of a strided shard are not in order: where one begins does not say where it lies.
    return {name == "Shard" ? Placement::kShard : Placement::kOther, dim->integer,
            fmt::format("{}(dim={})", name, dim->integer)};
  }
  if (name == "Replicate") return {Placement::kReplicate, 0, "Replicate()"};
  if (name == "Partial" || name == "_Partial" || name == "_NormPartial" || name == "_MaskPartial") {
    const Value* op = Find(fields, "reduce_op");
    std::string operation = op != nullptr && op->IsText() ? EscapeName(op->Text().substr(0, 40)) : "sum";
    return {Placement::kPartial, 0, fmt::format("Partial({})", operation)};
  }
  return {Placement::kOther, 0, pickle::Print(tree_, value, 80)};
}

// Its sizes stand in `_layout` (torch 2.10 on: axes of a shape each, or one shape) or are those of the tensor `mesh`.
TensorReader::Mesh TensorReader::ReadMesh(Value value) {
  Mesh mesh;
  std::vector<Pair> fields = FieldsOf(value);
  auto append = [&](Value sizes) {
    if (sizes.Is(Kind::kInt)) mesh.shape.push_back(sizes.integer);
    std::vector<int64_t> numbers;
    if (Ints(sizes, &numbers)) {
      int64_t product = 1;
      for (int64_t n : numbers) product *= n > 0 && n < 1 << 20 && product < int64_t{1} << 40 ? n : 0;
      mesh.shape.push_back(product);
    }
  };
  if (const Value* layout = Find(fields, "_layout")) {
    std::vector<Pair> inside = FieldsOf(*layout);
    if (const Value* axes = Find(inside, "axes")) {
      for (Value axis : tree_.Sequence(*axes)) {
        std::vector<Pair> of_axis = FieldsOf(axis);
        if (const Value* shape = Find(of_axis, "shape")) append(*shape);
      }
    } else if (const Value* shape = Find(inside, "shape")) {
      for (Value size : tree_.Sequence(*shape)) append(size);
    } else if (layout->Is(Kind::kObject)) {
      auto args = tree_.Sequence(tree_.ObjectOf(*layout).args);
      for (Value size : args.empty() ? Args{} : tree_.Sequence(args[0])) append(size);
    }
  }
  for (std::string_view name : {"mesh", "_mesh"}) {
    const Value* tensor = Find(fields, name);
    if (!mesh.shape.empty() || tensor == nullptr || !IsTensor(*tensor)) continue;
    if (auto read = ReadAt(*tensor, 1)) mesh.shape.assign(read->shape.begin(), read->shape.end());
  }
  if (const Value* coordinate = Find(fields, "_coordinate_on_dim")) {
    for (Value index : tree_.Sequence(*coordinate))
      mesh.coordinate.push_back(index.Is(Kind::kInt) ? index.integer : -1);
  }
  const Value* names = Find(fields, "_mesh_dim_names");
  if (names == nullptr) names = Find(fields, "mesh_dim_names");
  auto dims = names != nullptr ? tree_.Sequence(*names) : Args{};
  for (size_t i = 0; i < mesh.shape.size(); ++i) {
    std::string name = i < dims.size() && dims[i].IsText() ? EscapeName(dims[i].Text().substr(0, 40)) + "=" : "";
    mesh.text += fmt::format("{}{}{}", i == 0 ? "" : ", ", name, mesh.shape[i]);
  }
  mesh.text = mesh.shape.empty() ? "a mesh of unknown size" : fmt::format("a mesh of ({})", mesh.text);
  if (!mesh.coordinate.empty()) mesh.text += fmt::format(" at {}", Listed(mesh.coordinate));
  return mesh;
}

// Each mesh dimension in turn cuts what the ones before left into chunks of ceil(size / ranks), as torch.chunk does.
std::optional<std::vector<int64_t>> TensorReader::OffsetsOf(std::span<const int64_t> shape,
                                                            std::span<const int64_t> local,
                                                            std::span<const Placement> placed, const Mesh& mesh) {
  if (mesh.shape.size() != placed.size() || mesh.coordinate.size() != placed.size()) return std::nullopt;
  std::vector<int64_t> offsets(shape.size(), 0);
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  for (size_t i = 0; i < placed.size(); ++i) {
    if (placed[i].kind == Placement::kReplicate) continue;
    int64_t ranks = mesh.shape[i];
    int64_t at = mesh.coordinate[i];
    int64_t dim = placed[i].dim < 0 ? placed[i].dim + static_cast<int64_t>(shape.size()) : placed[i].dim;
    bool known = placed[i].kind == Placement::kShard && dim >= 0 && dim < static_cast<int64_t>(shape.size()) &&
                 ranks > 0 && at >= 0 && at < ranks;
    if (!known) return std::nullopt;
    int64_t size = sizes[static_cast<size_t>(dim)];
    int64_t chunk = size / ranks + (size % ranks != 0);
    int64_t start = chunk != 0 && at > size / chunk ? size : std::min(chunk * at, size);
    offsets[static_cast<size_t>(dim)] += start;
    sizes[static_cast<size_t>(dim)] = std::min(chunk, size - start);
  }
  if (!std::ranges::equal(sizes, local)) return std::nullopt;
  return offsets;
}

// ---- ShardedTensor ----

// ([Shard{tensor, metadata: ShardMetadata{shard_offsets, shard_sizes, placement}}, ...],
//  ShardedTensorMetadata{shards_metadata: [ShardMetadata, ...], size, tensor_properties}, ...)
void TensorReader::ReadShards(Tensor& tensor, Value state, int depth) {
  auto parts = tree_.Sequence(state);
  auto shards = parts.empty() ? Args{} : tree_.Sequence(parts[0]);
  size_t total = 0;
  if (parts.size() > 1) {
    std::vector<Pair> metadata = FieldsOf(parts[1]);
    if (const Value* all = Find(metadata, "shards_metadata")) total = tree_.Sequence(*all).size();
  }
  std::vector<Component> components;
  std::string places;
  for (size_t i = 0; i < shards.size() && --component_budget_ >= 0; ++i) {
    std::vector<Pair> fields = FieldsOf(shards[i]);
    const Value* data = Find(fields, "tensor");
    auto local = data != nullptr ? ReadAt(*data, depth + 1) : std::nullopt;
    if (!local) continue;
    std::vector<Pair> metadata;
    if (const Value* found = Find(fields, "metadata")) metadata = FieldsOf(*found);
    const Value* offsets = Find(metadata, "shard_offsets");
    std::string place = offsets != nullptr ? pickle::Print(tree_, *offsets, kMaxText) : "an unknown place";
    if (shards.size() == 1 && std::ranges::equal(local->shape, tensor.shape)) return Become(tensor, *local);
    if (i < 4) places += fmt::format("{}{} at {}", places.empty() ? "" : ", ", Listed(local->shape), place);
    AddFact(fmt::format("shard_{}.offsets", i), PlainKind::kSequence, place);
    components.push_back(Named(fmt::format("shard_{}", i), *local));
  }
  if (components.size() > 4) places += ", ...";
  AddFact("shards", PlainKind::kString, fmt::format("{} of {}", components.size(), total));
  Count("shard", tensor.class_name,
        components.empty()
            ? fmt::format("none of its {} shards", total)
            : fmt::format("{} of {}, {} of {} shards", places, Listed(tensor.shape), components.size(), total));
  Hold(tensor, components);
}

// torch 1.10 to 1.13: an object of its own, not a tensor. Its sizes and type stand in its metadata.
std::optional<Tensor> TensorReader::ReadOldShardedTensor(const Object& object, int depth) {
  auto parts = tree_.Sequence(object.state);
  if (!object.has_state || parts.size() < 2) return std::nullopt;
  std::vector<Pair> metadata = FieldsOf(parts[1]);
  const Value* size = Find(metadata, "size");
  if (size == nullptr || !Ints(*size, &shape_)) return std::nullopt;
  TensorDraft draft{.shape = shape_, .meta = true};
  if (const Value* properties = Find(metadata, "tensor_properties");
      properties != nullptr && properties->Is(Kind::kObject)) {
    auto state = tree_.Sequence(tree_.ObjectOf(*properties).state);
    if (!state.empty()) draft.dtype = DTypeOf(state[0]);
  }
  Tensor tensor = builder_.Check(draft, where_);
  tensor.class_name = QualifiedName(object.callable);
  ReadShards(tensor, object.state, depth);
  return tensor;
}

// ---- NestedTensor with layout=torch.jagged ----

// _rebuild_njt({values, offsets, lengths or None, _ragged_idx, _metadata_cache, requires_grad}): constituent i is
// values[offsets[i] : offsets[i + 1]], or lengths[i] rows from offsets[i].
std::optional<Tensor> TensorReader::RebuildJagged(Args args, int depth) {
  if (args.size() != 1) return std::nullopt;
  std::vector<Pair> fields = FieldsOf(args[0]);
  std::vector<Component> components;
  for (std::string_view name : {"values", "offsets", "lengths"}) {
    const Value* value = Find(fields, name);
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
  if (const Value* grad = Find(fields, "requires_grad"); grad != nullptr && grad->Is(Kind::kBool)) {
    draft.requires_grad = grad->boolean;
  }
  const Value* ragged = Find(fields, "_ragged_idx");
  if (ragged != nullptr && ragged->Is(Kind::kInt))
    AddFact("ragged_idx", PlainKind::kInt, std::to_string(ragged->integer));
  Tensor tensor = builder_.Check(draft, where_);
  tensor.data = values.data;
  builder_.Attach(tensor, components);
  return tensor;
}

}  // namespace pthview
