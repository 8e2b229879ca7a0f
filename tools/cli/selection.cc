#include "tools/cli/selection.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/analysis/names/glob.h"
#include "lib/analysis/names/suggest.h"
#include "lib/base/text_hash.h"
#include "tools/cli/console.h"

namespace pthview {
namespace {

bool IsBelow(std::string_view path, std::string_view above) {
  if (!path.starts_with(above)) return false;
  return path.size() == above.size() || above.empty() || path[above.size()] == '.' || path[above.size()] == '[';
}

bool Fits(const std::string& glob, std::string_view name, std::string_view path) {
  return GlobMatches(glob, name) || GlobMatches(glob, path);
}

bool MatchesAny(std::string_view name, std::string_view path, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return Fits(glob, name, path); });
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
    if (part.path.empty()) continue;
    paths.push_back(part.path);
    known += (known.empty() ? "one of: " : ", ") + ShellWord(part.path);
  }
  if (known.empty()) known = "leave --part out: the file has no parts";
  auto near = Suggest(wanted, paths, 1);
  return Error{.code = ErrorCode::kNotFound,
               .message = fmt::format("no part '{}'", wanted),
               .file = model.file,
               .hint = near.empty() ? known : fmt::format("--part {}", ShellWord(near[0]))};
}

// A pattern whose beginning is that of some name, where the one given begins like none: 'layr1.*' may mean 'layer1.*'.
std::string NearPattern(const Model& model, std::string_view glob) {
  std::string_view start = glob.substr(0, glob.find_first_of("*?["));
  std::string_view rest = glob.substr(start.size());
  if (start.ends_with('.')) {
    rest = glob.substr(start.size() - 1);
    start.remove_suffix(1);
  }
  const auto levels = std::count(start.begin(), start.end(), '.');
  std::set<std::string_view> starts;
  for (const Tensor& tensor : model.tensors) {
    size_t end = tensor.name.find('.');
    for (auto level = levels; level > 0 && end != std::string_view::npos; --level) end = tensor.name.find('.', end + 1);
    starts.insert(tensor.name.substr(0, end));
  }
  auto near = Suggest(start, std::vector<std::string_view>(starts.begin(), starts.end()), 1);
  return near.empty() ? "" : fmt::format("--include {}", ShellWord(near[0] + std::string(rest)));
}

Error UnknownName(const Model& model, std::string_view glob) {
  std::string near = NearPattern(model, glob);
  return Error{.code = ErrorCode::kNotFound,
               .message = fmt::format("--include: nothing in it fits '{}'", glob),
               .file = model.file,
               .hint = near.empty() ? fmt::format("`pthview list --all {}`", ShellWord(model.file)) : near};
}

// What SelectTensors left out although nobody asked for that.
struct LeftOut {
  std::vector<size_t> of_part;  // by part
  size_t no_part = 0;
  size_t not_persistent = 0;

  bool any() const {
    return no_part + not_persistent > 0 || std::any_of(of_part.begin(), of_part.end(), [](size_t n) { return n > 0; });
  }
  std::string Text(const Model& model) const {
    constexpr size_t kMostNamed = 4;
    size_t count = no_part;
    size_t parts = no_part > 0 ? 1 : 0;
    std::string names;
    for (size_t i = 0; i < of_part.size(); ++i) {
      count += of_part[i];
      if (of_part[i] == 0 || model.parts[i].path.empty()) continue;
      if (++parts <= kMostNamed) names += fmt::format("{}{}", names.empty() ? "" : ", ", model.parts[i].path);
    }
    if (parts > kMostNamed) names += ", ...";
    std::string text;
    if (count > 0) {
      text = fmt::format("{} tensor{} {}", count, count == 1 ? "" : "s",
                         names.empty() ? "outside the model" : "of " + names);
    }
    if (not_persistent > 0) {
      text += fmt::format("{}{} tensor{} in no state_dict (constants and the like)", text.empty() ? "" : "; ",
                          not_persistent, not_persistent == 1 ? "" : "s");
    }
    return fmt::format("left out: {} (--all includes {})", text, count + not_persistent == 1 ? "it" : "them");
  }
};

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
  for (const std::string& glob : narrowing.include_) {
    bool found = std::any_of(model.tensors.begin(), model.tensors.end(),
                             [&](const Tensor& tensor) { return Fits(glob, tensor.name, tensor.path); }) ||
                 std::any_of(model.plain.begin(), model.plain.end(),
                             [&](const PlainValue& plain) { return GlobMatches(glob, plain.path); });
    if (!found) narrowing.unfit_.push_back(glob);
  }
  if (!narrowing.include_.empty() && narrowing.unfit_.size() == narrowing.include_.size()) {
    return UnknownName(model, narrowing.unfit_.front());
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

Result<Selection> SelectTensors(const Model& model, const Arguments& arguments, Scope scope) {
  PTHVIEW_ASSIGN(Narrowing narrowing, Narrowing::Of(model, arguments));
  Selection selection;
  const bool all = arguments.Flag("all") || scope == Scope::kEverything;
  const bool any_model = std::any_of(model.parts.begin(), model.parts.end(),
                                     [](const Part& part) { return part.kind == PartKind::kModel; });
  const bool models_only = !all && !narrowing.by_part() && any_model;
  if (!all && !narrowing.by_part() && !any_model && !model.tensors.empty()) {
    selection.notes.emplace_back("no part of the file is a model by its names; every tensor is listed");
  }
  selection.tensors.reserve(model.tensors.size());
  LeftOut left_out{.of_part = std::vector<size_t>(model.parts.size())};
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[i];
    if (!narrowing.Has(tensor)) continue;
    if (models_only && (tensor.part == kNone || model.parts[tensor.part].kind != PartKind::kModel)) {
      ++(tensor.part == kNone ? left_out.no_part : left_out.of_part[tensor.part]);
    } else if (!tensor.persistent && !all) {
      ++left_out.not_persistent;
    } else {
      selection.tensors.push_back(static_cast<Index>(i));
    }
  }
  if (narrowing.by_name() && selection.tensors.empty()) {
    return Error{.code = ErrorCode::kNotFound,
                 .message = "no tensor is left by --include and the other options",
                 .file = model.file,
                 .hint = left_out.any() ? "--all" : fmt::format("`pthview list --all {}`", ShellWord(model.file))};
  }
  for (const std::string& glob : narrowing.unfit()) {
    selection.notes.push_back(fmt::format("--include: nothing in it fits '{}'", glob));
  }
  if (left_out.any()) selection.notes.push_back(left_out.Text(model));
  FindCollisions(model, selection);
  return selection;
}

}  // namespace pthview
