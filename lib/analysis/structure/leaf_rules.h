// The rules by which a module's class is read off its tensors: tables of tensor names, each with what their shapes must
// be.
#pragma once

#include <span>
#include <string>

#include "lib/analysis/structure/leaf_tensors.h"
#include "lib/analysis/structure/structure.h"

namespace pthview {

// Fits when all of `required` are there and nothing beyond them and `optional`, and `describe` agrees. `describe` fills
// in class, attributes and assumption, and returns false, having changed nothing, when the shapes speak against it.
struct LeafRule {
  LeafNames required;
  LeafNames optional;
  bool (*describe)(const LeafTensors& leaf, LeafGuess& guess);
};

// In order of precedence: the first rule that fits decides.
std::span<const LeafRule> LayerRules();      // leaf_rules_layers.cc
std::span<const LeafRule> QuantizedRules();  // leaf_rules_quantized.cc

// LSTM, GRU and RNN, whose tensor names count layers ("weight_ih_l0"); empty class when it is none.
LeafGuess GuessRecurrent(const Model& model, const Module& module);  // leaf_rules_recurrent.cc

// For the rules: appends an attribute of origin kInferred.
void Note(LeafGuess& guess, std::string name, int64_t value);
void Note(LeafGuess& guess, std::string name, std::string text);
void NoteBias(LeafGuess& guess, bool has_bias);          // bias=False where there is none, as torch prints it
std::string TupleText(std::span<const int64_t> values);  // "(3, 3)", "(5,)"

}  // namespace pthview
