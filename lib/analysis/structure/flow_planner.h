// The planner behind PlanFlow. For flow_*.cc only; users include flow_plan.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lib/analysis/structure/flow_pattern.h"
#include "lib/analysis/structure/flow_plan.h"
#include "lib/base/text_hash.h"
#include "lib/model/model.h"

namespace pthview {

inline constexpr int kDeepest = 48;         // modules wired inside each other; what lies deeper stays without arrows
inline constexpr size_t kMostNamed = 4096;  // children of a module that a row of the table is tried on

class Planner {
 public:
  Planner(const Model& model, Index root, Index end)
      : model_(model), root_(root), plans_(end - root), heavy_(plans_.size()) {}

  std::vector<FlowPlan> Plan() &&;

 private:
  const Module& At(Index module) const { return model_.modules[module]; }
  FlowPlan& Of(Index module) { return plans_[module - root_]; }
  bool Heavy(Index module) const { return heavy_[module - root_]; }  // has tensors, itself or below

  // Names in the order of their bytes: a file that sorts them, and says nothing of the order of definition.
  void LookAtOrder();

  void PlanModule(Index index);

  static bool IsPlainName(std::string_view name);

  // Whether what the module is given may be added to what it makes, for all that is known: a block of several layers,
  // as wide out as in. What follows it is then not known.
  bool MayAdd(Index module);

  FlowPlan Chain(std::span<const Index> children, Evidence evidence);

  bool Take(Index index, FlowPlan candidate, FlowPlan& plan, FlowWhen when = FlowWhen::kAlways);

  // ---- flow_conditions.cc: what rows ask for beside names ----

  bool Holds(FlowWhen when, Index index, const FlowPlan& plan);

  // Of blocks with a conv1 and a norm1 whose widths tell which is first: above 0 where it is conv1, below where it is
  // norm1; 0 where none tells, or they do not agree. Looked at once.
  int Votes();

  bool HasBatchNorm(Index index);

  bool BeginsWithConvolution(Index index);

  bool BeginsWithNorm(Index index);

  // Whether the modules that the plan calls are defined in that order.
  bool DefinedInTurn(const FlowPlan& plan) const;

  // attn, norm1, mlp, norm2: as blocks are defined whose norms come behind.
  bool NormsBehind(const FlowPlan& plan);

  static Index LastCalled(const FlowPlan& plan);

  bool NormBeforeConvolution(Index index);

  bool Depthwise(Index index);

  // MobileNet's and EfficientNet's lists: convolutions with their norms, one of them depthwise, or fused ones that are
  // lists of their own.
  bool Inverted(Index list);

  // Of such a list, that it begins with the depthwise convolution. Strides differ: where widths agree, the input may be
  // added or not.
  bool WithoutExpansion(Index list);

  // ---- flow_plan.cc ----

  // torch.nn.Sequential calls its children one after the other, whatever their sizes.
  bool Recorded(Index index, FlowPlan& plan);

  // Encodings of positions: a depthwise convolution in a module called cpe, cpe1, ...
  bool Positions(Index index, const std::vector<Index>& children, FlowPlan& plan);

  // A module that holds one other and no tensor beside it hands through.
  bool Wrapper(Index index, const std::vector<Index>& children, FlowPlan& plan);

  // ---- flow_chains.cc: numbers and sizes that chain ----

  // Numbered children: "0", "1", ...; "layer1", "layer2", ...; "block1-0".
  bool Numbered(Index index, std::vector<Index> children, FlowPlan& plan);

  std::string SizesText(std::span<const Index> children);

  // The module's own name, or where that is a number the name of what holds it.
  std::string_view Label(Index index) const;

  // A dense block: each module takes what all before it have made, so that widths grow by what each adds.
  bool Dense(Index index, std::span<const Index> children, FlowPlan& plan);

  // Children of any names whose sizes chain in one way only: each width is made by one and taken by one of them. A
  // convolution's output may be flattened on the way into a Linear.
  bool Sizes(Index index, const std::vector<Index>& children, FlowPlan& plan);

  // Layers in the order of definition, each convolution or Linear with its norm behind it, whose widths chain.
  bool Alternating(Index index, const std::vector<Index>& children, FlowPlan& plan);

  // A norm that keeps running statistics, or stands behind a convolution of images: nothing is added before it.
  bool FollowsAtOnce(Index norm, Index maker);

  // A U-Net: widths chain in the order of definition, but for modules that take more, by as much as one before has
  // made: the last such one that nothing has been joined with.
  bool Joined(Index index, const std::vector<Index>& children, FlowPlan& plan);

  // Gives each level of a detection head what was made with its width, latest first; true where there is one.
  bool JoinLevels(Index head, const std::vector<std::pair<uint32_t, int64_t>>& made, FlowPlan& joined);

  bool JoinedInOrder(Index index, std::span<const Index> children, FlowPlan& plan);

  // ---- flow_layers.cc: layers by numbered names, and heads side by side ----

  // The order in which layers named as conv1, bn1, ..., fc1, ..., out are called; empty where names or widths say no.
  std::vector<Index> LayersInTurn(Index index, const std::vector<Index>& children);

  bool InTurn(Index index, const std::vector<Index>& children, FlowPlan& plan);

  // A trunk and what several heads make of it: actor and critic, mean and deviation, age_head and gender_head.
  bool Heads(Index index, const std::vector<Index>& children, FlowPlan& plan);

  // Branches on one input whose results are joined, as different widths say; and, where a layer takes them all and is
  // as wide out as the input, added to it.
  bool Branches(Index index, const std::vector<Index>& children, FlowPlan& plan);

  // Of a module that holds lists side by side, a member of each for each level, as detection heads do: the members of
  // level i, all given the same; empty: it is none.
  std::vector<std::vector<Index>> Levels(Index module);

  // ---- flow_rows.cc: rows of the table ----

  using Names = std::unordered_map<std::string_view, Index, TextHash>;

  bool Patterns(Index index, FlowPlan& plan);

  Index Find(const Names& names, std::string_view path);

  // The modules that a step calls; empty: none of its names is there.
  std::vector<Index> Called(Index index, const Names& names, const FlowStep& step);

  std::optional<FlowPlan> Fit(Index index, const Names& names, const FlowProgram& program);

  static bool IsListed(std::string_view name, std::string_view list);

  // Whether every child with tensors is called, itself or all below it that have tensors.
  bool AllUsed(Index index, const std::unordered_set<Index>& used);

  // ---- flow_sizes.cc ----

  // Follows widths through the steps, in an order in which each comes after what it takes; false where they contradict.
  // Sets in, out, residual and depth, and puts the links into that order.
  bool Sized(FlowPlan& plan);

  bool SizeOf(FlowPlan& plan, uint32_t at, const std::vector<uint32_t>& into, std::vector<Width>& widths);

  // What is flattened before: a chain that begins with a Linear.
  bool FirstIsLinear(const FlowPlan& plan);

  const Model& model_;
  Index root_;
  std::vector<FlowPlan> plans_;
  std::vector<bool> heavy_;
  bool sorted_ = true;
  bool voted_ = false;
  int votes_ = 0;
};

}  // namespace pthview
