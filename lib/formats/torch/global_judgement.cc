#include "lib/formats/torch/global_judgement.h"

#include <algorithm>
#include <iterator>

#include "lib/formats/torch/known_callables.h"
#include "lib/formats/torch/known_globals.h"
#include "lib/formats/torch/torch_globals.h"
#include "lib/formats/torch/torch_layers.h"

namespace pthview {
namespace {

using known_globals::Name;

std::string_view Canonical(std::string_view module) { return module == "__builtin__" ? "builtins" : module; }

template <size_t N>
bool Contains(const Name (&rows)[N], std::string_view module, std::string_view name) {
  return std::any_of(std::begin(rows), std::end(rows),
                     [&](const Name& row) { return row.name == name && row.module == module; });
}

template <size_t N>
bool Contains(const std::string_view (&rows)[N], std::string_view text) {
  return std::find(std::begin(rows), std::end(rows), text) != std::end(rows);
}

// Whether the module or a package that it stands in is known for harm.
bool IsDangerousModule(std::string_view module) {
  if (Contains(known_globals::kModules, module)) return true;
  for (size_t end = module.find('.');; end = module.find('.', end + 1)) {
    if (Contains(known_globals::kPackages, module.substr(0, end))) return true;
    if (end == module.npos) return false;
  }
}

// Whether `name` or what it is an attribute of is a row of known_callables.h.
bool IsDangerousCallable(std::string_view module, std::string_view name, bool text_only = false) {
  for (const known_globals::Callables& row : known_globals::kCallables) {
    if (!module.starts_with(row.package) || (text_only && !row.runs_text)) continue;
    const std::string_view below = module.substr(row.package.size());
    if (!below.empty() && (!row.below || below[0] != '.')) continue;
    for (std::string_view names = row.names; !names.empty();) {
      const std::string_view callable = names.substr(0, names.find(' '));
      names.remove_prefix(callable.size() + 1);
      if (name.starts_with(callable) && (name.size() == callable.size() || name[callable.size()] == '.')) return true;
    }
  }
  return false;
}

// STACK_GLOBAL reaches through dots: `torch` `os.system`, `numpy` `load.__globals__`.
bool ReachesDanger(std::string_view name) {
  for (size_t begin = 0;;) {
    const size_t end = name.find('.', begin);
    std::string_view part = name.substr(begin, end == name.npos ? name.npos : end - begin);
    if (part.ends_with("()")) part.remove_suffix(2);
    if (Contains(known_globals::kReached, part)) return true;
    if (begin != 0 && Contains(known_globals::kAttributes, part)) return true;
    if (end == name.npos) return false;
    begin = end + 1;
  }
}

}  // namespace

const char* JudgementName(Judgement judgement) {
  switch (judgement) {
    case Judgement::kData: return "data";
    case Judgement::kUnknown: return "unknown";
    case Judgement::kDangerous: return "dangerous";
  }
  return "unknown";
}

bool RunsSourceText(std::string_view module, std::string_view name) {
  module = Canonical(module);
  return Contains(known_globals::kRunText, module, name) || IsDangerousCallable(module, name, true);
}

Judgement JudgeGlobal(std::string_view module, std::string_view name) {
  module = Canonical(module);
  if (MeaningOf(module, name).kind != GlobalKind::kUnknown || Contains(known_globals::kHarmless, module, name) ||
      IsTorchLayer(module, name)) {
    return Judgement::kData;
  }
  if (Contains(known_globals::kAmbiguous, module, name)) return Judgement::kUnknown;
  // `builtins` `eval.__call__` is eval.
  const bool named = Contains(known_globals::kDangerous, module, name) ||
                     Contains(known_globals::kDangerous, module, name.substr(0, name.find('.'))) ||
                     IsDangerousCallable(module, name);
  if (named || IsDangerousModule(module) || ReachesDanger(name)) return Judgement::kDangerous;
  return Judgement::kUnknown;
}

}  // namespace pthview
