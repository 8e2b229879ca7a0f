// What each module's forward does, as far as something speaks for it: found from the leaves upwards, a module once.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/analysis/structure/layer_width.h"
#include "lib/model/model.h"

namespace pthview {

// A step of a module's forward: a module (child, or child's child), an operation, or a tap of what a module has made.
struct PlanStep {
  Index module = kNone;
  std::string_view operation;  // "~add", "~any"; empty: the module
  bool tap = false;
  bool may_add = false;  // what it is given may be added to what it makes: what follows is given either
};

struct PlanLink {
  uint32_t from = 0;
  uint32_t to = 0;
  bool mem = false;   // into the step's second input
  bool pass = false;  // only where there is something to pass
};

// Steps begin with those of flow_pattern.h (kInStep, ...).
struct FlowPlan {
  enum class Kind : uint8_t {
    kLayer,   // drawn as one node
    kWired,   // steps and links say what happens inside
    kOpaque,  // nothing is known
  };
  Kind kind = Kind::kOpaque;
  bool residual = false;  // adds what it is given to what it makes
  bool sure = false;      // what it gives is what its last step makes, and nothing is added to that
  int makers = 0;         // convolutions and Linears inside
  int64_t joins = 0;      // so many channels of something else are joined inside it: its mem
  bool layers = false;    // of such a chain: its modules are convolutions or Linears
  size_t numbered = 0;    // a chain of so many numbered modules of one kind
  int depth = 0;          // of wired modules inside it
  Width in;
  Width out;
  LayerWidth layer;
  Evidence evidence;
  std::vector<PlanStep> steps;
  std::vector<uint32_t> order;  // of steps, each after those that it takes something from
  std::vector<PlanLink> links;  // those into a step stand together, steps in that order
};

// A module is drawn as one node when it has no children, or when a guess accounts for all below it.
bool IsLayer(const Module& module);

// One plan for each module from `root` on; time is linear in modules. `plans[i]` is of module `root + i`.
std::vector<FlowPlan> PlanFlow(const Model& model, Index root);

}  // namespace pthview
