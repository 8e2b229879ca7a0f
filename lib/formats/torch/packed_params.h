// Weights that torch's quantized layers keep in C++ objects. A pickle holds the object's state and the name of its
// class, so that a weight stands several steps deeper than its name in the state_dict says:
//
//   torch.ScriptObject + BUILD (state, "__torch__.torch.classes.quantized.NAME")   also rnn.NAME, sparse.NAME
//     LinearPackedParamsBase        state (weight, bias)                                as it is
//     EmbeddingPackedParamsBase     (version, [weight], [numbers], [ints])              weight
//     Conv2dPackedParamsBase, ...   ("2", [params, weight], [bias]) or (3, [ints], [None, weight, bias])
//                                                                                       (weight, bias)
//     CellParamsBase                (kind, [biases], [], [], [ih, hh])                  weight_ih, weight_hh, bias_ih,
//     ...
//
// Source: aten/src/ATen/native/quantized (cpu/fbgemm_utils.cpp, cpu/conv_serialization.h), native/RNN.cpp.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "lib/formats/torch/torch_values.h"

namespace pthview {

// What stands in the place of such an object: a value, or several by name or number.
struct PackedParams {
  pickle::Value value;
  std::span<const pickle::Pair> several;
};

class PackedReader {
 public:
  PackedReader(const TorchPickle& file, TorchValues& values) : tree_(file.tree), values_(values) {}

  // nullopt for anything else. Spans live as long as this object.
  std::optional<PackedParams> Read(pickle::Value value);

 private:
  // The state of such an object and the last step of its class's name; nullopt for anything else.
  struct State {
    pickle::Value state;
    std::string_view type;
  };
  std::optional<State> StateOf(pickle::Value value) const;
  std::optional<PackedParams> Unpack(const State& state);
  std::span<const pickle::Value> ItemsAt(pickle::Value sequence, size_t index) const;

  const pickle::Tree& tree_;
  TorchValues& values_;
  std::deque<std::vector<pickle::Pair>> made_;
  std::unordered_map<uint32_t, std::optional<PackedParams>> known_;  // by index of the object
};

}  // namespace pthview
