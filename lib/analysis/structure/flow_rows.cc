// The part of Planner that tries rows of the table on a module's children.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/structure/flow_planner.h"
#include "lib/analysis/structure/numbered_names.h"
#include "lib/base/natural_order.h"

namespace pthview {

bool Planner::Patterns(Index index, FlowPlan& plan) {
  Names names;
  for (Index child : At(index).children) names.try_emplace(At(child).name, child);
  return std::any_of(FlowPrograms().begin(), FlowPrograms().end(), [&](const FlowProgram& program) {
    auto candidate = Fit(index, names, program);
    return candidate && Take(index, std::move(*candidate), plan, program.pattern->when);
  });
}

Index Planner::Find(const Names& names, std::string_view path) {
  size_t dot = path.find('.');
  auto at = names.find(path.substr(0, dot));
  if (at == names.end()) return kNone;
  Index found = at->second;
  while (dot != std::string_view::npos && found != kNone) {
    path.remove_prefix(dot + 1);
    dot = path.find('.');
    std::string_view step = path.substr(0, dot);
    Index next = kNone;
    const Module& module = At(found);
    if (module.children.size() > kMostNamed) return kNone;
    for (Index child : module.children) {
      if (At(child).name == step) next = child;
    }
    found = next;
  }
  return found;
}

std::vector<Index> Planner::Called(Index index, const Names& names, const FlowStep& step) {
  std::vector<Index> called;
  for (std::string_view name : step.names) {
    if (!step.numbered) {
      Index found = Find(names, name);
      if (found != kNone) return {found};
      continue;
    }
    size_t dot = name.rfind('.');
    Index parent = dot == std::string_view::npos ? index : Find(names, name.substr(0, dot));
    std::string_view stem = dot == std::string_view::npos ? name : name.substr(dot + 1);
    if (parent == kNone) continue;
    // A list of that name: its members.
    Index list = stem.empty() ? kNone : Find(names, name);
    if (list != kNone && !IsLayer(At(list)) && At(list).tensors.empty()) {
      parent = list;
      stem = {};
      for (Index child : At(list).children) {
        if (!NameStem(At(child).name).empty()) parent = kNone;
      }
      if (parent == kNone) continue;
    }
    for (Index child : At(parent).children) {
      if (EndsWithNumber(At(child).name) && NameStem(At(child).name) == stem) called.push_back(child);
    }
    std::stable_sort(called.begin(), called.end(),
                     [&](Index a, Index b) { return NaturalLess(At(a).name, At(b).name); });
    if (!called.empty()) return called;
  }
  return called;
}

std::optional<FlowPlan> Planner::Fit(Index index, const Names& names, const FlowProgram& program) {
  FlowPlan plan;
  plan.steps.resize(kFixedSteps);
  // Of each step of the program where it begins and ends in the plan; absent optional ones have none.
  constexpr uint32_t kAbsent = UINT32_MAX;
  std::vector<std::pair<uint32_t, uint32_t>> places(program.steps.size(), {kAbsent, kAbsent});
  std::unordered_set<Index> used;
  for (uint32_t i = 0; i < kFixedSteps; ++i) places[i] = {i, i};
  std::vector<PlanLink> inner;
  size_t children = 0;
  for (size_t i = kFixedSteps; i < program.steps.size(); ++i) {
    const FlowStep& step = program.steps[i];
    auto at = static_cast<uint32_t>(plan.steps.size());
    if (step.kind == StepKind::kOperation) {
      plan.steps.push_back({.operation = step.names[0]});
      places[i] = {at, at};
      continue;
    }
    std::vector<Index> called = Called(index, names, step);
    if (called.empty()) {
      if (!step.optional) return std::nullopt;
      continue;
    }
    places[i] = {at, static_cast<uint32_t>(at + called.size() - 1)};
    for (Index module : called) {
      if (step.kind == StepKind::kChild && !used.insert(module).second) return std::nullopt;
      bool tap = step.kind == StepKind::kTap;
      children += tap ? 0 : 1;
      if (plan.steps.size() > at && !step.parallel)
        inner.push_back({static_cast<uint32_t>(plan.steps.size() - 1), static_cast<uint32_t>(plan.steps.size())});
      plan.steps.push_back({.module = module, .tap = tap, .may_add = step.numbered && MayAdd(module)});
    }
  }
  if (children == 0 || !AllUsed(index, used)) return std::nullopt;
  // What stands before an absent step, goes where it would have gone. Rows write an absent step's source first.
  std::vector<uint32_t> stand_in(program.steps.size(), kAbsent);
  for (size_t i = 0; i < program.steps.size(); ++i) stand_in[i] = places[i].second;
  for (const FlowLink& link : program.links) {
    if (places[link.to].first == kAbsent && !link.mem) stand_in[link.to] = stand_in[link.from];
  }
  plan.links = std::move(inner);
  for (const FlowLink& link : program.links) {
    uint32_t from = stand_in[link.from];
    auto [first, last] = places[link.to];
    if (from == kAbsent || first == kAbsent) continue;
    const FlowStep& source = program.steps[link.from];
    bool several = (source.parallel || source.every) && places[link.from].first != kAbsent;
    for (uint32_t each = several ? places[link.from].first : from; each <= from; ++each) {
      auto same = [&](const PlanLink& row) { return row.from == each && row.to == first && !row.mem; };
      if (!link.mem && std::any_of(plan.links.begin(), plan.links.end(), same)) continue;
      bool all = link.mem || program.steps[link.to].parallel;
      for (uint32_t to = first; to <= (all ? last : first); ++to) plan.links.push_back({each, to, link.mem, link.pass});
    }
  }
  // A tap needs the module that holds what it taps to have run: program order sees to that.
  std::string_view name = At(index).class_name;
  plan.sure = !program.pattern->may_add;
  plan.evidence = {EvidenceKind::kPattern, std::string(program.pattern->name)};
  if (At(index).origin == Origin::kRecorded && IsListed(name, program.pattern->classes)) {
    plan.evidence = {EvidenceKind::kClass, fmt::format("{}: {}", name, program.pattern->name)};
  }
  return plan;
}

bool Planner::IsListed(std::string_view name, std::string_view list) {
  while (!list.empty()) {
    size_t end = list.find(' ');
    if (!name.empty() && name.ends_with(list.substr(0, end))) return true;
    list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
  }
  return false;
}

bool Planner::AllUsed(Index index, const std::unordered_set<Index>& used) {
  std::vector<Index> todo = {index};
  size_t visited = 0;
  while (!todo.empty()) {
    Index at = todo.back();
    todo.pop_back();
    if (++visited > kMostNamed) return false;
    for (Index child : At(at).children) {
      if (!Heavy(child) || used.contains(child)) continue;
      if (IsLayer(At(child)) || !At(child).tensors.empty()) return false;
      todo.push_back(child);
    }
  }
  return true;
}

}  // namespace pthview
