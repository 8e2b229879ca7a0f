#include "lib/model/tied.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

// A storage is far larger than what its tensors use when they use less than half, and leave at least so many bytes.
constexpr uint64_t kFewBytes = 1024;

bool HasBytes(const Tensor& tensor) {
  return tensor.layout == Layout::kDense && tensor.data == DataState::kPresent && tensor.storage != kNone &&
         tensor.numel > 0;
}

// The storage by which a tensor is looked for; kNone when it can be tied to none.
Index KeyStorage(const Model& model, const Tensor& tensor) {
  if (HasBytes(tensor)) return tensor.storage;
  if (tensor.layout == Layout::kDense) return kNone;
  for (const Component& row : model.ComponentsOf(tensor)) {
    const Tensor& component = model.components[row.tensor];
    if (HasBytes(component)) return component.storage;
  }
  return kNone;
}

bool SameStrided(const Tensor& a, const Tensor& b) {
  return a.storage == b.storage && a.offset == b.offset && a.dtype == b.dtype && a.layout == b.layout &&
         a.conj == b.conj && a.neg == b.neg && std::ranges::equal(a.shape, b.shape) &&
         std::ranges::equal(a.strides, b.strides);
}

bool SameView(const Model& model, const Tensor& a, const Tensor& b) {
  if (!SameStrided(a, b) || a.component_count != b.component_count || a.class_name != b.class_name) return false;
  if ((a.quantization == kNone) != (b.quantization == kNone)) return false;
  return std::ranges::equal(model.ComponentsOf(a), model.ComponentsOf(b), [&](const Component& x, const Component& y) {
    const Tensor& left = model.components[x.tensor];
    const Tensor& right = model.components[y.tensor];
    return x.name == y.name && left.component_count == 0 && right.component_count == 0 && SameStrided(left, right);
  });
}

// Bytes of a storage that a strided tensor spans, as [low, end).
struct Span {
  uint64_t low = 0;
  uint64_t end = 0;
};
Span SpanOf(const Tensor& tensor) {  // of a present tensor: checked by the builder to lie inside its storage
  int64_t low = tensor.offset;
  int64_t high = tensor.offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const int64_t step = (tensor.shape[i] - 1) * tensor.strides[i];
    (step < 0 ? low : high) += step;
  }
  return {BytesFor(tensor.dtype, low).value_or(0), BytesFor(tensor.dtype, high + 1).value_or(0)};
}

}  // namespace

void TieTensors(Model& model) {
  std::vector<uint32_t> users(model.storages.size(), 0);
  for (const Tensor& tensor : model.tensors) {
    if (tensor.same_as != kNone) continue;  // told already
    if (Index storage = KeyStorage(model, tensor); storage != kNone) ++users[storage];
  }
  const TextHash hash;
  std::unordered_multimap<uint64_t, Index> known;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    Tensor& tensor = model.tensors[i];
    const auto index = static_cast<Index>(i);
    auto tie = [&](Index first) {
      Tensor& other = model.tensors[first];
      if (other.tied == kNone) other.tied = first;
      tensor.tied = other.tied;
    };
    tensor.tied = kNone;
    if (tensor.same_as != kNone && tensor.same_as < index) {
      tie(tensor.same_as);
      continue;
    }
    const Index storage = KeyStorage(model, tensor);
    if (storage != kNone && users[storage] > 1) {
      // All that SameView compares, so that tensors of one key are the same view, and a file cannot make it slow.
      uint64_t key =
          hash(hash(tensor.class_name) ^ tensor.component_count << 1 ^ (tensor.quantization == kNone ? 0 : 1));
      auto add = [&](const Tensor& strided) {
        key = hash(key ^ strided.storage ^ uint64_t{static_cast<uint8_t>(strided.dtype)} << 32 ^
                   uint64_t{static_cast<uint8_t>(strided.layout)} << 40);
        key = hash(key ^ static_cast<uint64_t>(strided.offset));
        for (int64_t size : strided.shape) key = hash(key ^ static_cast<uint64_t>(size));
        for (int64_t stride : strided.strides) key = hash(key ^ static_cast<uint64_t>(stride));
      };
      add(tensor);
      for (const Component& row : model.ComponentsOf(tensor)) {
        key = hash(key ^ hash(row.name));
        add(model.components[row.tensor]);
      }
      auto [from, to] = known.equal_range(key);
      while (from != to && !SameView(model, model.tensors[from->second], tensor)) ++from;
      if (from != to) {
        tie(from->second);
        continue;
      }
      known.emplace(key, index);
    }
  }
}

uint64_t StoredBytes(const Model& model, const Tensor& tensor) {
  if (tensor.component_count == 0) return tensor.nbytes();
  uint64_t bytes = 0;
  ForEachStored(model, tensor,
                [&](const Tensor& stored) { bytes = CheckedAdd(bytes, stored.nbytes()).value_or(UINT64_MAX); });
  return bytes;
}

bool TensorCount::Add(const Model& model, const Tensor& tensor) {
  if (tensor.tied != kNone && !several_.insert(tensor.tied).second) {
    ++tied_;
    return false;
  }
  ++tensors_;
  if (tensor.kind == TensorKind::kParameter) parameters_ += static_cast<uint64_t>(tensor.numel);
  auto add = [&](const Tensor& stored) {
    if (stored.storage == kNone || model.storages[stored.storage].source == kNone) {
      bytes_without_storage_ += stored.nbytes();
    } else if (storages_.empty() || storages_.back() != stored.storage) {
      storages_.push_back(stored.storage);
    }
  };
  if (tensor.component_count == 0) {
    add(tensor);
  } else {
    ForEachStored(model, tensor, add);
  }
  return true;
}

uint64_t TensorCount::StorageBytes(const Model& model) {
  if (!std::ranges::is_sorted(storages_)) std::ranges::sort(storages_);
  storages_.erase(std::unique(storages_.begin(), storages_.end()), storages_.end());
  uint64_t bytes = bytes_without_storage_;
  for (Index storage : storages_) bytes += model.storages[storage].nbytes;
  return bytes;
}

void NoteUnusedBytes(Model& model) {
  // An upper bound of what is used, first: the sum of all spans. Only where that is little is anything more looked at.
  struct Use {
    uint64_t bytes = 0;
    Index tensor = kNone;
  };
  std::vector<Use> uses(model.storages.size());
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[i];
    if (tensor.tied != kNone && tensor.tied != i) continue;
    ForEachStored(model, tensor, [&](const Tensor& stored) {
      if (stored.storage == kNone) return;
      Use& use = uses[stored.storage];
      if (use.tensor == kNone) use.tensor = static_cast<Index>(i);
      if (!HasBytes(stored)) {  // what could not be read may use all of it
        if (stored.numel > 0) use.bytes = UINT64_MAX;
        return;
      }
      const Span span = SpanOf(stored);
      use.bytes = CheckedAdd(use.bytes, std::min(stored.nbytes(), span.end - span.low)).value_or(UINT64_MAX);
    });
  }
  size_t count = 0;
  size_t largest = 0;
  uint64_t unused = 0;
  for (size_t s = 0; s < uses.size(); ++s) {
    const uint64_t size = model.storages[s].nbytes;
    if (uses[s].tensor == kNone || model.storages[s].source == kNone || uses[s].bytes > size / 2) continue;
    const uint64_t left = size - uses[s].bytes;
    if (left < kFewBytes) continue;
    unused += left;
    if (count++ == 0 || left > model.storages[largest].nbytes - uses[largest].bytes) largest = s;
  }
  if (count == 0) return;
  const Storage& storage = model.storages[largest];
  std::string text =
      fmt::format("its storage{} has {} bytes, of which the tensors use {} (a slice saved without .clone()?)",
                  storage.key.empty() ? "" : fmt::format(" '{}'", storage.key), WithThousands(storage.nbytes),
                  WithThousands(uses[largest].bytes));
  text += count == 1 ? fmt::format("; the file could be {} bytes smaller", WithThousands(unused))
                     : fmt::format("; so it is with {} storages in all, and the file could be {} bytes smaller",
                                   WithThousands(count), WithThousands(unused));
  model.findings.push_back(
      {Severity::kInfo, "storage-unused", std::string(model.tensors[uses[largest].tensor].path), std::move(text)});
}

}  // namespace pthview
