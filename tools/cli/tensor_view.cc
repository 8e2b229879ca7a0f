#include "tools/cli/tensor_view.h"

#include <utility>

#include <fmt/format.h>

#include "lib/base/distant_source.h"
#include "lib/base/escape.h"
#include "tools/cli/console.h"
#include "tools/cli/slice.h"
#include "tools/cli/tensor_table.h"

namespace pthview {
namespace {

std::vector<TensorPart> ComponentParts(const Model& model, const Tensor& tensor, size_t most) {
  std::vector<TensorPart> parts;
  for (const Component& component : model.ComponentsOf(tensor)) {
    const Tensor& inner = model.components[component.tensor];
    if (parts.size() == most) break;
    parts.push_back({.name = std::string(component.name),
                     .tensor = inner,
                     .shape = {inner.shape.begin(), inner.shape.end()},
                     .strides = {inner.strides.begin(), inner.strides.end()}});
    parts.back().Bind();
  }
  return parts;
}

}  // namespace

void ViewTensor(const Model& model, const Tensor& tensor, size_t most_parts, TensorView* view) {
  *view = {};
  if (tensor.layout == Layout::kDense) {
    if (tensor.data == DataState::kPresent) {
      view->model = &model;
      view->values = &tensor;
    }
    return;
  }
  if (tensor.layout == Layout::kNested) {
    auto parts = NestedParts(model, tensor, most_parts);
    if (parts) {
      view->parts = std::move(*parts);
      auto all = static_cast<size_t>(tensor.shape.empty() ? 0 : tensor.shape[0]);
      if (all > view->parts.size()) view->note = fmt::format("{} more constituents", all - view->parts.size());
      return;
    }
    view->note = parts.error().message;
  }
  view->parts = ComponentParts(model, tensor, most_parts);
  if (tensor.layout == Layout::kWrapper) view->note = "it has no values of its own: it is made of what follows";
  if (tensor.layout == Layout::kNested || tensor.layout == Layout::kWrapper) return;
  auto dense = DenseCopy(model, tensor);
  if (!dense) {
    view->note = "no dense values: " + dense.error().message;
    return;
  }
  view->made = std::move(*dense);
  view->model = &*view->made;
  view->values = &view->made->tensors.front();
}

Status CheckSlice(const Model& model, const Tensor& tensor, const TensorView& view, std::string_view slice) {
  if (slice.empty()) return Ok();
  const bool strided = tensor.layout == Layout::kDense && tensor.strides.size() == tensor.shape.size();
  if (view.values != nullptr || strided) {
    PTHVIEW_ASSIGN(TensorWindow window, SliceTensor(view.values != nullptr ? *view.values : tensor, slice));
    return Ok();
  }
  std::string hint = "leave --slice out";
  auto components = model.ComponentsOf(tensor);
  if (!components.empty()) {
    hint = fmt::format("take it of a tensor that it is made of: `pthview show --slice {} {} {}`", ShellWord(slice),
                       ShellWord(model.file), ShellWord(model.components[components[0].tensor].path));
  }
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("--slice {}: '{}' has no values of its own to take it from", slice,
                                      EscapeForTerminal(tensor.path)),
               .hint = hint};
}

bool StatisticsAreFar(const Model& model, const Tensor& tensor, std::string_view slice) {
  if (slice.empty() || tensor.storage == kNone || tensor.nbytes() < DistantSource::kWorthAssuming) return false;
  const Storage& storage = model.storages[tensor.storage];
  return storage.source != kNone && WorthAssuming(*model.sources[storage.source]) != nullptr;
}

std::string PartText(const TensorPart& part) {
  return fmt::format("{} {}", DTypeName(part.tensor.dtype), ShapeText(part.tensor.shape));
}

}  // namespace pthview
