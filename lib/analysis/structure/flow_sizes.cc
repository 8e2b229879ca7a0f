// The part of Planner that follows widths through the steps of a plan.
#include <algorithm>
#include <utility>

#include "lib/analysis/structure/flow_planner.h"

namespace pthview {

bool Planner::Sized(FlowPlan& plan) {
  size_t count = plan.steps.size();
  std::vector<std::vector<uint32_t>> into(count);
  std::vector<std::vector<uint32_t>> out_of(count);
  std::vector<uint32_t> waits(count, 0);
  for (uint32_t i = 0; i < plan.links.size(); ++i) {
    into[plan.links[i].to].push_back(i);
    out_of[plan.links[i].from].push_back(i);
    ++waits[plan.links[i].to];
  }
  std::vector<Width> widths(count);
  std::vector<uint32_t> ready = {kInStep, kMemStep, kKvStep};
  for (uint32_t i = kFixedSteps; i < count; ++i) {
    if (waits[i] == 0) ready.push_back(i);  // taps, and embeddings that nothing is said to feed
  }
  std::reverse(ready.begin(), ready.end());
  std::vector<PlanLink> ordered;
  ordered.reserve(plan.links.size());
  plan.order.clear();
  plan.depth = 0;
  plan.makers = 0;
  plan.in = {};
  while (!ready.empty()) {
    uint32_t at = ready.back();
    ready.pop_back();
    plan.order.push_back(at);
    for (uint32_t link : into[at]) ordered.push_back(plan.links[link]);
    if (!SizeOf(plan, at, into[at], widths)) return false;
    for (size_t i = out_of[at].size(); i-- > 0;) {
      uint32_t to = plan.links[out_of[at][i]].to;
      if (--waits[to] == 0) ready.push_back(to);
    }
  }
  plan.out = widths[kOutStep];
  plan.links = std::move(ordered);
  return true;
}

bool Planner::SizeOf(FlowPlan& plan, uint32_t at, const std::vector<uint32_t>& into, std::vector<Width>& widths) {
  const PlanStep& step = plan.steps[at];
  if (at == kInStep || at == kMemStep || at == kKvStep) return true;
  bool from_in = false;
  std::optional<Width> given = Width{};
  int64_t sum = 0;
  bool all = true;
  for (uint32_t link : into) {
    if (plan.links[link].mem) continue;
    uint32_t from = plan.links[link].from;
    Width width = from == kInStep ? plan.in : widths[from];
    from_in |= from == kInStep;
    all &= width.size > 0;
    sum += width.size;
    if (step.operation != "~cat" && step.operation != "~attention" && step.operation != "~any")
      given = Unify(*given, width);
    if (!given) return false;
  }
  if (!step.operation.empty()) {
    if (step.operation == "~add" && from_in && into.size() > 1) plan.residual = true;
    if (from_in && step.operation == "~add") plan.in = *Unify(plan.in, *given);
    widths[at] = step.operation == "~cat" ? (all && sum < INT64_MAX / 2 ? Width{sum} : Width{}) : *given;
    return true;
  }
  if (at == kOutStep) {
    widths[at] = *given;
    if (from_in) widths[at] = plan.in;
    return true;
  }
  if (step.tap) {
    widths[at] = Of(step.module).out;
    return true;
  }
  FlowPlan& child = Of(step.module);
  plan.depth = std::max(plan.depth, child.depth + 1);
  plan.makers = std::min(plan.makers + child.makers, 1000);
  if (child.kind == FlowPlan::Kind::kLayer) {
    auto out = Through(child.layer, *given);
    if (!out) return false;
    widths[at] = *out;
    if (from_in && child.layer.in.size > 0) {
      if (auto both = Unify(plan.in, child.layer.in)) plan.in = *both;
    }
    return true;
  }
  if (child.kind == FlowPlan::Kind::kWired) {
    bool fits = Unify(*given, child.in).has_value();
    if (!fits && !(given->image && child.in.size % given->size == 0 && FirstIsLinear(child))) return false;
    widths[at] = child.out;
    if (from_in && child.in.size > 0 && fits) plan.in = *Unify(plan.in, child.in);
    if (widths[at].size == 0 && child.residual) widths[at] = *given;
  }
  return true;
}

bool Planner::FirstIsLinear(const FlowPlan& plan) {
  const FlowPlan* at = &plan;
  for (int i = 0; i < kDeepest && at->kind == FlowPlan::Kind::kWired; ++i) {
    Index first = kNone;
    for (const PlanLink& link : at->links) {
      if (link.from == kInStep && at->steps[link.to].module != kNone) first = at->steps[link.to].module;
      if (first != kNone) break;
    }
    if (first == kNone) return false;
    at = &Of(first);
  }
  return at->kind == FlowPlan::Kind::kLayer && at->layer.kind == LayerKind::kLinear;
}

}  // namespace pthview
