// The forms in which an nn.Module stands in a pickle. Most are an object whose state is its __dict__; others have a
// __getstate__ or a __reduce__ of their own:
//
//   object + BUILD {'_parameters': ..., '_modules': ...}           nn.Module; or a (dict, slots) pair
//   object + BUILD (..., {'_parameters': ...}, ...)                a __getstate__ that adds something to it
//   object + BUILD (in_channels, ..., weight, bias, ...)           torch.ao's quantized convolutions
//   reduce_graph_module({'_parameters': ...}, imports)             torch.fx.GraphModule, also inside torch.package
//   OptimizedModule(module, context)                               torch.compile
//
// Source: torch/nn/modules/module.py, torch/fx/graph_module.py, torch/_dynamo/eval_frame.py,
// torch/ao/nn/quantized/modules/conv.py, torch/distributed/pipelining/_IR.py.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "lib/formats/torch/torch_values.h"

namespace pthview {

// A module as nn.Module.__dict__ would have it. Spans live as long as the ModuleForms that gave them.
struct ModuleForm {
  ClassName type;
  std::span<const pickle::Pair> parameters;
  std::span<const pickle::Pair> buffers;
  std::span<const pickle::Pair> submodules;
  std::span<const pickle::Pair> attributes;       // all else, with nn.Module's own bookkeeping
  const pickle::Value* not_persistent = nullptr;  // _non_persistent_buffers_set
};

class ModuleForms {
 public:
  ModuleForms(const TorchPickle& file, TorchValues& values) : tree_(file.tree), values_(values) {}

  // nullopt when the value is no module, or not to be told as one.
  std::optional<ModuleForm> Read(pickle::Value value);
  bool IsModule(pickle::Value value) { return Read(value).has_value(); }

  // The module whose __dict__ a call or a persistent id of torch.package carries among its arguments.
  std::optional<ModuleForm> OfArguments(std::span<const pickle::Value> args, const ClassName& callable);

 private:
  using Pairs = std::span<const pickle::Pair>;

  std::optional<ModuleForm> Find(pickle::Value value);
  std::optional<Pairs> ModuleDict(pickle::Value value);
  // The same where it stands one step inside `state`; what stands beside it is in `rest`.
  std::optional<Pairs> ModuleDictInside(pickle::Value state);
  ModuleForm OfDict(const ClassName& type, Pairs dict);
  std::optional<ModuleForm> OfNamedState(const ClassName& type, std::span<const pickle::Value> state);

  const pickle::Tree& tree_;
  TorchValues& values_;
  std::deque<std::vector<pickle::Pair>> made_;
  std::unordered_map<uint32_t, std::optional<ModuleForm>> known_;  // by index of the object
};

}  // namespace pthview
