#include "lib/analysis/structure/flow.h"

#include <unordered_map>
#include <utility>

#include "lib/analysis/structure/flow_pattern.h"
#include "lib/analysis/structure/flow_plan.h"

namespace pthview {
namespace {

// What arrives somewhere: the node that made it, and why it arrives.
struct Signal {
  Index node = kNone;
  Index evidence = kNone;
  bool given = false;  // something arrives, even where it is not known what
};

// Walks the plans from the root downwards as the forward would run.
class Walk {
 public:
  Walk(const Model& model, Index root) : model_(model), root_(root), plans_(PlanFlow(model, root)) {
    made_.resize(plans_.size());
    evidence_of_.assign(plans_.size(), kNone);
  }

  Flow Run() && {
    Signal input;
    if (Of(root_).kind == FlowPlan::Kind::kWired) input.node = Add({});
    flow_.output = Enter(root_, input, {}).node;
    // What no arrow leads into is looked into for itself.
    while (!apart_.empty()) {
      Index module = apart_.back();
      apart_.pop_back();
      Enter(module, {}, {});
    }
    return std::move(flow_);
  }

 private:
  const FlowPlan& Of(Index module) const { return plans_[module - root_]; }

  Index Add(FlowNode node) {
    flow_.nodes.push_back(node);
    return static_cast<Index>(flow_.nodes.size() - 1);
  }

  void Join(Signal from, Index to, bool memory) {
    if (from.node == kNone || from.evidence == kNone) return;
    flow_.edges.push_back({from.node, to, from.evidence, memory});
  }

  // Depth is bounded by that of plans.
  Signal Enter(Index module, Signal in, Signal memory) {
    const FlowPlan& plan = Of(module);
    Signal made;
    if (plan.kind == FlowPlan::Kind::kWired) {
      made = Run(module, plan, in, memory);
    } else {
      made.node = Add({.module = module});
      Join(in, made.node, false);
      Join(memory, made.node, true);
      if (plan.kind == FlowPlan::Kind::kOpaque) {
        SetApart(module);
      }
    }
    made_[module - root_] = made;
    return made;
  }

  // What is inside a module of which nothing is known is looked into for itself. Two lists of like length beside each
  // other may be called in turns ("resnets", "attentions"): of such only the members are.
  void SetApart(Index module) {
    const std::vector<Index>& children = model_.modules[module].children;
    std::unordered_map<size_t, size_t> lengths;
    std::unordered_map<size_t, int64_t> widths;  // by length, what the lists take; -1: not all the same
    for (Index child : children) {
      const FlowPlan& list = Of(child);
      ++lengths[list.numbered];
      int64_t width = list.layers && list.in.size > 0 && list.in.size != list.out.size ? list.in.size : -1;
      auto [at, is_new] = widths.try_emplace(list.numbered, width);
      if (!is_new && at->second != width) at->second = -1;
    }
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      size_t length = Of(*child).numbered;
      bool in_turns =
          length > 0 && (lengths[length] > 1 || lengths.contains(length + 1) ||
                         (length > 2 && lengths.contains(length - 1)) || (length == 2 && lengths.contains(1)));
      if (length == 1) in_turns = false;
      // Lists of layers that chain from one width on stand side by side: actor and critic.
      if (lengths[length] > 1 && widths[length] > 0) in_turns = false;
      if (in_turns) {
        const std::vector<Index>& members = model_.modules[*child].children;
        apart_.insert(apart_.end(), members.rbegin(), members.rend());
      } else {
        apart_.push_back(*child);
      }
    }
  }

  Index EvidenceOf(Index module) {
    Index& row = evidence_of_[module - root_];
    if (row == kNone) {
      row = static_cast<Index>(flow_.evidence.size());
      flow_.evidence.push_back(Of(module).evidence);
    }
    return row;
  }

  Signal Run(Index module, const FlowPlan& plan, Signal in, Signal memory) {
    std::vector<Signal> signals(plan.steps.size());
    if (in.node != kNone && in.evidence == kNone) in.evidence = EvidenceOf(module);
    signals[kInStep] = in;
    signals[kMemStep] = memory;
    signals[kKvStep] = memory.given ? memory : in;
    auto link = plan.links.begin();
    Signal out;
    for (uint32_t at : plan.order) {
      const PlanStep& step = plan.steps[at];
      auto first = link;
      while (link != plan.links.end() && link->to == at) ++link;
      if (at < kFixedSteps && at != kOutStep) continue;
      auto from = [&](const PlanLink& row) {
        Signal signal = signals[row.from];
        if (row.from >= kFixedSteps && signal.node != kNone) signal.evidence = EvidenceOf(module);
        return signal;
      };
      if (at == kOutStep || step.operation == "~any") {
        for (auto row = first; row != link; ++row) signals[at] = from(*row);
        if (at == kOutStep) out = signals[at];
      } else if (!step.operation.empty()) {
        signals[at].node = Add({module, step.operation});
        for (auto row = first; row != link; ++row) Join(from(*row), signals[at].node, false);
      } else if (step.tap) {
        signals[at] = made_[step.module - root_];
      } else {
        Signal given;
        Signal beside;
        for (auto row = first; row != link; ++row) {
          (row->mem ? beside : given) = from(*row);
          if (row->mem && !row->pass) beside.given = true;
        }
        signals[at] = Enter(step.module, given, beside);
        if (step.may_add) signals[at].node = kNone;
      }
    }
    out.evidence = kNone;
    return out;
  }

  const Model& model_;
  Index root_;
  std::vector<FlowPlan> plans_;
  std::vector<Signal> made_;        // by module: what it gives, once it has run
  std::vector<Index> evidence_of_;  // by module: row of Flow::evidence
  std::vector<Index> apart_;
  Flow flow_;
};

}  // namespace

Flow InferFlow(const Model& model, Index root) { return Walk(model, root).Run(); }

}  // namespace pthview
