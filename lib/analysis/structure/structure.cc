#include "lib/analysis/structure/structure.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/structure/module_tree.h"
#include "lib/analysis/structure/wrapper_prefix.h"

namespace pthview {
namespace {

constexpr std::string_view kConvolution = "Conv";

bool IsConvolution(std::string_view class_name) {
  return class_name.starts_with(kConvolution) && class_name.ends_with('d') &&
         class_name.size() > kConvolution.size() + 1;
}

std::string_view AttributeText(const std::vector<Attribute>& attributes, std::string_view name) {
  for (const Attribute& attribute : attributes) {
    if (attribute.name == name) return attribute.text;
  }
  return {};
}

std::string WhereOf(const Model& model, Index part, std::string_view path) {
  std::string where(model.parts[part].path);
  if (!where.empty() && !path.empty()) where += '.';
  return where.append(path);
}

// BatchNorm1d, 2d and 3d have the same tensors. The layer before one in the file tells, when it is a convolution (or a
// Linear) with as many features; else all convolutions of the part, when they agree.
class BatchNormDimension {
 public:
  explicit BatchNormDimension(const std::vector<std::pair<Index, LeafGuess>>& guesses) {
    for (const auto& [module, guess] : guesses) {
      if (!IsConvolution(guess.class_name)) continue;
      char dimension = guess.class_name[guess.class_name.size() - 2];
      common_ = common_ == 0 || common_ == dimension ? dimension : '?';
    }
  }

  void Visit(LeafGuess& guess) {
    if (guess.class_name == "BatchNorm") {
      Decide(guess);
    } else if (IsConvolution(guess.class_name)) {
      before_ = guess.class_name[guess.class_name.size() - 2];
      features_ = AttributeText(guess.attributes, "out_channels");
    } else if (guess.class_name == "Linear") {
      before_ = '1';
      features_ = AttributeText(guess.attributes, "out_features");
    }
  }

 private:
  void Decide(LeafGuess& guess) const {
    std::string_view features = AttributeText(guess.attributes, "num_features");
    if (before_ != 0 && features == features_) {
      guess.class_name += std::string(1, before_) + "d";
      guess.assumption = "the dimension is that of the layer before; eps and momentum are not in the file";
    } else if (common_ != 0 && common_ != '?') {
      guess.class_name += std::string(1, common_) + "d";
      guess.assumption = "the dimension is that of the part's convolutions; eps and momentum are not in the file";
    } else {
      guess.assumption = "1d, 2d or 3d cannot be told, nor whether it is an InstanceNorm with running statistics";
    }
  }

  char before_ = 0;
  std::string features_;
  char common_ = 0;  // '?': they differ
};

// One finding for each kind of assumption of a part, with how many modules it is about and the first of them.
class Assumptions {
 public:
  void Add(const LeafGuess& guess, std::string_view path) {
    auto [at, is_new] = rows_.try_emplace({guess.class_name, guess.assumption}, Row{0, std::string(path)});
    ++at->second.count;
    if (is_new) order_.push_back(at);
  }

  void Report(Model& model, Index part) const {
    for (auto at : order_) {
      const auto& [class_name, assumption] = at->first;
      std::string text = fmt::format("{} module{} {}{}: {}", at->second.count, at->second.count == 1 ? "" : "s",
                                     class_name.empty() ? "not identified" : "read as ", class_name,
                                     assumption.empty() ? "the tensors fit no known layer" : assumption);
      model.findings.push_back(
          {Severity::kInfo, Code(class_name), WhereOf(model, part, at->second.first), std::move(text)});
    }
  }

 private:
  struct Row {
    size_t count = 0;
    std::string first;
  };
  using Rows = std::map<std::pair<std::string, std::string>, Row>;

  static std::string Code(std::string_view class_name) {
    std::string code = "inferred-";
    if (class_name.empty()) return code + "unknown";
    for (char c : class_name.substr(class_name.rfind('.') + 1)) {
      code += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return code;
  }

  Rows rows_;
  std::vector<Rows::iterator> order_;
};

// Modules of one part, in the file's order, parents first. Those whose class the file records stay as they are.
void GuessModules(Model& model, Index part, std::span<const Index> modules) {
  std::vector<std::pair<Index, LeafGuess>> guesses;
  guesses.reserve(modules.size());
  for (Index i : modules) guesses.emplace_back(i, GuessLeaf(model, model.modules[i]));
  BatchNormDimension dimension(guesses);
  Assumptions assumptions;
  std::unordered_set<Index> accounted;  // modules whose class accounts for their tensors, and what is below them
  for (auto& [index, guess] : guesses) {
    Module& module = model.modules[index];
    const bool inside = module.parent != kNone && accounted.contains(module.parent);
    if (inside || !guess.class_name.empty()) accounted.insert(index);
    dimension.Visit(guess);
    bool leaf = module.children.empty() && !module.tensors.empty();
    bool assumed = !guess.assumption.empty() || (guess.class_name.empty() && leaf);
    // A root without modules is a bag of tensors with flat names, not a layer that was not identified.
    bool bag = module.parent == kNone && guess.class_name.empty() && guess.assumption.empty();
    if (assumed && !bag && !inside) assumptions.Add(guess, module.path);
    module.class_name = model.arena.Copy(guess.class_name);
    module.origin = Origin::kInferred;
    module.attributes.insert(module.attributes.end(), guess.attributes.begin(), guess.attributes.end());
  }
  assumptions.Report(model, part);
}

void ReportPrefix(Model& model, Index part, const std::vector<Index>& tensors) {
  if (!model.parts[part].prefix.empty()) return;
  auto name = [&](size_t i) { return NameInPart(model, model.tensors[tensors[i]]); };
  WrapperPrefix prefix = FindWrapperPrefix(tensors.size(), name);
  if (prefix.text.empty()) return;
  model.parts[part].prefix = prefix.text;
  model.findings.push_back({Severity::kInfo, "prefix", std::string(model.parts[part].path),
                            "all names begin with '" + std::string(prefix.text) + "', as names do that come from " +
                                prefix.cause + "; nothing is renamed, and names are found without it too"});
}

// What torch::save of C++ calls every module, whatever its class: `__torch__.Module`,
// `__torch__.___torch_mangle_3.Module`.
bool IsNamelessClass(std::string_view name) {
  constexpr std::string_view kHead = "__torch__.";
  constexpr std::string_view kMangled = "___torch_mangle_";
  if (!name.starts_with(kHead)) return false;
  name.remove_prefix(kHead.size());
  if (name.starts_with(kMangled)) name.remove_prefix(std::min(name.size(), name.find('.')) + 1);
  return name == "Module";
}

// The modules of a recorded tree whose class is not, parents first, in the file's order.
std::vector<Index> NamelessModules(const Model& model, Index root) {
  std::vector<Index> found;
  std::vector<Index> pending = {root};
  while (!pending.empty()) {
    const Index at = pending.back();
    pending.pop_back();
    const Module& module = model.modules[at];
    // A class of that name with methods is one that somebody wrote in Python.
    const bool has_methods = module.source.find("def ") != std::string_view::npos;
    if (module.origin == Origin::kRecorded && !has_methods && IsNamelessClass(module.class_name)) found.push_back(at);
    pending.insert(pending.end(), module.children.rbegin(), module.children.rend());
  }
  return found;
}

}  // namespace

void InferModules(Model& model) {
  std::vector<std::vector<Index>> by_part = TensorsByPart(model);
  for (size_t i = 0; i < model.parts.size(); ++i) {
    auto part = static_cast<Index>(i);
    PartKind kind = model.parts[i].kind;
    if ((kind != PartKind::kModel && kind != PartKind::kEma) || by_part[i].empty()) continue;
    ReportPrefix(model, part, by_part[i]);
    if (model.parts[i].root != kNone) {
      GuessModules(model, part, NamelessModules(model, model.parts[i].root));
      continue;
    }
    const size_t first = model.modules.size();
    BuildModuleTree(model, part, by_part[i]);
    std::vector<Index> made(model.modules.size() - first);
    std::iota(made.begin(), made.end(), static_cast<Index>(first));
    GuessModules(model, part, made);
  }
}

}  // namespace pthview
