// Tensors of which a file holds a rank's share: DTensor, ShardedTensor, and the form that ShardedTensor had before
// torch 1.13. A shard is a component with its place in the whole; where the share is the whole, the tensor is that one.
//
// Source: torch/distributed/tensor/_api.py, torch/distributed/device_mesh.py,
// torch/distributed/_shard/sharded_tensor/api.py.
#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/formats/torch/torch_tensors.h"
#include "lib/formats/torch/torch_values.h"
#include "lib/model/path.h"
#include "lib/pickle/print.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Value;
using enum GlobalKind;

namespace {

constexpr size_t kMostPlace = 400;  // bytes of the text that says where a shard lies

std::string Listed(std::span<const int64_t> numbers) { return fmt::format("[{}]", fmt::join(numbers, ", ")); }

}  // namespace

// ---- DTensor ----

// {_local_tensor: Tensor, _spec: DTensorSpec{mesh: DeviceMesh, placements: (Shard{dim}, Replicate,
// Partial{reduce_op})}}
void TensorReader::ReadDTensor(Tensor& tensor, std::span<const Pair> fields, int depth) {
  const Value* local = TorchValues::FindLast(fields, "_local_tensor");
  const Value* spec = TorchValues::FindLast(fields, "_spec");
  auto read = local != nullptr ? ReadAt(*local, depth + 1) : std::nullopt;
  if (!read) {
    tensor.data = DataState::kMissing;
    builder_.Note(Severity::kWarning, "dtensor", where_, "it holds no local tensor that can be read");
    return;
  }
  std::vector<Pair> spec_fields = spec != nullptr ? FieldsOf(*spec) : std::vector<Pair>();
  const Value* placements = TorchValues::FindLast(spec_fields, "placements");
  if (placements == nullptr) placements = TorchValues::FindLast(fields, "_placements");
  const Value* mesh = TorchValues::FindLast(spec_fields, "mesh");
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
    const Value* dim = TorchValues::FindLast(fields, "dim");
    if (dim == nullptr && !args.empty()) dim = &args.back();
    if (dim == nullptr || !dim->Is(Kind::kInt)) return {Placement::kOther, 0, "Shard(?)"};
    // The pieces of a strided shard are not in order: where one begins does not say where it lies.
    return {name == "Shard" ? Placement::kShard : Placement::kOther, dim->integer,
            fmt::format("{}(dim={})", name, dim->integer)};
  }
  if (name == "Replicate") return {Placement::kReplicate, 0, "Replicate()"};
  if (name == "Partial" || name == "_Partial" || name == "_NormPartial" || name == "_MaskPartial") {
    const Value* op = TorchValues::FindLast(fields, "reduce_op");
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
  if (const Value* layout = TorchValues::FindLast(fields, "_layout")) {
    std::vector<Pair> inside = FieldsOf(*layout);
    if (const Value* axes = TorchValues::FindLast(inside, "axes")) {
      for (Value axis : tree_.Sequence(*axes)) {
        std::vector<Pair> of_axis = FieldsOf(axis);
        if (const Value* shape = TorchValues::FindLast(of_axis, "shape")) append(*shape);
      }
    } else if (const Value* shape = TorchValues::FindLast(inside, "shape")) {
      for (Value size : tree_.Sequence(*shape)) append(size);
    } else if (layout->Is(Kind::kObject)) {
      auto args = tree_.Sequence(tree_.ObjectOf(*layout).args);
      for (Value size : args.empty() ? Args{} : tree_.Sequence(args[0])) append(size);
    }
  }
  for (std::string_view name : {"mesh", "_mesh"}) {
    const Value* tensor = TorchValues::FindLast(fields, name);
    if (!mesh.shape.empty() || tensor == nullptr || !IsTensor(*tensor)) continue;
    if (auto read = ReadAt(*tensor, 1)) mesh.shape.assign(read->shape.begin(), read->shape.end());
  }
  if (const Value* coordinate = TorchValues::FindLast(fields, "_coordinate_on_dim")) {
    for (Value index : tree_.Sequence(*coordinate))
      mesh.coordinate.push_back(index.Is(Kind::kInt) ? index.integer : -1);
  }
  const Value* names = TorchValues::FindLast(fields, "_mesh_dim_names");
  if (names == nullptr) names = TorchValues::FindLast(fields, "mesh_dim_names");
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
    if (const Value* all = TorchValues::FindLast(metadata, "shards_metadata")) total = tree_.Sequence(*all).size();
  }
  std::vector<Component> components;
  std::string places;
  for (size_t i = 0; i < shards.size() && --component_budget_ >= 0; ++i) {
    std::vector<Pair> fields = FieldsOf(shards[i]);
    const Value* data = TorchValues::FindLast(fields, "tensor");
    auto local = data != nullptr ? ReadAt(*data, depth + 1) : std::nullopt;
    if (!local) continue;
    std::vector<Pair> metadata;
    if (const Value* found = TorchValues::FindLast(fields, "metadata")) metadata = FieldsOf(*found);
    const Value* offsets = TorchValues::FindLast(metadata, "shard_offsets");
    std::string place = offsets != nullptr ? pickle::Print(tree_, *offsets, kMostPlace) : "an unknown place";
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
  const Value* state = tree_.StateOf(object);
  auto parts = tree_.StateItemsOf(object);
  if (parts.size() < 2) return std::nullopt;
  std::vector<Pair> metadata = FieldsOf(parts[1]);
  const Value* size = TorchValues::FindLast(metadata, "size");
  if (size == nullptr || !Ints(*size, &shape_)) return std::nullopt;
  TensorDraft draft{.shape = shape_, .meta = true};
  if (const Value* properties = TorchValues::FindLast(metadata, "tensor_properties");
      properties != nullptr && properties->Is(Kind::kObject)) {
    auto facts = tree_.StateItemsOf(tree_.ObjectOf(*properties));
    if (!facts.empty()) draft.dtype = DTypeOf(facts[0]);
  }
  Tensor tensor = builder_.Check(draft, where_);
  tensor.class_name = QualifiedName(object.callable);
  ReadShards(tensor, *state, depth);
  return tensor;
}

}  // namespace pthview
