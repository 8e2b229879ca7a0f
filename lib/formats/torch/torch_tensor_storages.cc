// Storages that tensors stand over, and the small values beside them: sizes, dtypes, devices.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/formats/common/pickled_ints.h"
#include "lib/formats/torch/numpy_arrays.h"
#include "lib/formats/torch/torch_tensors.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Value;
using enum GlobalKind;

Tensor TensorReader::BareStorage(const StorageRow& row) {
  int64_t size = row.numel;
  if (row.storage != kNone && size < 0) {
    size = static_cast<int64_t>(builder_.model().storages[row.storage].nbytes /
                                std::max<uint8_t>(Info(row.dtype).item_size, 1));
  }
  TensorDraft draft{.shape = std::span(&size, 1), .storage = row.storage, .dtype = row.dtype};
  draft.device = row.device;
  draft.class_name = "storage";
  return builder_.Check(draft, where_);
}

std::optional<StorageRow> TensorReader::StorageOf(Value value, int depth) {
  if (depth > kDeepest) return std::nullopt;
  if (value.Is(Kind::kPersistent)) {
    const StorageRow& row = file_.storages[value.index];
    if (row.is_storage) return row;
    return std::nullopt;
  }
  if (!value.Is(Kind::kObject)) return std::nullopt;
  const Object& object = tree_.ObjectOf(value);
  GlobalKind kind = MeaningOf(object.callable).kind;
  Args args = tree_.Sequence(object.args);
  // TypedStorage(wrap_storage=..., dtype=...) is pickled with its untyped storage first.
  if (kind == kStorageClass && !args.empty()) return StorageOf(args[0], depth + 1);
  if (kind != kLoadFromBytes) return std::nullopt;
  uint64_t identity = pickle::Tree::Identity(value);
  for (const auto& [known, row] : nested_cache_) {
    if (known == identity) return row;
  }
  auto row = Nested(args);
  nested_cache_.emplace_back(identity, row);
  return row;
}

// Protocols 0 to 2 have no bytes: they stand as `_codecs.encode(text, 'latin1')`.
std::optional<StorageRow> TensorReader::Nested(Args args) {
  if (args.empty()) return std::nullopt;
  if (args[0].IsText()) return nested_(args[0].Text(), file_.depth + 1);
  auto [at, is_new] = decoded_.try_emplace(pickle::Tree::Identity(args[0]));
  if (is_new && args[0].Is(Kind::kObject)) {
    Args text = tree_.Sequence(tree_.ObjectOf(args[0]).args);
    decoded_bytes_ += text.empty() ? 0 : text[0].length;
    // Texts of their own cannot be more than the pickle is; one text in many calls could.
    if (decoded_bytes_ > tree_.end) return std::nullopt;
    at->second = BytesOf(tree_, file_.meanings, args[0]).value_or(std::vector<std::byte>());
  }
  if (at->second.empty()) return std::nullopt;
  return nested_({reinterpret_cast<const char*>(at->second.data()), at->second.size()}, file_.depth + 1);
}

bool TensorReader::Ints(Value sequence, std::vector<int64_t>* out) {
  out->clear();
  return AppendSizes(tree_, OnlyArgument(tree_, sequence), out);  // torch.Size((2, 3)) or build_intlist([2, 3])
}

DType TensorReader::DTypeOf(Value value) const {
  GlobalMeaning meaning = MeaningOf(value);
  return meaning.kind == kDType ? meaning.dtype : DType::kUnknown;
}

std::string_view TensorReader::DeviceOf(Value value) {
  if (value.IsText()) return devices_.Of(value.Text());
  if (!value.Is(Kind::kObject)) return {};
  const Object& object = tree_.ObjectOf(value);
  if (MeaningOf(object.callable).kind != kDevice) return {};
  Args args = tree_.Sequence(object.args);
  if (args.empty() || !args[0].IsText()) return {};
  if (args.size() > 1 && args[1].Is(Kind::kInt))
    return devices_.Of(fmt::format("{}:{}", args[0].Text().substr(0, 100), args[1].integer));
  return devices_.Of(args[0].Text());
}

std::string_view TensorReader::QualifiedName(Value global) {
  std::string_view& name = qualified_names_[global.index];
  if (name.empty()) {
    const pickle::Global& g = tree_.GlobalOf(global);
    name = builder_.arena().Copy(fmt::format("{}.{}", g.module, g.name));
  }
  return name;
}

}  // namespace pthview
