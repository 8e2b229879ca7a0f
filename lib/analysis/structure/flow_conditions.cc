// The part of Planner that knows what rows of the table ask for beside names.
#include <algorithm>

#include "lib/analysis/structure/flow_planner.h"

namespace pthview {

bool Planner::Holds(FlowWhen when, Index index, const FlowPlan& plan) {
  bool known = plan.in.size > 0 && plan.out.size > 0;
  bool same = known && plan.in.size == plan.out.size;
  Index first = plan.steps[kFixedSteps].module;
  switch (when) {
    case FlowWhen::kAlways: return true;
    case FlowWhen::kSameWidth: return same;
    case FlowWhen::kOtherWidth: return known && !same;
    case FlowWhen::kPreActivation: return sorted_ ? Votes() < 0 : NormBeforeConvolution(index);
    case FlowWhen::kPostActivation:
      return sorted_ ? Votes() > 0 || (Votes() == 0 && HasBatchNorm(index)) : !NormBeforeConvolution(index);
    case FlowWhen::kConvolutions: return BeginsWithConvolution(plan.steps[kFixedSteps].module);
    case FlowWhen::kNarrowConvolution: {
      const FlowPlan& one = Of(first);
      return one.layer.kind == LayerKind::kConvolution && one.out.size > 0 && one.out.size < one.in.size;
    }
    case FlowWhen::kNarrowLinear: {
      const FlowPlan& one = Of(first);
      return one.layer.kind == LayerKind::kLinear && one.out.size < one.in.size &&
             Of(LastCalled(plan)).out.size == one.in.size;
    }
    case FlowWhen::kEndsWithConvC: {
      const std::vector<Index>& layers = At(first).children;
      return std::any_of(layers.begin(), layers.end(), [&](Index layer) { return At(layer).name == "conv_c"; });
    }
    case FlowWhen::kChannelAttention: {
      const FlowPlan& one = Of(first);
      return one.layer.kind == LayerKind::kConvolution && one.in.size == 1 && one.out.size == 1;
    }
    case FlowWhen::kInvertedSame: return same && !WithoutExpansion(first) && Inverted(first);
    case FlowWhen::kInvertedOther: return known && (!same || WithoutExpansion(first)) && Inverted(first);
    case FlowWhen::kConvNeXt: {
      const std::vector<Index>& layers = At(plan.steps[kFixedSteps].module).children;
      return same && layers.size() > 2 && Depthwise(layers.front()) &&
             Of(layers.back()).layer.kind == LayerKind::kLinear;
    }
    case FlowWhen::kHalves: return Of(plan.steps[kFixedSteps].module).out.size == 2 * Of(LastCalled(plan)).in.size;
    case FlowWhen::kContainers:
      return std::all_of(plan.steps.begin() + kFixedSteps, plan.steps.end(),
                         [&](const PlanStep& step) { return step.module != kNone && !IsLayer(At(step.module)); });
    case FlowWhen::kJoin:
      return Of(LastCalled(plan)).in.size > Of(plan.steps[kFixedSteps].module).out.size &&
             Of(plan.steps[kFixedSteps].module).out.size > 0;
    case FlowWhen::kSppf: return Of(LastCalled(plan)).in.size == 4 * Of(plan.steps[kFixedSteps].module).out.size;
    case FlowWhen::kInTurn: return DefinedInTurn(plan);
    case FlowWhen::kNotAfter: return !NormsBehind(plan);
    case FlowWhen::kNormedPair: {
      const FlowPlan& one = Of(first);
      if (!same || one.residual || Of(LastCalled(plan)).residual) return false;
      auto attends = [](const FlowPlan& of) {
        return std::any_of(of.steps.begin(), of.steps.end(),
                           [](const PlanStep& step) { return step.operation == "~attention"; });
      };
      bool found = attends(one);
      for (const PlanStep& step : one.steps) found |= step.module != kNone && attends(Of(step.module));
      return found && BeginsWithNorm(first) && BeginsWithNorm(LastCalled(plan));
    }
    case FlowWhen::kFinalNorm: {
      Index list = At(index).parent;
      Index around = list == kNone ? kNone : At(list).parent;
      if (around == kNone || around < root_) return false;
      const std::vector<Index>& beside = At(around).children;
      return beside.size() <= kMostNamed && std::any_of(beside.begin(), beside.end(), [&](Index child) {
               return At(child).name == "layer_norm" || At(child).name == "final_layer_norm";
             });
    }
  }
  return false;
}

bool Planner::BeginsWithNorm(Index index) {
  for (int i = 0; i < kDeepest; ++i) {
    const FlowPlan& plan = Of(index);
    if (plan.kind == FlowPlan::Kind::kLayer) return plan.layer.kind == LayerKind::kNorm;
    if (plan.kind == FlowPlan::Kind::kOpaque) return false;
    Index first = kNone;
    for (const PlanLink& link : plan.links) {
      if (link.from == kInStep && plan.steps[link.to].module != kNone && first == kNone)
        first = plan.steps[link.to].module;
    }
    if (first == kNone) return false;
    index = first;
  }
  return false;
}

bool Planner::DefinedInTurn(const FlowPlan& plan) const {
  if (sorted_) return false;
  Index before = 0;
  for (size_t i = kFixedSteps; i < plan.steps.size(); ++i) {
    const PlanStep& step = plan.steps[i];
    if (step.module == kNone || step.tap) continue;
    if (step.module < before) return false;
    before = step.module;
  }
  return true;
}

bool Planner::NormsBehind(const FlowPlan& plan) {
  if (sorted_) return false;
  // Steps stand in the order of calls: norm, branch, norm, branch.
  std::vector<Index> norms;
  std::vector<Index> branches;
  for (size_t i = kFixedSteps; i < plan.steps.size(); ++i) {
    Index module = plan.steps[i].module;
    if (module == kNone) continue;
    (Of(module).layer.kind == LayerKind::kNorm ? norms : branches).push_back(module);
  }
  return norms.size() >= 2 && branches.size() >= 2 && branches[0] < norms[0] && norms[0] < branches[1] &&
         branches[1] < norms[1];
}

int Planner::Votes() {
  if (voted_) return votes_;
  voted_ = true;
  bool before = false;
  bool after = false;
  for (size_t i = 0; i < plans_.size(); ++i) {
    const Module& module = At(static_cast<Index>(root_ + i));
    if (module.children.size() > 16) continue;
    LayerWidth conv;
    LayerWidth norm;
    for (Index child : module.children) {
      if (At(child).name == "conv1" && IsLayer(At(child))) conv = WidthOf(model_, At(child));
      if ((At(child).name == "norm1" || At(child).name == "bn1") && IsLayer(At(child)))
        norm = WidthOf(model_, At(child));
    }
    if (conv.kind != LayerKind::kConvolution || norm.kind != LayerKind::kNorm || conv.in.size == conv.out.size)
      continue;
    before |= norm.in.size == conv.in.size;
    after |= norm.in.size == conv.out.size;
  }
  if (before != after) votes_ = after ? 1 : -1;
  return votes_;
}

bool Planner::HasBatchNorm(Index index) {
  const std::vector<Index>& children = At(index).children;
  return std::any_of(children.begin(), children.end(),
                     [&](Index child) { return At(child).class_name.find("BatchNorm") != std::string_view::npos; });
}

bool Planner::BeginsWithConvolution(Index index) {
  for (int i = 0; i < kDeepest && !IsLayer(At(index)); ++i) {
    if (At(index).children.empty()) return false;
    index = At(index).children.front();
  }
  return IsLayer(At(index)) && Of(index).layer.kind == LayerKind::kConvolution;
}

Index Planner::LastCalled(const FlowPlan& plan) {
  Index last = kNone;
  for (const PlanStep& step : plan.steps) last = step.module != kNone ? step.module : last;
  return last;
}

bool Planner::NormBeforeConvolution(Index index) {
  for (Index child : At(index).children) {
    if (Of(child).layer.kind == LayerKind::kNorm) return true;
    if (Of(child).layer.kind == LayerKind::kConvolution) return false;
  }
  return false;
}

bool Planner::Depthwise(Index index) {
  const FlowPlan& plan = Of(index);
  if (plan.kind != FlowPlan::Kind::kLayer || plan.layer.kind != LayerKind::kConvolution) return false;
  const Module& module = At(index);
  return std::any_of(module.tensors.begin(), module.tensors.end(), [&](Index tensor) {
    std::span<const int64_t> weight = model_.tensors[tensor].shape;
    return weight.size() >= 3 && weight[1] == 1 && weight[0] > 1;
  });
}

bool Planner::WithoutExpansion(Index list) {
  const std::vector<Index>& items = At(list).children;
  if (items.empty()) return false;
  const std::vector<Index>& layers = At(items[0]).children;
  return Depthwise(items[0]) || (!layers.empty() && Depthwise(layers[0]));
}

bool Planner::Inverted(Index list) {
  const std::vector<Index>& items = At(list).children;
  if (items.empty() || items.size() > 16) return false;
  bool depthwise = false;
  bool fused = At(list).name == "block";
  for (Index item : items) {
    if (!Heavy(item)) continue;
    depthwise |= Depthwise(item);
    fused &= Of(item).kind == FlowPlan::Kind::kWired;
    if (Of(item).layer.kind == LayerKind::kLinear) return false;
    if (At(item).children.size() > 4) return false;
    for (Index layer : At(item).children) depthwise |= Depthwise(layer);
  }
  return depthwise || fused;
}

}  // namespace pthview
