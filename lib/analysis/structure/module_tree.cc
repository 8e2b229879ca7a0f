#include "lib/analysis/structure/module_tree.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/base/text_hash.h"

namespace pthview {
namespace {

// Real trees have about one module for two tensors, and with adapters two for one tensor.
constexpr size_t kModulesPerTensor = 4;
constexpr size_t kModulesAlways = 20'000;

// A module is found by its parent and its last step, so that a deep path is never hashed as a whole.
struct Step {
  Index parent;
  std::string_view name;
  bool operator==(const Step&) const = default;
};

struct StepHash {
  TextHash hash;
  size_t operator()(const Step& step) const { return hash(step.name) ^ hash(uint64_t{step.parent}); }
};

// The text of a name that is one quoted key and nothing else.
std::string_view Unquoted(std::string_view name) {
  if (name.size() < 4 || !name.starts_with("[\"") || !name.ends_with("\"]")) return name;
  std::string_view key = name.substr(2, name.size() - 4);
  return key.empty() || key.find('"') != std::string_view::npos ? name : key;
}

std::string_view BelowPart(const Model& model, const Tensor& tensor) {
  if (tensor.part >= model.parts.size() || tensor.name != tensor.path) return tensor.name;
  std::string_view part = model.parts[tensor.part].path;
  std::string_view name = tensor.name;
  if (part.empty() || !name.starts_with(part) || name.size() == part.size()) return name;
  char next = name[part.size()];
  if (next == '.') return name.substr(part.size() + 1);
  return next == '[' ? name.substr(part.size()) : name;
}

// The next dot that separates steps: not one inside the brackets of a key or an index.
size_t NextDot(std::string_view name, size_t start) {
  size_t dot = name.find('.', start);
  for (size_t open = name.find('[', start); open < dot && dot != std::string_view::npos;) {
    size_t close = name.find(name[open + 1] == '"' ? "\"]" : "]", open + 1);
    if (close == std::string_view::npos) return dot;
    if (close > dot) dot = name.find('.', close);
    open = name.find('[', close);
  }
  return dot;
}

class TreeBuilder {
 public:
  TreeBuilder(Model& model, size_t tensors)
      : model_(model), limit_(model.modules.size() + kModulesAlways + kModulesPerTensor * tensors) {
    modules_.reserve(tensors);
    root_ = Append({.origin = Origin::kInferred});
    open_.push_back({0, root_});
  }

  Index root() const { return root_; }
  Index unsplit() const { return unsplit_; }
  size_t limit() const { return limit_; }

  void Add(Index tensor) {
    std::string_view name = NameInPart(model_, model_.tensors[tensor]);
    CloseTo(name);
    size_t start = open_.back().end;
    for (size_t dot = NextDot(name, start); dot != std::string_view::npos; dot = NextDot(name, start)) {
      Index child = Child(open_.back().module, name.substr(start, dot - start), name.substr(0, dot));
      if (child == kNone) {
        if (unsplit_ == kNone) unsplit_ = tensor;
        break;
      }
      start = dot + 1;
      open_.push_back({start, child});
    }
    model_.modules[open_.back().module].tensors.push_back(tensor);
    previous_ = name;
  }

 private:
  // The modules on the way to the previous tensor; `end` is where the step after the module begins in its name.
  struct Open {
    size_t end;
    Index module;
  };

  // Neighbours share most of their path: leaves those modules open that `name` is in too.
  void CloseTo(std::string_view name) {
    size_t same = static_cast<size_t>(
        std::mismatch(name.begin(), name.end(), previous_.begin(), previous_.end()).first - name.begin());
    while (open_.back().end > same) open_.pop_back();
  }

  Index Child(Index parent, std::string_view step, std::string_view path) {
    auto [at, is_new] = modules_.try_emplace(Step{parent, step}, kNone);
    if (is_new && model_.modules.size() < limit_) {
      at->second = Append({.name = step, .path = path, .origin = Origin::kInferred, .parent = parent});
      model_.modules[parent].children.push_back(at->second);
    }
    return at->second;
  }

  Index Append(Module module) {
    model_.modules.push_back(std::move(module));
    return static_cast<Index>(model_.modules.size() - 1);
  }

  Model& model_;
  size_t limit_;
  Index root_ = kNone;
  Index unsplit_ = kNone;
  std::unordered_map<Step, Index, StepHash> modules_;
  std::vector<Open> open_;
  std::string_view previous_;
};

}  // namespace

std::vector<std::vector<Index>> TensorsByPart(const Model& model) {
  std::vector<std::vector<Index>> by_part(model.parts.size());
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    Index part = model.tensors[i].part;
    if (part < by_part.size()) by_part[part].push_back(static_cast<Index>(i));
  }
  return by_part;
}

std::string_view NameInPart(const Model& model, const Tensor& tensor) { return Unquoted(BelowPart(model, tensor)); }

void BuildModuleTree(Model& model, Index part, std::span<const Index> tensors) {
  TreeBuilder builder(model, tensors.size());
  for (Index tensor : tensors) builder.Add(tensor);
  model.parts[part].root = builder.root();
  if (builder.unsplit() != kNone) {
    model.findings.push_back(
        {Severity::kWarning, "limit-modules", std::string(model.tensors[builder.unsplit()].path),
         fmt::format("the names have so many steps that they would make more than {} modules: from "
                     "here on they are not split",
                     builder.limit())});
  }
}

}  // namespace pthview
