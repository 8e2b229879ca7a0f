#include <array>
#include <utility>

#include "lib/analysis/structure/leaf_rules.h"

namespace pthview {
namespace {

using enum LeafName;

// Layers whose weight is stored as something that it is computed from: `source` has the weight's shape.
struct Reparametrization {
  LeafNames required;
  LeafNames optional;
  LeafName source;
  LeafName target;
  std::string_view text;
};

constexpr auto kReparametrizations = std::to_array<Reparametrization>({
    {Names({kWeightG, kWeightV}), 0, kWeightV, kWeight, "weight_norm"},
    {Names({kOriginal0, kOriginal1}), 0, kOriginal1, kWeight, "weight_norm"},
    {Names({kWeightOrig, kWeightU}), Names({kWeightV}), kWeightOrig, kWeight, "spectral_norm"},
    {Names({kOriginal, kSpectralState}), 0, kOriginal, kWeight, "spectral_norm"},
    {Names({kWeightOrig, kWeightMask}), 0, kWeightOrig, kWeight, "pruned"},
    {Names({kBiasOrig, kBiasMask}), 0, kBiasOrig, kBias, "pruned"},
});

// How the weight is stored, as an attribute; empty when it is stored as it is.
std::string Undo(LeafTensors& leaf) {
  std::string text;
  for (const Reparametrization& row : kReparametrizations) {
    if ((leaf.names() & row.required) != row.required || leaf.Has(row.target)) continue;
    leaf.Replace(row.source, row.target, row.required | row.optional);
    text = row.text;
  }
  return text;
}

bool Apply(std::span<const LeafRule> rules, const LeafTensors& leaf, LeafGuess& guess) {
  for (const LeafRule& rule : rules) {
    bool fits =
        (leaf.names() & rule.required) == rule.required && (leaf.names() & ~(rule.required | rule.optional)) == 0;
    if (fits && rule.describe(leaf, guess)) return true;
  }
  return false;
}

}  // namespace

LeafGuess GuessLeaf(const Model& model, const Module& leaf) {
  LeafGuess guess = GuessRecurrent(model, leaf);
  if (!guess.class_name.empty()) return guess;
  LeafTensors tensors(model, leaf);
  if (!tensors.known()) return {};
  std::string stored_as = Undo(tensors);
  if (!Apply(QuantizedRules(), tensors, guess) && !Apply(LayerRules(), tensors, guess)) return {};
  if (!stored_as.empty()) Note(guess, "parametrization", std::move(stored_as));
  return guess;
}

void Note(LeafGuess& guess, std::string name, int64_t value) { Note(guess, std::move(name), std::to_string(value)); }

void Note(LeafGuess& guess, std::string name, std::string text) {
  guess.attributes.push_back({std::move(name), std::move(text), Origin::kInferred});
}

void NoteBias(LeafGuess& guess, bool has_bias) {
  if (!has_bias) Note(guess, "bias", "False");
}

std::string TupleText(std::span<const int64_t> values) {
  std::string text = "(";
  for (size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(values[i]);
  return text + (values.size() == 1 ? ",)" : ")");
}

}  // namespace pthview
