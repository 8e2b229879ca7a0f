// Two files beside each other, by their signatures.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "lib/analysis/compare/lineage_signature.h"

namespace pthview {

// Over the tensors that both have in one shape.
struct PairFacts {
  size_t common = 0;        // tensors of the same name and shape
  size_t same = 0;          // of those, with the same bytes
  size_t same_weights = 0;  // of those, with two dimensions or more: a bias alone may stay because its gradient is 0
  size_t reshaped = 0;      // of the same name, with another shape
  size_t alone = 0;         // that one of the two has
  double distance =
      std::numeric_limits<double>::infinity();  // relative: |a - b| over the larger norm, tensor by tensor
  double largest = 0;                           // largest |a - b| / (|a| + |b|) of a sample that is not tiny
  double product = 0;                           // sum of the samples' products, each times what it stands for
};

// Symmetric. `common` tensors of two models count as the same where both signatures have a hash and it is one.
PairFacts ComparePair(const Model& model_a, const FileSignature& a, const Model& model_b, const FileSignature& b);

// Names of the `common` tensors that are not the same.
std::vector<std::string> ChangedNames(const Model& model_a, const FileSignature& a, const Model& model_b,
                                      const FileSignature& b);

// Those of each file with each, at [i * n + j]; of a file with itself, only `product`.
std::vector<PairFacts> CompareAll(std::span<const Model* const> models, std::span<const FileSignature> signatures);

}  // namespace pthview
