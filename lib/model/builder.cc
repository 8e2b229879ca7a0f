#include "lib/model/builder.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/base/ascii.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/model/graph_check.h"
#include "lib/model/tied.h"

namespace pthview {
namespace {

// An expanded tensor is an honest thing; this many times its storage is not.
constexpr uint64_t kManyTimes = 1 << 16;
constexpr uint64_t kLargeTensor = uint64_t{1} << 30;
constexpr size_t kLongestName = 1 << 14;

// Whether a name may show as something else than it is.
bool HidesSomething(std::string_view name) {
  if (name.size() > kLongestName) return true;
  return !ascii::IsPrintable(name) && EscapeForTerminal(name) != name;
}

// The lowest and one past the highest element that a strided view touches, counted from the storage's start.
// nullopt on overflow.
struct Extent {
  int64_t low;
  int64_t end;
};
std::optional<Extent> ExtentOf(std::span<const int64_t> shape, std::span<const int64_t> strides, int64_t offset) {
  int64_t low = offset;
  int64_t high = offset;
  for (size_t i = 0; i < shape.size(); ++i) {
    auto span = CheckedMul<int64_t>(shape[i] - 1, strides[i]);
    if (!span) return std::nullopt;
    int64_t& edge = *span < 0 ? low : high;
    auto moved = CheckedAdd(edge, *span);
    if (!moved) return std::nullopt;
    edge = *moved;
  }
  auto end = CheckedAdd<int64_t>(high, 1);
  if (!end) return std::nullopt;
  return Extent{low, *end};
}

bool IsRowMajor(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= shape[i];  // cannot overflow: numel was checked
  }
  return true;
}

}  // namespace

Index ModelBuilder::AddSource(std::unique_ptr<ByteSource> source) {
  model_.sources.push_back(std::move(source));
  return static_cast<Index>(model_.sources.size() - 1);
}

Index ModelBuilder::AddStorage(Storage storage) {
  model_.storages.push_back(storage);
  return static_cast<Index>(model_.storages.size() - 1);
}

Index ModelBuilder::AddMemoryStorage(std::string_view name, std::vector<std::byte> bytes, DType dtype,
                                     std::string_view device) {
  Storage storage{.offset = 0, .nbytes = bytes.size(), .dtype = dtype, .record = arena().Copy(name), .device = device};
  storage.source = AddSource(OpenMemory(std::string(name), std::move(bytes)));
  return AddStorage(storage);
}

bool ModelBuilder::TakeInline(uint64_t bytes, std::string_view where) {
  if (inline_.Take(bytes)) return true;
  Note(Severity::kError, "inline-limit", where,
       fmt::format("the data inside the pickle, copied wherever it is referred to, takes more than the {} bytes that "
                   "are allowed for a pickle of its size",
                   inline_.total()));
  return false;
}

bool ModelBuilder::TakeText(uint64_t bytes) {
  if (text_.Take(bytes)) return true;
  if (!text_limited_) {
    Note(
        Severity::kError, "text-limit", "",
        fmt::format("its names and values, written out, take more than the {} bytes that are allowed for a file of its "
                    "size; not all of them are listed",
                    text_.total()));
  }
  text_limited_ = true;
  return false;
}

Tensor ModelBuilder::Check(const TensorDraft& draft, std::string_view where) {
  Tensor tensor;
  tensor.dtype = draft.dtype;
  tensor.layout = draft.layout;
  tensor.requires_grad = draft.requires_grad;
  tensor.conj = draft.conj;
  tensor.neg = draft.neg;
  tensor.storage = draft.storage;
  tensor.device = draft.device;
  tensor.class_name = draft.class_name;

  auto reject = [&](std::string_view code, std::string text, DataState state) {
    Note(Severity::kError, code, where, std::move(text));
    tensor.data = state;
    return tensor;
  };

  if (draft.shape.size() > kMaxRank) {
    return reject("tensor-rank", fmt::format("more than {} dimensions, which no tensor has", kMaxRank),
                  DataState::kOutOfBounds);
  }
  tensor.shape = arena().Copy(draft.shape);
  const auto numel = CheckedNumel(draft.shape);
  const auto shown = numel ? BytesFor(draft.dtype, *numel) : std::nullopt;
  if (!shown || *shown > INT64_MAX) {
    return reject("tensor-overflow", "the sizes are negative, or their product does not fit 63 bits",
                  DataState::kOutOfBounds);
  }
  tensor.numel = draft.numel_override >= 0 ? draft.numel_override : *numel;
  if (draft.layout != Layout::kDense) {
    tensor.data = draft.meta ? DataState::kMeta : DataState::kMissing;  // the components hold what there is
    return tensor;
  }

  if (draft.strides.size() == draft.shape.size()) {
    tensor.strides = arena().Copy(draft.strides);
  } else {
    if (!draft.strides.empty()) {
      return reject("tensor-strides",
                    fmt::format("{} strides for {} dimensions", draft.strides.size(), draft.shape.size()),
                    DataState::kOutOfBounds);
    }
    scratch_.assign(draft.shape.size(), 1);
    for (size_t i = draft.shape.size(); i-- > 1;) {
      // Fits whenever there are elements; a shape with a 0 in it may overflow, and then its strides mean nothing.
      scratch_[i - 1] = CheckedMul(scratch_[i], std::max<int64_t>(draft.shape[i], 1)).value_or(1);
    }
    tensor.strides = arena().Copy(std::span<const int64_t>(scratch_));
  }
  tensor.offset = draft.offset;
  if (draft.meta) {
    tensor.data = DataState::kMeta;
    return tensor;
  }
  if (*numel == 0) {  // nothing to read, wherever it points
    tensor.contiguous = true;
    tensor.data = DataState::kPresent;
    if (draft.offset < 0) return reject("tensor-outside", "a negative storage offset", DataState::kOutOfBounds);
    return tensor;
  }
  tensor.contiguous = IsRowMajor(tensor.shape, tensor.strides);
  if (draft.dtype == DType::kUnknown)
    return reject("tensor-dtype", "its element type is not known", DataState::kMissing);

  auto extent = ExtentOf(tensor.shape, tensor.strides, draft.offset);
  if (!extent || extent->low < 0) {
    return reject("tensor-outside", "it reaches before its storage, or its strides overflow", DataState::kOutOfBounds);
  }
  auto end = BytesFor(draft.dtype, extent->end);
  if (!end) return reject("tensor-overflow", "its last byte does not fit 64 bits", DataState::kOutOfBounds);
  if (draft.storage != kNone && model_.storages[draft.storage].left_out) {
    tensor.data = DataState::kMissing;
    return tensor;
  }
  if (draft.storage == kNone || model_.storages[draft.storage].source == kNone) {
    return reject("tensor-missing", "its storage is not in the file, or cannot be read", DataState::kMissing);
  }
  const Storage& storage = model_.storages[draft.storage];
  if (*end > storage.nbytes) {
    return reject(
        "tensor-outside",
        fmt::format("it needs {} bytes, its storage '{}' has {} (file cut short?)", *end, storage.key, storage.nbytes),
        DataState::kOutOfBounds);
  }
  tensor.data = DataState::kPresent;
  if (extent->low < draft.offset) {
    Note(Severity::kWarning, "tensor-backwards", where, "it has a negative stride, which torch refuses");
  }
  if (*shown > kLargeTensor && *shown / kManyTimes > storage.nbytes) {
    Note(Severity::kWarning, "tensor-repeats", where,
         fmt::format("its {} bytes are {} stored ones, repeated by a stride of 0 or by overlapping", *shown,
                     storage.nbytes));
  }
  return tensor;
}

Index ModelBuilder::AddTensor(Tensor tensor) {
  if (HidesSomething(tensor.name)) {
    Note(Severity::kWarning, "name-hides", EscapeForTerminal(tensor.path.substr(0, 200)),
         tensor.name.size() > kLongestName ? fmt::format("a name of {} bytes", tensor.name.size())
                                           : "the name holds control or invisible characters");
  }
  model_.tensors.push_back(tensor);
  return static_cast<Index>(model_.tensors.size() - 1);
}

Index ModelBuilder::AddComponent(Tensor tensor) {
  model_.components.push_back(tensor);
  return static_cast<Index>(model_.components.size() - 1);
}

void ModelBuilder::Attach(Tensor& tensor, std::span<const Component> components) {
  tensor.first_component = static_cast<Index>(model_.component_rows.size());
  tensor.component_count = static_cast<uint32_t>(components.size());
  model_.component_rows.insert(model_.component_rows.end(), components.begin(), components.end());
}

Model ModelBuilder::Finish() && {
  if (auto broken = CheckGraphs(model_)) {
    const std::string name = broken->graph < model_.graphs.size() ? model_.graphs[broken->graph].name : "";
    Note(Severity::kError, "graph-invalid", name, fmt::format("the graphs are left out: {}", broken->text));
    model_.graphs.clear();
    model_.graph_roots.clear();
  }
  model_.findings = std::move(findings_).Take();
  TieTensors(model_);
  return std::move(model_);
}

}  // namespace pthview
