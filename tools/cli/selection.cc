#include "tools/cli/selection.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/analysis/glob.h"
#include "lib/analysis/suggest.h"

namespace pthview {
namespace {

bool IsBelow(std::string_view path, std::string_view above) {
  if (!path.starts_with(above)) return false;
  return path.size() == above.size() || above.empty() || path[above.size()] == '.' || path[above.size()] == '[';
}

bool MatchesAny(const Tensor& tensor, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return GlobMatches(glob, tensor.name) || GlobMatches(glob, tensor.path);
  });
}

// Marks the names that stand in more than one part.
void FindCollisions(const Model& model, Selection& selection) {
  bool several = std::any_of(selection.tensors.begin(), selection.tensors.end(), [&](Index i) {
    return model.tensors[i].part != model.tensors[selection.tensors.front()].part;
  });
  if (!several) return;
  std::unordered_map<std::string_view, std::pair<Index, bool>>
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

Status CheckParts(const Model& model, std::span<const std::string> wanted) {
  for (const std::string& path : wanted) {
    bool known =
        std::any_of(model.parts.begin(), model.parts.end(), [&](const Part& part) { return part.path == path; });
    if (!known) return UnknownPart(model, path);
  }
  return Ok();
}

Result<Selection> SelectTensors(const Model& model, const Arguments& arguments) {
  Selection selection;
  std::vector<std::string> wanted = arguments.Values("part");
  std::vector<std::string> include = arguments.Values("include");
  std::vector<std::string> exclude = arguments.Values("exclude");
  bool all = arguments.Flag("all");

  std::vector<bool> part_chosen(model.parts.size(), all);
  std::vector<bool> wanted_found(wanted.size(), false);
  bool any_model = false;
  for (size_t p = 0; p < model.parts.size(); ++p) {
    any_model = any_model || model.parts[p].kind == PartKind::kModel;
    if (wanted.empty() && model.parts[p].kind == PartKind::kModel) part_chosen[p] = true;
    for (size_t w = 0; w < wanted.size(); ++w) {
      if (!IsBelow(model.parts[p].path, wanted[w])) continue;
      part_chosen[p] = true;
      wanted_found[w] = true;
    }
  }
  bool everything = !all && wanted.empty() && !any_model;
  if (everything && !model.tensors.empty()) {
    selection.notes.push_back("no part of the file is a model by its names; every tensor is listed");
  }
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[i];
    bool chosen = everything || (tensor.part != kNone && part_chosen[tensor.part]);
    for (size_t w = 0; !chosen && w < wanted.size(); ++w) {  // a path below a part chooses too
      chosen = IsBelow(tensor.path, wanted[w]);
      if (chosen) wanted_found[w] = true;
    }
    if (!chosen || (!tensor.persistent && !all)) continue;
    if (!include.empty() && !MatchesAny(tensor, include)) continue;
    if (!exclude.empty() && MatchesAny(tensor, exclude)) continue;
    selection.tensors.push_back(static_cast<Index>(i));
  }
  for (size_t w = 0; w < wanted.size(); ++w) {
    if (!wanted_found[w]) return UnknownPart(model, wanted[w]);
  }
  FindCollisions(model, selection);
  return selection;
}

}  // namespace pthview
