// Telling the sections of a checkpoint apart: model, ema, optimizer, scheduler, other.
#pragma once

#include <string_view>

#include "lib/formats/torch/module_forms.h"
#include "lib/formats/torch/torch_values.h"
#include "lib/model/model.h"

namespace pthview {

// What a root value is, before anything is listed.
enum class RootShape : uint8_t {
  kStateDict,   // names to tensors, possibly nested
  kCheckpoint,  // sections beside each other
  kModule,      // a pickled nn.Module
  kOther,       // a list, a tensor, a plain value
};

class PartRules {
 public:
  PartRules(TorchValues& values, TensorReader& tensors, ModuleForms& forms)
      : values_(values), tensors_(tensors), forms_(forms) {}

  RootShape ShapeOf(pickle::Value root);

  // The kind of the section that stands under `key`: by the key's words, then by what is inside. What has no inside
  // (an enum, a name) is none, whatever it is called.
  PartKind KindOf(std::string_view key, pickle::Value value);

  // The same for an attribute of an object that is no dict, where names say less (`optim`, `lr_scheduler_type` of
  // training arguments): only what is inside counts.
  PartKind KindOfAttribute(std::string_view key, pickle::Value value);

  // The state of an optimizer, as state_dict() gives it, or an Optimizer itself: `state` and `param_groups`.
  bool IsOptimizer(pickle::Value value);

  // A dict that is itself a checkpoint inside a checkpoint: it has sections under well-known keys.
  bool IsNestedCheckpoint(pickle::Value value);

  // An nn.Module, in any of its forms.
  bool IsModule(pickle::Value value);

  // Tensors directly among the values of a dict (not further inside).
  bool HasDirectTensors(pickle::Value value);

 private:
  bool HasTensorsWithin(pickle::Value value, int depth, int* budget);
  bool HasInside(pickle::Value value);
  TorchValues& values_;
  TensorReader& tensors_;
  ModuleForms& forms_;
};

}  // namespace pthview
