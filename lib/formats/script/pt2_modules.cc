#include "lib/formats/script/pt2_modules.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "lib/base/escape.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

// Longer or deeper ones are no module's path; the bound keeps hostile names from costing more than their length.
constexpr size_t kMaxPath = 2048;
constexpr size_t kMaxSteps = 64;

bool IsModulePath(std::string_view path) {
  return path.empty() || (path.size() <= kMaxPath && IsDottedName(path) &&
                          std::count(path.begin(), path.end(), '.') < static_cast<ptrdiff_t>(kMaxSteps));
}

// Takes the text up to `separator` off the front of `rest`.
std::string_view TakeField(std::string_view* rest, char separator) {
  size_t end = rest->find(separator);
  std::string_view field = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  return field;
}

}  // namespace

Index ExportModules::Make(std::string_view path) {
  if (auto known = modules_.find(path); known != modules_.end()) return known->second;
  Model& model = builder_.model();
  // Iterative: the missing ancestors first.
  std::vector<std::string_view> missing;
  for (std::string_view at = builder_.arena().Copy(path); !modules_.contains(at);) {
    missing.push_back(at);
    if (at.empty()) break;
    size_t dot = at.rfind('.');
    at = at.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
  Index index = kNone;
  for (size_t i = missing.size(); i-- > 0;) {
    std::string_view at = missing[i];
    if (!at.empty() && !builder_.TakeText(sizeof(Module))) return kNone;
    index = static_cast<Index>(model.modules.size());
    Module module{.path = at};
    if (at.empty()) {
      model.parts[part_].root = index;
    } else {
      size_t dot = at.rfind('.');
      module.name = at.substr(dot == std::string_view::npos ? 0 : dot + 1);
      module.parent = modules_.at(at.substr(0, dot == std::string_view::npos ? 0 : dot));
      model.modules[module.parent].children.push_back(index);
    }
    model.modules.push_back(std::move(module));
    modules_.emplace(at, index);
  }
  return index;
}

ExportModules::Call ExportModules::OfStack(std::string_view stack) {
  if (stack.empty()) return {};
  auto [at, is_new] = stacks_.try_emplace(std::string(stack));
  if (!is_new) return at->second;
  Call innermost;
  while (!stack.empty()) {
    std::string_view entry = TakeField(&stack, ';');
    TakeField(&entry, ',');  // a key that only makes entries distinct
    std::string_view path = TakeField(&entry, ',');
    const size_t sign = path.find('@');
    std::string_view number = sign == std::string_view::npos ? "" : path.substr(sign + 1);
    path = path.substr(0, sign);
    if (!IsModulePath(path)) return at->second;
    innermost = {Make(path)};
    if (innermost.module == kNone) return {};
    std::from_chars(number.data(), number.data() + number.size(), innermost.number);
    Module& module = builder_.model().modules[innermost.module];
    if (module.class_name.empty()) module.class_name = builder_.arena().Copy(EscapeName(entry.substr(0, kMaxPath)));
  }
  return at->second = innermost;
}

void ExportModules::AddTensors() {
  Model& model = builder_.model();
  for (Index i = 0; i < model.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[i];
    if (tensor.part != part_) continue;
    size_t dot = tensor.name.rfind('.');
    std::string_view path = tensor.name.substr(0, dot == std::string_view::npos ? 0 : dot);
    Index module = Make(IsModulePath(path) ? path : std::string_view());
    if (module == kNone) module = Make({});
    model.modules[module].tensors.push_back(i);
  }
}

}  // namespace pthview
