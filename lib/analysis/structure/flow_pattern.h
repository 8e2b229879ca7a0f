// The table of patterns by which the flow inside a module is read off the names of what it holds, and its rows parsed.
//
// A row's program says what the module's forward does, as chains of steps: "in > conv1 > bn1 > ~add; in > ~add > out".
//   in, mem       what the module is given; mem is the second input of decoders: what the encoder made; kv: mem where
//                 there is one, else in
//   conv1         a child, called with what stands left of it; "self.query": a child's child; "query|q_proj": whichever
//                 of them is there; "downsample?": left out of its chain where it is not there; "layer#": all children
//                 of that name with a number behind it, or the members of the list of that name, one after the other in
//                 the numbers' order; "#": numbers alone
//   decoder@mem   what stands left of it is the child's mem; decoder@pass: so it is where the module itself has one
//   heads&        all children of that name with a number behind it side by side: each is given what stands left of it,
//                 and each is given to what stands right of it; "m+": one after the other, each also to the right
//   conv1!        what an earlier step's child's child has made ("backbone.layer3!"); starts a chain
//   ~add          an operation of several inputs, drawn as a node of its own: ~add, ~mul, ~cat, ~attention; a digit
//                 behind tells two of a kind apart; ~any changes sizes and is not drawn (a reshape)
//   out           what the module gives
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pthview {

// What a row asks for beside names.
enum class FlowWhen : uint8_t {
  kAlways,
  kSameWidth,      // what comes in is as wide as what goes out
  kOtherWidth,     // it is known not to be
  kPreActivation,  // norms stand before convolutions, by the order of definition, else by widths elsewhere in the model
  kPostActivation,     // and after them
  kConvolutions,       // what is called first begins with a convolution
  kNarrowConvolution,  // the first layer is a convolution that narrows
  kNarrowLinear,       // the first layer is a Linear that narrows, and what comes out is as wide as the input
  kEndsWithConvC,      // what is called first ends with a layer conv_c
  kChannelAttention,   // the one layer is a convolution from one channel to one
  kInvertedSame,       // a list of layers with a depthwise convolution or of fused ones, as wide out as in
  kInvertedOther,      // the same, of other widths
  kConvNeXt,           // a list that begins with a depthwise convolution and ends with a Linear, as wide out as in
  kHalves,             // the first layer is twice as wide as the last takes
  kContainers,         // what is called are modules with children of their own
  kJoin,               // what is called last takes more than what is called first gives
  kSppf,               // what is called last takes four times what is called first gives
  kFinalNorm,          // beside the list that the module is in stands a norm for what comes out of it
  kInTurn,             // what is called is defined in the order in which it is called; never in a sorted file
  kNotAfter,           // not every norm is defined behind what it would be called before (attn, norm1, mlp, norm2)
  kNormedPair,         // of two branches each begins with a norm, and the first attends
};

struct FlowPattern {
  std::string_view name;     // what a person is told: "residual block, two convolutions"
  std::string_view program;  // as above
  std::string_view classes =
      "";  // recorded classes of this forward, by the ends of their names: "resnet.BasicBlock ..."
  FlowWhen when = FlowWhen::kAlways;
  bool may_add = false;  // modules with these names add what they are given to what they make, or do not
};

// In order of precedence: the first row that fits decides. A row fits a module when every child with tensors is one
// that the program calls, all that are not optional are there, and no size contradicts.
std::span<const FlowPattern> FlowPatterns();

enum class StepKind : uint8_t { kGiven, kChild, kTap, kOperation };

// The first steps of every program and plan.
inline constexpr uint32_t kInStep = 0;
inline constexpr uint32_t kMemStep = 1;
inline constexpr uint32_t kOutStep = 2;
inline constexpr uint32_t kKvStep = 3;
inline constexpr uint32_t kFixedSteps = 4;

struct FlowStep {
  StepKind kind = StepKind::kChild;
  std::vector<std::string_view> names;  // alternatives; of an operation its name without a digit: "~add"
  bool optional = false;
  bool numbered = false;
  bool parallel = false;  // side by side
  bool every = false;     // one after the other, each given to what follows
};

struct FlowLink {
  uint8_t from = 0;
  uint8_t to = 0;
  bool mem = false;
  bool pass = false;
};

struct FlowProgram {
  const FlowPattern* pattern = nullptr;
  std::vector<FlowStep> steps;  // kInStep, ..., then those of the text
  std::vector<FlowLink> links;
};

// The table parsed, made when it is first asked for.
std::span<const FlowProgram> FlowPrograms();

}  // namespace pthview
