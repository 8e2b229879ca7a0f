#include "lib/formats/torch/torch_tensors.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/formats/common/pickled_ints.h"
#include "lib/formats/torch/joblib_arrays.h"
#include "lib/formats/torch/numpy_arrays.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Value;
using enum GlobalKind;

namespace {

std::optional<bool> BoolOf(Value value) {
  if (value.Is(Kind::kBool)) return value.boolean;
  if (value.Is(Kind::kInt)) return value.integer != 0;
  return std::nullopt;
}

}  // namespace

TensorReader::TensorReader(const TorchPickle& file, ModelBuilder& builder, NestedStorageReader nested)
    : file_(file),
      tree_(file.tree),
      builder_(builder),
      nested_(std::move(nested)),
      devices_(builder.arena()),
      component_budget_(static_cast<int64_t>(file.tree.end / 16 + 4096)),
      state_budget_(Allowance::OfFile(file.tree.end)) {}

GlobalMeaning TensorReader::MeaningOf(Value callable) const {
  if (callable.Is(Kind::kGlobal)) return file_.meanings[callable.index];
  return {};
}

const TensorRow* TensorReader::RowOf(Value persistent) const {
  if (file_.tensors.empty()) return nullptr;
  const TensorRow& row = file_.tensors[persistent.index];
  return row.is_tensor ? &row : nullptr;
}

bool TensorReader::IsTensor(Value value) const {
  if (value.Is(Kind::kPersistent)) return RowOf(value) != nullptr || file_.storages[value.index].is_storage;
  if (!value.Is(Kind::kObject)) return false;
  const Object& object = tree_.ObjectOf(value);
  switch (MeaningOf(object.callable).kind) {
    case kRebuildTensor:
    case kRebuildTensorV2:
    case kRebuildTensorV3:
    case kRebuildParameter:
    case kRebuildParameterWithState:
    case kRebuildQTensor:
    case kRebuildSparse:
    case kRebuildSparseCsr:
    case kRebuildMeta:
    case kRebuildNested:
    case kRebuildJagged:
    case kRebuildWrapper:
    case kRebuildFromNumpy:
    case kRebuildFromCpu:
    case kRebuildFromType:
    case kRebuildFromTypeV2:
    case kTensorClass:
    case kTensorBase:
    case kParameter:
    case kBuffer:
    case kUninitialized:
    case kLoadFromBytes:
    case kStorageClass: return true;
    case kShardedTensor: return tree_.StateOf(object) != nullptr;
    case kNumpyReconstruct:
    case kDillArray:
    case kNumpyFromBuffer: return IsNumpyArray(tree_, file_.meanings, value);
    case kJoblibArray: return IsJoblibArray(file_, object);
    default: return false;
  }
}

bool TensorReader::IsParameter(Value value) const {
  if (!value.Is(Kind::kObject)) return false;
  const Object& object = tree_.ObjectOf(value);
  GlobalKind kind = MeaningOf(object.callable).kind;
  if (kind == kRebuildFromTypeV2 || kind == kRebuildFromType) {
    auto args = tree_.Sequence(object.args);
    if (args.empty()) return false;
    kind = MeaningOf(args[0]).kind;
  }
  return kind == kRebuildParameter || kind == kRebuildParameterWithState || kind == kParameter;
}

std::optional<Tensor> TensorReader::Read(Value value, std::string_view where) {
  where_ = where;
  return ReadAt(value, 0);
}

std::optional<Tensor> TensorReader::ReadAt(Value value, int depth) {
  if (depth > kDeepest) {
    builder_.Note(Severity::kError, "tensor-nesting", where_,
                  fmt::format("tensors are wrapped in each other more than {} deep", kDeepest));
    return std::nullopt;
  }
  if (value.Is(Kind::kPersistent)) {
    if (const TensorRow* tensor = RowOf(value)) {
      return builder_.Check({.shape = tensor->shape,
                             .strides = tensor->strides,
                             .offset = tensor->offset,
                             .storage = tensor->storage.storage,
                             .dtype = tensor->storage.dtype,
                             .device = tensor->storage.device},
                            where_);
    }
    const StorageRow& row = file_.storages[value.index];
    return row.is_storage ? std::optional(BareStorage(row)) : std::nullopt;
  }
  if (!value.Is(Kind::kObject)) return std::nullopt;
  return ReadObject(tree_.ObjectOf(value), depth);
}

std::optional<Tensor> TensorReader::ReadObject(const Object& object, int depth) {
  GlobalMeaning meaning = MeaningOf(object.callable);
  Args args = tree_.Sequence(object.args);
  switch (meaning.kind) {
    case kTensorClass:
    case kTensorBase:
    case kParameter:
    case kBuffer:
    case kUninitialized: return ReadOldForm(meaning, object, depth);
    case kShardedTensor: return ReadOldShardedTensor(object, depth);
    case kNumpyReconstruct:
    case kDillArray:
    case kNumpyFromBuffer: return ReadNumpyArray(tree_, file_.meanings, builder_, object, where_);
    case kJoblibArray: return ReadJoblibArray(file_, builder_, object, where_);
    case kStorageClass:
      if (args.size() == 1 && args[0].Is(Kind::kList)) return FromPythonList(meaning.dtype, args[0]);
      return std::nullopt;
    case kLoadFromBytes: {
      auto row = Nested(args);
      return row ? std::optional(BareStorage(*row)) : std::nullopt;
    }
    default: return Rebuild(meaning, args, depth);
  }
}

std::optional<Tensor> TensorReader::Rebuild(GlobalMeaning meaning, Args args, int depth) {
  if (depth > kDeepest) return std::nullopt;  // functions that name themselves as what to call
  switch (meaning.kind) {
    case kRebuildTensor:
    case kRebuildTensorV2:
    case kRebuildTensorV3: return RebuildStrided(meaning.kind, args);
    case kRebuildParameter:
    case kRebuildParameterWithState: {
      if (args.empty()) return std::nullopt;
      auto tensor = ReadAt(args[0], depth + 1);
      if (!tensor) return std::nullopt;
      if (args.size() > 1) tensor->requires_grad = BoolOf(args[1]);
      if (args.size() > 3) ReadState(*tensor, args[3], depth);
      return tensor;
    }
    case kRebuildQTensor: return RebuildQuantized(args, depth);
    case kRebuildSparse: {
      if (args.size() < 2) return std::nullopt;
      return RebuildSparse(LayoutOf(args[0]), tree_.Sequence(args[1]), depth);
    }
    case kRebuildSparseCsr: {
      Layout layout = args.empty() ? Layout::kSparseCsr : LayoutOf(args[0]);
      Args data = args.size() >= 2 ? tree_.Sequence(args[1]) : Args{};
      return RebuildSparse(layout == Layout::kDense ? Layout::kSparseCsr : layout, data, depth);
    }
    case kRebuildMeta: return RebuildMeta(args);
    case kRebuildNested: return RebuildNested(args, depth);
    case kRebuildJagged: return RebuildJagged(args, depth);
    case kRebuildWrapper: return RebuildWrapper(args);
    case kRebuildFromNumpy: return RebuildFromNumpy(args, depth);
    case kRebuildFromCpu: {
      if (args.empty()) return std::nullopt;
      auto tensor = ReadAt(args[0], depth + 1);
      if (tensor && args.size() > 2) tensor->device = DeviceOf(args[2]);
      if (tensor && args.size() > 3) tensor->requires_grad = BoolOf(args[3]);
      return tensor;
    }
    case kRebuildFromType:
    case kRebuildFromTypeV2: return RebuildFromType(meaning.kind, args, depth);
    default: return std::nullopt;
  }
}

// (storage, offset, size, stride [, requires_grad, hooks [, metadata]]); v3: (..., requires_grad, hooks, dtype [,
// metadata])
std::optional<Tensor> TensorReader::RebuildStrided(GlobalKind kind, Args args) {
  if (args.size() < 4) return std::nullopt;
  auto row = StorageOf(args[0]);
  if (!row) return std::nullopt;
  if (!args[1].Is(Kind::kInt) || !Ints(args[2], &shape_) || !Ints(args[3], &strides_)) return std::nullopt;
  TensorDraft draft{
      .shape = shape_, .strides = strides_, .storage = row->storage, .dtype = row->dtype, .device = row->device};
  draft.offset = args[1].integer;
  size_t metadata = SIZE_MAX;
  if (kind == kRebuildTensorV3) {
    if (args.size() > 6) draft.dtype = DTypeOf(args[6]);
    metadata = 7;
  } else if (kind == kRebuildTensorV2) {
    metadata = 6;
  }
  if (kind != kRebuildTensor && args.size() > 4) draft.requires_grad = BoolOf(args[4]);
  if (metadata < args.size() && args[metadata].Is(Kind::kDict)) {
    for (const auto& [key, value] : tree_.Dict(args[metadata])) {
      if (!key.IsText()) continue;
      if (key.Text() == "conj") draft.conj = BoolOf(value).value_or(false);
      if (key.Text() == "neg") draft.neg = BoolOf(value).value_or(false);
    }
  }
  return builder_.Check(draft, where_);
}

std::optional<Tensor> TensorReader::RebuildFromType(GlobalKind kind, Args args, int depth) {
  // (func, type, args, state)
  if (args.size() < 3) return std::nullopt;
  auto tensor = Rebuild(MeaningOf(args[0]), tree_.Sequence(args[2]), depth + 1);
  if (!tensor) return std::nullopt;
  GlobalKind type = MeaningOf(args[1]).kind;
  if (args[1].Is(Kind::kGlobal) && type != kTensorBase && type != kParameter)
    tensor->class_name = QualifiedName(args[1]);
  if (args.size() > 3 && kind == kRebuildFromTypeV2 && tensor->layout == Layout::kDense)
    ReadState(*tensor, args[3], depth);
  return tensor;
}

// torch.FloatTensor, torch.Tensor and Parameter as they were pickled before the rebuild functions, and constructor
// calls:
//   FloatTensor() + BUILD (storage, offset, size, stride)
//   Tensor() + BUILD (storage, offset, size, stride) or (data, requires_grad, _, _, hooks)
//   Parameter(data [, requires_grad]) + BUILD (requires_grad, volatile, hooks) or (data, requires_grad, ...)
//   FloatTensor([1.0, 2.0])
std::optional<Tensor> TensorReader::ReadOldForm(GlobalMeaning meaning, const Object& object, int depth) {
  Args args = tree_.Sequence(object.args);
  Args state = tree_.StateItemsOf(object);
  if (meaning.kind == kTensorClass && args.size() == 1 && args[0].Is(Kind::kList)) {
    return FromPythonList(meaning.dtype, args[0]);
  }
  std::optional<Tensor> tensor;
  std::optional<bool> requires_grad;
  if (state.size() == 4 && StorageOf(state[0])) {
    tensor = RebuildStrided(kRebuildTensor, state);
  } else if (!args.empty() && IsTensor(args[0])) {
    tensor = ReadAt(args[0], depth + 1);
    if (args.size() > 1) requires_grad = BoolOf(args[1]);
    if (!state.empty() && !requires_grad) requires_grad = BoolOf(state[0]);
  } else if (state.size() >= 2 && IsTensor(state[0])) {
    tensor = ReadAt(state[0], depth + 1);
    requires_grad = BoolOf(state[1]);
  } else if (meaning.kind == kTensorClass || meaning.kind == kUninitialized) {
    shape_.assign(1, 0);
    tensor = builder_.Check({.shape = shape_, .dtype = meaning.dtype, .meta = meaning.kind == kUninitialized}, where_);
  }
  if (!tensor) return std::nullopt;
  if (requires_grad) tensor->requires_grad = requires_grad;
  return tensor;
}

}  // namespace pthview
