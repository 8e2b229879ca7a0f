#include "converters/json/placed_tables.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "lib/model/storage_view.h"

namespace pthview {
PlacedTables::PlacedTables(Model& model, const PlacedWeights& placed) : model_(model) {
  storages_ = model.storages;
  tensors_ = model.tensors;
  components_ = model.components;
  struct Row {
    Tensor* tensor;
    uint64_t at;
  };
  std::vector<Row> rows;
  std::map<StorageView, uint64_t> first;  // of views: where the first of them was put
  auto add = [&](std::vector<Tensor>& table, const std::vector<uint64_t>& at) {
    for (size_t i = 0; i < table.size(); ++i) {
      if (table[i].layout != Layout::kDense) continue;
      if (at[i] == PlacedWeights::kNowhere || table[i].storage == kNone) continue;
      rows.push_back({&table[i], first.try_emplace(ViewOf(table[i]), at[i]).first->second});
    }
  };
  add(model.tensors, placed.tensors);
  add(model.components, placed.components);
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    if (a.tensor->storage != b.tensor->storage) return a.tensor->storage < b.tensor->storage;
    return a.tensor->contiguous && b.tensor->contiguous ? a.tensor->offset < b.tensor->offset
                                                        : a.tensor->contiguous && !b.tensor->contiguous;
  });
  std::vector<Storage> storages;
  // Tensors of one storage that stand to each other in the file as they do in it make one storage again.
  struct Run {
    Index old = kNone;
    uint64_t begin = 0;
    uint64_t end = 0;
    int64_t shift = 0;  // place in the file less place in the old storage
  } run;
  std::map<uint64_t, Index> alone;  // by place
  for (const Row& row : rows) {
    Tensor& tensor = *row.tensor;
    const Storage& old = storages_[tensor.storage];
    const uint64_t item = std::max<uint64_t>(Info(tensor.dtype).item_size, 1);
    const bool whole = Info(tensor.dtype).items_per_byte <= 1;
    const int64_t shift = static_cast<int64_t>(row.at) - tensor.offset * static_cast<int64_t>(item);
    const uint64_t end = row.at + tensor.nbytes();
    const bool fits = tensor.contiguous && whole && run.old == tensor.storage && run.shift == shift &&
                      row.at <= run.end && (row.at - run.begin) % item == 0;
    Index index = kNone;
    if (fits) {
      index = static_cast<Index>(storages.size() - 1);
      run.end = std::max(run.end, end);
      storages[index].nbytes = run.end - run.begin;
    } else if (auto known = alone.find(row.at); known != alone.end() && end > row.at) {
      index = known->second;
    } else {
      index = static_cast<Index>(storages.size());
      Storage storage = old;
      storage.nbytes = tensor.nbytes();
      storage.record = {};
      storages.push_back(storage);
      const auto behind =
          std::upper_bound(placed.files.begin(), placed.files.end(), row.at,
                           [](uint64_t at, const PlacedWeights::File& file) { return at < file.begin; });
      const auto file = static_cast<size_t>(behind - placed.files.begin()) - 1;
      places_.push_back({StoragePlace::kFile, file, row.at - placed.files[file].begin});
      begins_.push_back(row.at);
      if (end > row.at) alone.emplace(row.at, index);  // what is empty stands where the next one does
      run = tensor.contiguous && whole ? Run{tensor.storage, row.at, end, shift} : Run{};
    }
    tensor.storage = index;
    tensor.offset = static_cast<int64_t>((row.at - begins_[index]) / item);
    tensor.conj = tensor.neg = false;
    std::vector<int64_t> strides(tensor.shape.size(), 1);
    for (size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(tensor.shape[i], 1);
    tensor.strides = arena_.Copy(std::span<const int64_t>(strides));
  }
  // What was not placed has no bytes here.
  auto drop = [&](std::vector<Tensor>& table, const std::vector<uint64_t>& at) {
    for (size_t i = 0; i < table.size(); ++i) {
      if (table[i].storage == kNone || at[i] != PlacedWeights::kNowhere) continue;
      table[i].storage = kNone;
      if (table[i].data == DataState::kPresent && table[i].numel > 0) table[i].data = DataState::kMissing;
    }
  };
  drop(model.tensors, placed.tensors);
  drop(model.components, placed.components);
  model.storages = std::move(storages);
}

PlacedTables::~PlacedTables() {
  model_.storages = std::move(storages_);
  model_.tensors = std::move(tensors_);
  model_.components = std::move(components_);
}

}  // namespace pthview
