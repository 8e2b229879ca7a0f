#include "tools/server/outline.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "lib/base/text_hash.h"

namespace pthview::server {
namespace {

struct Child {
  Index parent;
  std::string_view name;
  bool operator==(const Child&) const = default;
};
struct ChildHash {
  TextHash hash;
  size_t operator()(const Child& child) const { return hash(child.name) ^ hash(uint64_t{child.parent}); }
};

class Builder {
 public:
  explicit Builder(const Model& model) : model_(model) {
    outline_.module_of.assign(model.tensors.size(), kNone);
    outline_.roots.assign(model.parts.size() + 1, kNone);
  }

  Outline Build() && {
    for (size_t part = 0; part < model_.parts.size(); ++part) {
      if (model_.parts[part].root != kNone) outline_.roots[part] = AddTree(model_.parts[part].root);
    }
    for (size_t tensor = 0; tensor < model_.tensors.size(); ++tensor) {
      if (outline_.module_of[tensor] == kNone) outline_.module_of[tensor] = PlaceByPath(model_.tensors[tensor]);
    }
    return std::move(outline_);
  }

 private:
  Index Add(OutlineModule module) {
    outline_.modules.push_back(module);
    Index index = static_cast<Index>(outline_.modules.size() - 1);
    if (module.parent != kNone) children_.try_emplace({module.parent, module.name}, index);
    return index;
  }

  // Pre-order, so that siblings stay in the file's order and parents come before their children.
  Index AddTree(Index root) {
    struct Visit {
      Index source;
      Index parent;  // in the outline
      int depth;
    };
    std::vector<Visit> pending = {{root, kNone, 0}};
    Index first = static_cast<Index>(outline_.modules.size());
    while (!pending.empty()) {
      Visit visit = pending.back();
      pending.pop_back();
      const Module& module = model_.modules[visit.source];
      Index self = visit.parent;
      if (visit.depth <= kMaxOutlineDepth) self = Add({module.name, module.path, visit.parent, visit.source});
      for (Index tensor : module.tensors) {
        if (outline_.module_of[tensor] == kNone) outline_.module_of[tensor] = self;
      }
      for (auto child = module.children.rbegin(); child != module.children.rend(); ++child) {
        pending.push_back({*child, self, visit.depth + 1});
      }
    }
    return first;
  }

  Index PlaceByPath(const Tensor& tensor) {
    size_t part = tensor.part < model_.parts.size() ? tensor.part : model_.parts.size();
    Index& root = outline_.roots[part];
    if (root == kNone) root = Add({});
    std::string_view path = tensor.path;
    if (part < model_.parts.size() && path.starts_with(model_.parts[part].path)) {
      path.remove_prefix(model_.parts[part].path.size());
    }
    std::vector<std::string_view> steps = PathSteps(path);
    Index at = root;
    for (size_t i = 0; i + 1 < steps.size() && i < static_cast<size_t>(kMaxOutlineDepth); ++i) {
      auto found = children_.find({at, steps[i]});
      if (found != children_.end()) {
        at = found->second;
        continue;
      }
      std::string_view whole(steps[0].begin(), steps[i].end());
      at = Add({steps[i], whole, at, kNone});
    }
    return at;
  }

  const Model& model_;
  Outline outline_;
  std::unordered_map<Child, Index, ChildHash> children_;
};

// One past the bracket that closes the one at `at`: `[3]`, or `["..."]` with a JSON string inside.
size_t EndOfBracket(std::string_view path, size_t at) {
  size_t i = at + 1;
  if (i < path.size() && path[i] == '"') {
    for (++i; i < path.size() && path[i] != '"'; ++i) {
      if (path[i] == '\\') ++i;
    }
  }
  size_t close = path.find(']', i);
  return close == std::string_view::npos ? path.size() : close + 1;
}

}  // namespace

Outline BuildOutline(const Model& model) { return Builder(model).Build(); }

std::vector<std::string_view> PathSteps(std::string_view path) {
  std::vector<std::string_view> steps;
  for (size_t at = 0; at < path.size();) {
    if (path[at] == '.') {
      ++at;
      continue;
    }
    size_t end = path[at] == '[' ? EndOfBracket(path, at) : std::min(path.find_first_of(".[", at), path.size());
    steps.push_back(path.substr(at, end - at));
    at = end;
  }
  return steps;
}

}  // namespace pthview::server
