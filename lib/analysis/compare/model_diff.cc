#include "lib/analysis/compare/model_diff.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pthview {
namespace {

std::string ShapeOf(const Tensor& tensor) { return fmt::format("[{}]", fmt::join(tensor.shape, ", ")); }

std::string GradOf(const Tensor& tensor) {
  return !tensor.requires_grad ? "" : *tensor.requires_grad ? "True" : "False";
}

// Part of the module tree that a path lies in, and the path without the wrapper's prefix ("module." is "module" there).
std::map<std::string, const Module*> ModulesByPath(const Model& model) {
  std::vector<std::string_view> prefix(model.modules.size());
  std::vector<std::string> part_of(model.modules.size());
  std::map<PartKind, size_t> seen;
  for (const Part& part : model.parts) {
    size_t order = seen[part.kind]++;
    if (part.root >= model.modules.size()) continue;
    prefix[part.root] = part.prefix;
    part_of[part.root] =
        order == 0 ? std::string(PartKindName(part.kind)) : fmt::format("{} {}", PartKindName(part.kind), order + 1);
  }
  std::map<std::string, const Module*> paths;
  for (size_t i = 0; i < model.modules.size(); ++i) {
    const Module& module = model.modules[i];
    if (module.parent < i) {  // parents come first
      prefix[i] = prefix[module.parent];
      part_of[i] = part_of[module.parent];
    }
    std::string path = std::string(module.path) + ".";
    if (std::string_view(prefix[i]).starts_with(path)) continue;  // the wrapper itself
    if (path.starts_with(prefix[i])) path = path.substr(prefix[i].size());
    path.pop_back();
    bool model_part = part_of[i] == PartKindName(PartKind::kModel);
    paths.try_emplace(model_part || part_of[i].empty() ? path : fmt::format("{}: {}", part_of[i], path), &module);
  }
  return paths;
}

void CompareModules(const std::string& path, const Module& x, const Module& y, std::vector<Change>* changes) {
  // What is inferred from names, shapes and order is no fact to differ in: the tensors themselves are compared.
  const bool recorded = x.origin == Origin::kRecorded && y.origin == Origin::kRecorded;
  if (recorded && x.class_name != y.class_name && !x.class_name.empty() && !y.class_name.empty()) {
    // Recorded names are qualified, inferred ones are not: "torch.nn.modules.conv.Conv2d" is "Conv2d".
    auto last = [](std::string_view name) { return name.substr(name.rfind('.') + 1); };
    if (last(x.class_name) != last(y.class_name)) {
      changes->push_back({path, "class", std::string(x.class_name), std::string(y.class_name)});
    }
  }
  for (const Attribute& attribute : x.attributes) {
    auto other = std::ranges::find(y.attributes, attribute.name, &Attribute::name);
    if (other == y.attributes.end() || other->text == attribute.text) continue;
    if (attribute.origin == Origin::kInferred || other->origin == Origin::kInferred) continue;
    changes->push_back({path, attribute.name, attribute.text, other->text});
  }
}

}  // namespace

std::vector<Change> MetadataChanges(const Model& a, const Model& b) {
  std::unordered_map<std::string_view, const PlainValue*> of_b;
  for (const PlainValue& plain : b.plain) of_b.try_emplace(plain.path, &plain);
  std::vector<Change> changes;
  std::unordered_map<std::string_view, bool> seen;
  for (const PlainValue& plain : a.plain) {
    if (!seen.try_emplace(plain.path, true).second) continue;
    auto other = of_b.find(plain.path);
    if (other == of_b.end()) {
      changes.push_back({std::string(plain.path), "value", std::string(plain.text), ""});
    } else if (other->second->text != plain.text || other->second->kind != plain.kind) {
      changes.push_back({std::string(plain.path), "value", std::string(plain.text), std::string(other->second->text)});
    }
  }
  for (const PlainValue& plain : b.plain) {
    if (!seen.try_emplace(plain.path, true).second) continue;
    changes.push_back({std::string(plain.path), "value", "", std::string(plain.text)});
  }
  return changes;
}

std::vector<Change> ArchitectureChanges(const Model& a, const Model& b, const Matching& matching) {
  std::vector<Change> changes;
  auto of_a = ModulesByPath(a);
  auto of_b = ModulesByPath(b);
  // Without modules on one side (not every part has a tree) there is nothing to compare.
  if (!of_a.empty() && !of_b.empty()) {
    for (const auto& [path, module] : of_a) {
      auto other = of_b.find(path);
      if (other == of_b.end()) {
        changes.push_back({path, "module", std::string(module->class_name.empty() ? "Module" : module->class_name), "",
                           module->origin == Origin::kInferred});
      } else {
        CompareModules(path, *module, *other->second, &changes);
      }
    }
    for (const auto& [path, module] : of_b) {
      if (of_a.contains(path)) continue;
      changes.push_back({path, "module", "", std::string(module->class_name.empty() ? "Module" : module->class_name),
                         module->origin == Origin::kInferred});
    }
  }
  for (const Match& match : matching.matches) {
    const Tensor& x = a.tensors[match.a];
    const Tensor& y = b.tensors[match.b];
    std::string name(x.name.empty() ? x.path : x.name);
    auto compare = [&](std::string_view what, std::string before, std::string after) {
      if (before != after) changes.push_back({name, std::string(what), std::move(before), std::move(after)});
    };
    compare("shape", ShapeOf(x), ShapeOf(y));
    compare("dtype", std::string(DTypeName(x.dtype)), std::string(DTypeName(y.dtype)));
    // What only one file says is no difference.
    if (x.requires_grad && y.requires_grad) compare("requires_grad", GradOf(x), GradOf(y));
  }
  return changes;
}

}  // namespace pthview
