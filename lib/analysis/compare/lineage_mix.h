// Whether a file is a weighted mean of others.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "lib/analysis/compare/lineage_signature.h"

namespace pthview {

// Whether a mean of the sources may come as near as that, from products of samples alone (PairFacts::product): far
// quicker than finding the weights, and true of few files. `products` is a square matrix, row by row, of the sources
// and, last, the target.
bool MayBeMix(std::span<const double> products, double tolerance);

// Weights of 0 or more that add up to 1, with which the sources' samples make the target's but for `tolerance` of its
// norm; nullopt when there are none. All have the same tensors.
std::optional<std::vector<double>> FindMix(const FileSignature& target, std::span<const FileSignature* const> sources,
                                           double tolerance);

}  // namespace pthview
