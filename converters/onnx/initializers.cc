#include "converters/onnx/initializers.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "lib/base/dtype.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

// An expanded tensor may have far more elements than the file has bytes.
constexpr uint64_t kExpandedBytes = 64 << 20;

// Why a tensor cannot be an initializer; empty when it can.
std::string_view Obstacle(const Model& model, const Tensor& tensor, uint64_t nbytes, bool gathered) {
  if (tensor.data == DataState::kMeta) return "left out: meta tensors have no data";
  if (tensor.data != DataState::kPresent) return "left out: their data is not in the file";
  if (!gathered) return {};
  if (nbytes > kExpandedBytes && nbytes > model.storages[tensor.storage].nbytes) {
    return "left out: they are views expanded to more than the file holds";
  }
  DTypeClass kind = Info(tensor.dtype).kind;
  bool negates = kind == DTypeClass::kComplex || kind == DTypeClass::kInteger ||
                 (kind == DTypeClass::kFloat && Info(tensor.dtype).item_size > 1);
  if (tensor.neg && !negates) return "left out: negated views of a type that cannot be negated";
  return {};
}

}  // namespace

// By row of Model::tensors: of those that are tied, the first that is selected; of others itself.
std::vector<Index> Initializers::FirstOfTied(std::span<const Index> tensors) const {
  std::vector<Index> first(model_.tensors.size(), kNone);  // by the one that all are tied to
  std::vector<Index> of(model_.tensors.size(), kNone);
  for (Index index : tensors) {
    const Index tied = model_.tensors[index].tied;
    of[index] = index;
    if (tied == kNone) continue;
    if (first[tied] == kNone) first[tied] = index;
    of[index] = first[tied];
  }
  return of;
}

Initializers::Initializers(const Model& model, std::span<const Index> tensors, UniqueNames& names)
    : model_(model), of_tensor_(model.tensors.size()), selected_(model.tensors.size()), names_(names) {
  rows_.reserve(tensors.size());
  const std::vector<Index> first_of = FirstOfTied(tensors);
  // Tensors that share a name are all called by their paths, as `pthview list` calls them.
  std::unordered_map<std::string_view, bool, TextHash> shared;
  for (Index index : tensors) {
    auto [at, is_new] = shared.try_emplace(model.tensors[index].name, false);
    if (!is_new) at->second = true;
  }
  for (Index index : tensors) {
    if (selected_[index]) continue;
    const Tensor& tensor = model.tensors[index];
    selected_[index] = true;
    const bool by_path = shared[tensor.name];
    if (first_of[index] != index) {
      auto [first, count] = of_tensor_[index] = of_tensor_[first_of[index]];
      std::string name = ValidUtf8(by_path ? tensor.path : tensor.name);
      Count("tied to another: written once, under the other's name", name);
      if (count > 0) rows_[first].also.push_back(std::move(name));
      continue;
    }
    size_t first = rows_.size();
    std::string name = names_.Claim(ValidUtf8(by_path ? tensor.path : tensor.name.empty() ? "tensor" : tensor.name));
    if (by_path) Count("called by their path: others have the same name", name);
    AddWithComponents(tensor, std::move(name));
    of_tensor_[index] = {first, rows_.size() - first};
  }
}

void Initializers::AddWithComponents(const Tensor& tensor, std::string name) {
  std::vector<std::pair<const Tensor*, std::string>> todo;
  todo.emplace_back(&tensor, std::move(name));
  while (!todo.empty()) {
    auto [at, at_name] = std::move(todo.back());
    todo.pop_back();
    if (at->layout == Layout::kDense) {
      Add(*at, at_name);
    } else if (at->component_count == 0) {
      Count("left out: what makes them up is not in the file", at_name);
    } else {
      Count(fmt::format("of layout {}: each is several initializers, one for each tensor that makes it up",
                        LayoutName(at->layout)),
            at_name);
    }
    auto components = model_.ComponentsOf(*at);
    for (size_t i = components.size(); i-- > 0;) {
      todo.emplace_back(&model_.components[components[i].tensor],
                        names_.Claim(at_name + "." + ValidUtf8(components[i].name)));
    }
  }
}

void Initializers::Add(const Tensor& tensor, std::string name) {
  auto elements = ElementsFor(tensor);
  if (!elements) {
    Count("left out: their element type is not known", name);
    return;
  }
  uint64_t nbytes = elements->unpacked ? static_cast<uint64_t>(tensor.numel) : tensor.nbytes();
  std::optional<ByteRange> range;
  if (!elements->unpacked) range = ContiguousRange(model_, tensor);
  std::string_view obstacle = Obstacle(model_, tensor, nbytes, nbytes > 0 && !range);
  if (!obstacle.empty()) {
    Count(std::string(obstacle), name);
    return;
  }
  if (!elements->change.empty()) Count(fmt::format("{}: written {}", DTypeName(tensor.dtype), elements->change), name);
  rows_.push_back({&tensor, std::move(name), std::move(*elements), nbytes, {}, range});
}

void Initializers::Count(std::string what, const std::string& name) {
  auto row =
      std::find_if(counted_.begin(), counted_.end(), [&](const Counted& counted) { return counted.what == what; });
  if (row != counted_.end()) {
    ++row->count;
  } else {
    counted_.push_back({std::move(what), 1, name});
  }
}

std::vector<std::string> Initializers::Notes() const {
  std::vector<std::string> notes;
  notes.reserve(counted_.size());
  for (const Counted& row : counted_) {
    notes.push_back(row.count == 1 ? fmt::format("1 tensor {} ({})", row.what, row.first)
                                   : fmt::format("{} tensors {} (the first is {})", row.count, row.what, row.first));
  }
  return notes;
}

}  // namespace pthview
