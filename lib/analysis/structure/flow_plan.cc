#include "lib/analysis/structure/flow_plan.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "lib/analysis/structure/flow_planner.h"

namespace pthview {

std::vector<FlowPlan> Planner::Plan() && {
  LookAtOrder();
  for (size_t i = plans_.size(); i-- > 0;) {
    const Module& module = model_.modules[root_ + i];
    if (!module.tensors.empty()) heavy_[i] = true;
    if (heavy_[i] && module.parent != kNone && module.parent >= root_) heavy_[module.parent - root_] = true;
  }
  for (size_t i = plans_.size(); i-- > 0;) PlanModule(static_cast<Index>(root_ + i));
  return std::move(plans_);
}

void Planner::LookAtOrder() {
  std::string_view before;
  Index part = kNone;
  for (size_t i = 0; i < plans_.size() && sorted_; ++i) {
    for (Index tensor : At(static_cast<Index>(root_ + i)).tensors) part = model_.tensors[tensor].part;
    if (part != kNone) break;
  }
  for (const Tensor& tensor : model_.tensors) {
    if (tensor.part != part || !sorted_) continue;
    sorted_ = before <= tensor.name;
    before = tensor.name;
  }
}

void Planner::PlanModule(Index index) {
  const Module& module = At(index);
  FlowPlan& plan = Of(index);
  if (IsLayer(module)) {
    plan.kind = FlowPlan::Kind::kLayer;
    plan.layer = WidthOf(model_, module);
    plan.in = plan.layer.in;
    plan.out = plan.layer.out;
    plan.makers = plan.layer.kind == LayerKind::kConvolution || plan.layer.kind == LayerKind::kLinear ? 1 : 0;
    return;
  }
  std::vector<Index> children;
  for (Index child : module.children) {
    if (Heavy(child)) children.push_back(child);
  }
  bool done = Recorded(index, plan) || Positions(index, children, plan) ||
              (children.size() <= kMostNamed && Patterns(index, plan)) || Numbered(index, children, plan) ||
              Wrapper(index, children, plan) || Sizes(index, children, plan) || Alternating(index, children, plan) ||
              Branches(index, children, plan) || InTurn(index, children, plan) || Heads(index, children, plan) ||
              Joined(index, children, plan);
  if (!done) plan = {};
}

bool Planner::MayAdd(Index module) {
  const FlowPlan& plan = Of(module);
  if (plan.kind != FlowPlan::Kind::kWired || plan.residual || plan.sure || plan.makers < 2) return false;
  return plan.in.size > 0 && (plan.in.size == plan.out.size || plan.in.other == plan.out.size);
}

// Of a module around one other these names say that it does nothing but call it.
bool Planner::IsPlainName(std::string_view name) {
  constexpr auto kPlain = std::to_array<std::string_view>(
      {"double_conv", "maxpool_conv", "seq", "sequential", "net", "model", "layers", "layer", "features", "encoder",
       "decoder", "cnn", "double_convolution", "classifier", "head", "module", "backbone", "mpconv"});
  return std::find(kPlain.begin(), kPlain.end(), name) != kPlain.end();
}

FlowPlan Planner::Chain(std::span<const Index> children, Evidence evidence) {
  FlowPlan plan{.evidence = std::move(evidence)};
  plan.steps.resize(kFixedSteps);
  uint32_t before = kInStep;
  for (Index child : children) {
    auto at = static_cast<uint32_t>(plan.steps.size());
    plan.steps.push_back({.module = child, .may_add = MayAdd(child)});
    plan.links.push_back({before, at});
    bool layer = Of(child).kind == FlowPlan::Kind::kLayer;
    if (!layer) plan.links.push_back({kMemStep, at, true, true});
    before = at;
  }
  plan.links.push_back({before, kOutStep});
  return plan;
}

bool Planner::Take(Index index, FlowPlan candidate, FlowPlan& plan, FlowWhen when) {
  if (!Sized(candidate) || candidate.depth > kDeepest) return false;
  if (when != FlowWhen::kAlways && !Holds(when, index, candidate)) return false;
  candidate.kind = FlowPlan::Kind::kWired;
  if (when == FlowWhen::kJoin) {
    candidate.joins = Of(LastCalled(candidate)).in.size - Of(candidate.steps[kFixedSteps].module).out.size;
  }
  plan = std::move(candidate);
  return true;
}

bool Planner::Recorded(Index index, FlowPlan& plan) {
  const Module& module = At(index);
  if (module.origin != Origin::kRecorded || module.class_name.empty() || module.children.empty()) return false;
  if (!module.class_name.ends_with("torch.nn.modules.container.Sequential")) return false;
  FlowPlan chain = Chain(module.children, {EvidenceKind::kClass, "torch.nn.Sequential calls its modules in turn"});
  if (!Sized(chain)) chain.in = chain.out = {};
  if (chain.depth > kDeepest) return false;
  chain.kind = FlowPlan::Kind::kWired;
  chain.sure = true;
  plan = std::move(chain);
  return true;
}

bool Planner::Positions(Index index, const std::vector<Index>& children, FlowPlan& plan) {
  if (!At(index).name.starts_with("cpe") || children.size() != 1 || !Depthwise(children[0])) return false;
  FlowPlan added =
      Chain(children, {EvidenceKind::kPattern, "positions by a depthwise convolution, added to the input"});
  auto sum = static_cast<uint32_t>(added.steps.size());
  added.steps.push_back({.operation = "~add"});
  added.links = {{kInStep, kFixedSteps}, {kFixedSteps, sum}, {kInStep, sum}, {sum, kOutStep}};
  return Take(index, std::move(added), plan);
}

bool Planner::Wrapper(Index index, const std::vector<Index>& children, FlowPlan& plan) {
  if (children.size() != 1 || At(children[0]).name == "fn") return false;
  const FlowPlan& inner = Of(children[0]);
  if (inner.kind == FlowPlan::Kind::kOpaque) return false;
  FlowPlan chain = Chain(children, {EvidenceKind::kPattern, "a module around one other"});
  chain.sure = inner.residual || (inner.sure && IsPlainName(At(children[0]).name));
  return Take(index, std::move(chain), plan);
}

bool IsLayer(const Module& module) {
  if (module.children.empty()) return true;
  if (module.class_name.ends_with("MultiheadAttention")) return true;
  // An adapter's layers are drawn as such, beside the layer that they adapt.
  return module.origin == Origin::kInferred && !module.class_name.empty() && module.class_name != "lora.LoRA";
}

std::vector<FlowPlan> PlanFlow(const Model& model, Index root) {
  Index end = root + 1;
  std::vector<Index> todo = {root};
  while (!todo.empty()) {
    const Module& module = model.modules[todo.back()];
    todo.pop_back();
    for (Index child : module.children) {
      end = std::max(end, child + 1);
      todo.push_back(child);
    }
  }
  return Planner(model, root, end).Plan();
}

}  // namespace pthview
