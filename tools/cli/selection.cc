#include "tools/cli/selection.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/analysis/glob.h"
#include "lib/analysis/suggest.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

bool IsBelow(std::string_view path, std::string_view above) {
  if (!path.starts_with(above)) return false;
  return path.size() == above.size() || above.empty() || path[above.size()] == '.' || path[above.size()] == '[';
}

bool MatchesAny(std::string_view name, std::string_view path, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return GlobMatches(glob, name) || GlobMatches(glob, path); });
}

// Marks the names that stand in more than one part.
void FindCollisions(const Model& model, Selection& selection) {
  bool several = std::any_of(selection.tensors.begin(), selection.tensors.end(), [&](Index i) {
    return model.tensors[i].part != model.tensors[selection.tensors.front()].part;
  });
  if (!several) return;
  std::unordered_map<std::string_view, std::pair<Index, bool>, TextHash>
      parts;  // name: its first part, and whether others have it
  parts.reserve(selection.tensors.size());
  for (Index i : selection.tensors) {
    const Tensor& tensor = model.tensors[i];
    auto [at, is_new] = parts.try_emplace(tensor.name, tensor.part, false);
    if (!is_new && at->second.first != tensor.part) at->second.second = selection.names_collide = true;
  }
  if (!selection.names_collide) return;
  for (Index i : selection.tensors) selection.use_path.push_back(parts[model.tensors[i].name].second ? 1 : 0);
}

Error UnknownPart(const Model& model, std::string_view wanted) {
  std::vector<std::string_view> paths;
  std::string known;
  for (const Part& part : model.parts) {
    paths.push_back(part.path);
    known += fmt::format("{}{}", known.empty() ? "" : ", ", part.path.empty() ? "(the whole file)" : part.path);
  }
  auto near = Suggest(wanted, paths, 1);
  return Error{.code = ErrorCode::kNotFound,
               .message = fmt::format("no part '{}'", wanted),
               .file = model.file,
               .hint = near.empty() ? "one of: " + known : fmt::format("--part {}", near[0])};
}

}  // namespace

Result<Narrowing> Narrowing::Of(const Model& model, const Arguments& arguments) {
  Narrowing narrowing(model);
  narrowing.parts_ = arguments.Values("part");
  narrowing.include_ = arguments.Values("include");
  narrowing.exclude_ = arguments.Values("exclude");
  for (const std::string& wanted : narrowing.parts_) {
    auto below = [&](const auto& item) { return IsBelow(item.path, wanted); };
    bool found = std::any_of(model.parts.begin(), model.parts.end(), below) ||
                 std::any_of(model.tensors.begin(), model.tensors.end(), below) ||
                 std::any_of(model.plain.begin(), model.plain.end(), below);
    if (!found) return UnknownPart(model, wanted);
  }
  return narrowing;
}

bool Narrowing::InParts(std::string_view path) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const std::string& part) { return IsBelow(path, part); });
}

bool Narrowing::InGlobs(std::string_view name, std::string_view path) const {
  return (include_.empty() || MatchesAny(name, path, include_)) && !MatchesAny(name, path, exclude_);
}

bool Narrowing::Has(const Tensor& tensor) const {
  bool in_parts =
      parts_.empty() || InParts(tensor.path) || (tensor.part != kNone && InParts(model_->parts[tensor.part].path));
  return in_parts && InGlobs(tensor.name, tensor.path);
}

bool Narrowing::Has(const PlainValue& plain) const {
  return (parts_.empty() || InParts(plain.path)) && InGlobs(plain.path, plain.path);
}

bool Narrowing::Has(const Part& part) const { return parts_.empty() || InParts(part.path); }

Result<Selection> SelectTensors(const Model& model, const Arguments& arguments) {
  PTHVIEW_ASSIGN(Narrowing narrowing, Narrowing::Of(model, arguments));
  Selection selection;
  const bool all = arguments.Flag("all");
  const bool any_model = std::any_of(model.parts.begin(), model.parts.end(),
                                     [](const Part& part) { return part.kind == PartKind::kModel; });
  const bool models_only = !all && !narrowing.by_part() && any_model;
  if (!all && !narrowing.by_part() && !any_model && !model.tensors.empty()) {
    selection.notes.emplace_back("no part of the file is a model by its names; every tensor is listed");
  }
  selection.tensors.reserve(model.tensors.size());
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[i];
    if (models_only && (tensor.part == kNone || model.parts[tensor.part].kind != PartKind::kModel)) continue;
    if (!tensor.persistent && !all) continue;
    if (narrowing.Has(tensor)) selection.tensors.push_back(static_cast<Index>(i));
  }
  FindCollisions(model, selection);
  return selection;
}

}  // namespace pthview
