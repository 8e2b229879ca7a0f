#include "converters/json/selected_rows.h"

namespace pthview {

bool RowMap::Keep(Index row) {
  if (row == kNone || to_[row] != kNone) return false;
  to_[row] = 0;
  return true;
}

void RowMap::KeepAll() { to_.assign(to_.size(), 0); }

void RowMap::Number() {
  for (size_t i = 0; i < to_.size(); ++i) {
    if (to_[i] == kNone) continue;
    to_[i] = static_cast<Index>(kept_.size());
    kept_.push_back(static_cast<Index>(i));
  }
}

SelectedRows::SelectedRows(const Model& model, std::span<const Index> selected)
    : tensors(model.tensors.size()),
      components(model.components.size()),
      storages(model.storages.size()),
      quantizations(model.quantizations.size()) {
  if (selected.size() == model.tensors.size()) {
    for (RowMap* map : {&tensors, &components, &storages, &quantizations}) map->KeepAll();
  } else {
    std::vector<const Tensor*> todo;
    for (Index tensor : selected) {
      if (tensors.Keep(tensor)) todo.push_back(&model.tensors[tensor]);
    }
    auto keep_component = [&](Index component) {
      if (components.Keep(component)) todo.push_back(&model.components[component]);
    };
    while (!todo.empty()) {
      const Tensor& tensor = *todo.back();
      todo.pop_back();
      storages.Keep(tensor.storage);
      for (const Component& component : model.ComponentsOf(tensor)) keep_component(component.tensor);
      if (!quantizations.Keep(tensor.quantization)) continue;
      keep_component(model.quantizations[tensor.quantization].scales);
      keep_component(model.quantizations[tensor.quantization].zero_points);
    }
  }
  for (RowMap* map : {&tensors, &components, &storages, &quantizations}) map->Number();
}

}  // namespace pthview
