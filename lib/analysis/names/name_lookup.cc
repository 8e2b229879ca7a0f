#include "lib/analysis/names/name_lookup.h"

#include <array>
#include <utility>

#include "lib/analysis/names/glob.h"
#include "lib/analysis/names/state_name.h"
#include "lib/analysis/names/suggest.h"
#include "lib/analysis/structure/module_tree.h"
#include "lib/analysis/structure/wrapper_prefix.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

// What a name is compared with; `prefix` is that of the tensor's part, empty for plain values.
struct Candidate {
  std::string_view name;
  std::string_view path;
  std::string_view prefix;
};

bool IsBelow(std::string_view name, std::string_view module) {
  return name.size() > module.size() && name.starts_with(module) &&
         (name[module.size()] == '.' || name[module.size()] == '[');
}

std::string_view Unprefixed(const Candidate& candidate) {
  bool carries = !candidate.prefix.empty() && candidate.name.starts_with(candidate.prefix);
  return carries ? candidate.name.substr(candidate.prefix.size()) : std::string_view();
}

struct Way {
  Lookup::How how;
  bool (*matches)(const Candidate& candidate, std::string_view query);
};

// In order of precedence.
constexpr auto kWays = std::to_array<Way>({
    {Lookup::How::kName, [](const Candidate& c, std::string_view query) { return c.name == query; }},
    {Lookup::How::kPath, [](const Candidate& c, std::string_view query) { return c.path == query; }},
    {Lookup::How::kPrefixed, [](const Candidate& c, std::string_view query) { return Unprefixed(c) == query; }},
    {Lookup::How::kModule,
     [](const Candidate& c, std::string_view query) { return IsBelow(c.name, query) || IsBelow(c.path, query); }},
    {Lookup::How::kPrefixedModule,
     [](const Candidate& c, std::string_view query) { return IsBelow(Unprefixed(c), query); }},
    {Lookup::How::kGlob,
     [](const Candidate& c, std::string_view query) {
       return IsGlob(query) && (GlobMatches(query, c.name) || GlobMatches(query, c.path));
     }},
    {Lookup::How::kSubstring,
     [](const Candidate& c, std::string_view query) {
       return c.name.find(query) != std::string_view::npos || c.path.find(query) != std::string_view::npos;
     }},
});

bool IsExact(Lookup::How how) { return how == Lookup::How::kName || how == Lookup::How::kPath; }

// InferModules may not have run: the prefixes are looked for here where a part has none set.
std::vector<std::string_view> PrefixesOfParts(const Model& model) {
  std::vector<std::string_view> prefixes;
  std::vector<std::vector<Index>> by_part = TensorsByPart(model);
  for (size_t i = 0; i < model.parts.size(); ++i) {
    auto name = [&](size_t k) { return NameInPart(model, model.tensors[by_part[i][k]]); };
    std::string_view known = model.parts[i].prefix;
    prefixes.push_back(known.empty() ? FindWrapperPrefix(by_part[i].size(), name).text : known);
  }
  return prefixes;
}

std::string Count(const Lookup& lookup) {
  auto count = [](size_t n, std::string_view what) {
    return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
  };
  if (lookup.plain.empty()) return count(lookup.tensors.size(), "tensor");
  if (lookup.tensors.empty()) return count(lookup.plain.size(), "value");
  return count(lookup.tensors.size(), "tensor") + " and " + count(lookup.plain.size(), "value");
}

std::string Explain(const Model& model, const Lookup& lookup, std::string_view query, std::string_view prefix) {
  std::string quoted = "'" + std::string(query) + "'";
  std::string full = "'" + std::string(prefix) + std::string(query) + "'";
  switch (lookup.how) {
    case Lookup::How::kNone:
    case Lookup::How::kName:
    case Lookup::How::kPath: return {};
    case Lookup::How::kPrefixed:
      return quoted + " found as '" + std::string(model.tensors[lookup.tensors.front()].name) + "'";
    case Lookup::How::kModule: return quoted + " holds " + Count(lookup);
    case Lookup::How::kPrefixedModule: return quoted + " found as " + full + ", which holds " + Count(lookup);
    case Lookup::How::kGlob: return "pattern " + quoted + " matches " + Count(lookup);
    case Lookup::How::kSubstring: return "no exact match for " + quoted + "; it is in the names of " + Count(lookup);
  }
  return {};
}

}  // namespace

Lookup FindByName(const Model& model, std::string_view query, const LookupAmong& among) {
  Lookup lookup;
  if (query.empty()) return lookup;
  std::vector<std::string_view> prefixes = PrefixesOfParts(model);
  auto prefix_of = [&](const Tensor& tensor) {
    return tensor.part < prefixes.size() ? prefixes[tensor.part] : std::string_view();
  };
  for (const Way& way : kWays) {
    for (size_t i = 0; i < model.tensors.size(); ++i) {
      const Tensor& tensor = model.tensors[i];
      // Where names collided they are paths, but the prefix stands before the name inside the part.
      Candidate candidate{tensor.name, tensor.path, prefix_of(tensor)};
      if (way.how == Lookup::How::kPrefixed || way.how == Lookup::How::kPrefixedModule) {
        candidate.name = NameInPart(model, tensor);
      }
      const bool fits = way.matches(candidate, query) || (way.how == Lookup::How::kName && tensor.state_of != kNone &&
                                                          StateName(model, tensor) == query);
      if (!fits || (among.tensors && !among.tensors(tensor))) continue;
      lookup.tensors.push_back(static_cast<Index>(i));
    }
    for (size_t i = 0; i < model.plain.size(); ++i) {
      // A plain value has only a path.
      Candidate candidate{{}, model.plain[i].path, {}};
      if (!way.matches(candidate, query) || (among.plain && !among.plain(model.plain[i]))) continue;
      lookup.plain.push_back(static_cast<Index>(i));
    }
    for (size_t i = 0; lookup.size() == 0 && IsExact(way.how) && i < model.components.size(); ++i) {
      const Tensor& component = model.components[i];
      std::string_view name = component.path;
      if (component.part < model.parts.size()) name = NameWithin(name, model.parts[component.part].path.size());
      if (!way.matches({name, component.path, {}}, query) || (among.tensors && !among.tensors(component))) continue;
      lookup.components.push_back(static_cast<Index>(i));
    }
    if (lookup.size() == 0) continue;
    lookup.how = way.how;
    std::string_view prefix = lookup.tensors.empty() ? std::string_view() : prefix_of(model.tensors[lookup.tensors[0]]);
    lookup.explanation = Explain(model, lookup, query, prefix);
    break;
  }
  return lookup;
}

std::vector<std::string> SuggestNames(const Model& model, std::string_view query) {
  std::vector<std::string_view> names;
  names.reserve(model.tensors.size() + model.plain.size());
  for (const Tensor& tensor : model.tensors) names.push_back(tensor.name);
  for (const PlainValue& plain : model.plain) names.push_back(plain.path);
  for (const Module& module : model.modules) {
    if (!module.path.empty()) names.push_back(module.path);
  }
  for (const Tensor& tensor : model.tensors) {
    if (tensor.path != tensor.name) names.push_back(tensor.path);
  }
  for (const Tensor& component : model.components) names.push_back(component.path);
  return Suggest(query, names);
}

}  // namespace pthview
