#include "lib/analysis/compare/lineage.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/compare/checkpoint_step.h"
#include "lib/analysis/compare/lineage_mix.h"
#include "lib/analysis/compare/lineage_pair.h"
#include "lib/analysis/compare/lineage_rank.h"
#include "lib/analysis/compare/lineage_signature.h"
#include "lib/analysis/statistics/spectrum.h"

namespace pthview {
namespace {

constexpr size_t kMostFiles = 256;
// Beyond this relative distance two files are no relatives: independent weights of one scale lie at about 1.41, of
// which norms and biases that are alike take something away.
constexpr double kRelated = 0.9;
// Two steps of one training point the same way at least so much; those to two siblings are about orthogonal.
constexpr double kGoesOn = 0.2;
constexpr int64_t kLargestForRank = int64_t{1} << 24;  // elements
constexpr size_t kLookedAtForRank = 3;                 // tensors

class Lineage {
 public:
  Lineage(std::span<const LineageFile> files, std::vector<FileSignature> signatures, std::vector<PairFacts> pairs)
      : files_(files), signatures_(std::move(signatures)), n_(files.size()), pairs_(std::move(pairs)) {
    for (const LineageFile& file : files) steps_.push_back(StepsOf(*file.model));
  }

  Result<std::vector<LineageNode>> Run() {
    nodes_.resize(n_);
    for (size_t i = 0; i < n_; ++i) nodes_[i].file = i;
    FindCopies();
    FindAverages();
    Grow();
    for (LineageNode& node : nodes_) {
      if (node.parent && node.descent == Descent::kRoot) PTHVIEW_TRY(Describe(node));
    }
    return std::move(nodes_);
  }

 private:
  const PairFacts& Pair(size_t i, size_t j) const { return pairs_[i * n_ + j]; }
  const Model& ModelOf(size_t i) const { return *files_[i].model; }
  const Tensor& TensorOf(size_t i, const std::string& name) const {
    return ModelOf(i).tensors[signatures_[i].tensors.find(name)->second.tensor];
  }

  bool SameShapes(size_t i, size_t j) const {
    const PairFacts& pair = Pair(i, j);
    return pair.alone == 0 && pair.reshaped == 0 && pair.common > 0;
  }

  // The step of two files, where they count alike and differ.
  std::optional<std::pair<double, double>> StepsOfPair(size_t i, size_t j) const {
    for (const CheckpointStep& a : steps_[i]) {
      for (const CheckpointStep& b : steps_[j]) {
        if (a.key == b.key && a.value != b.value) return std::pair(a.value, b.value);
      }
    }
    return std::nullopt;
  }

  // Files that are a mean of others. Twice: one average may be made up of another and the rest, so what looks like one
  // the first time is no source the second time.
  void FindAverages() {
    std::vector<bool> suspect(n_);
    for (size_t i = 0; i < n_; ++i) suspect[i] = MixOf(i, std::vector<bool>(n_)).size() >= 2;
    for (size_t i = 0; i < n_; ++i) {
      if (!suspect[i]) continue;
      auto mixed = MixOf(i, suspect);
      if (mixed.size() < 2) continue;
      LineageNode& node = nodes_[i];
      node.mixed = std::move(mixed);
      node.descent = Descent::kAverage;
      auto most = std::ranges::max_element(node.mixed, {}, [](const auto& part) { return part.second; });
      node.parent = most->first;
      node.distance = Pair(i, *node.parent).distance;
      node.evidence.push_back(fmt::format("a weighted mean of {} of the files", node.mixed.size()));
    }
  }

  std::vector<std::pair<size_t, double>> MixOf(size_t i, const std::vector<bool>& barred) const {
    std::vector<std::pair<size_t, double>> mixed;
    std::vector<size_t> others;
    std::vector<const FileSignature*> sources;
    if (nodes_[i].parent) return mixed;
    for (size_t j = 0; j < n_; ++j) {
      bool usable = j != i && !barred[j] && !nodes_[j].parent && SameShapes(i, j) && Pair(i, j).distance < kRelated &&
                    Pair(i, j).same < Pair(i, j).common && signatures_[j].mantissa >= signatures_[i].mantissa;
      if (!usable) continue;
      others.push_back(j);
      sources.push_back(&signatures_[j]);
    }
    if (others.size() < 2) return mixed;
    // Averages are computed in float32 or better and rounded once more when they are stored.
    double tolerance = std::max(1e-5, 4 * std::ldexp(1.0, -signatures_[i].mantissa - 1));
    if (!MayBeMix(Products(i, others), tolerance)) return mixed;
    auto weights = FindMix(signatures_[i], sources, tolerance);
    for (size_t k = 0; weights && k < others.size(); ++k) {
      if ((*weights)[k] > 0.01) mixed.emplace_back(others[k], (*weights)[k]);
    }
    return mixed;
  }

  // For MayBeMix.
  std::vector<double> Products(size_t target, std::vector<size_t> files) const {
    files.push_back(target);
    std::vector<double> products;
    for (size_t a : files) {
      for (size_t b : files) products.push_back(Pair(a, b).product);
    }
    return products;
  }

  // The same bytes again, or rounded to a smaller type.
  void FindCopies() {
    for (size_t i = 0; i < n_; ++i) {
      if (nodes_[i].parent) continue;
      std::optional<size_t> best;
      for (size_t j = 0; j < n_; ++j) {
        if (j == i || !SameShapes(i, j)) continue;
        const PairFacts& pair = Pair(i, j);
        if (pair.same == pair.common) {
          if (j < i && !(nodes_[j].descent == Descent::kSameBytes) && !best) {
            best = j;
            nodes_[i].descent = Descent::kSameBytes;
          }
          continue;
        }
        // 8 and 4 bits are rounded by scales of their own; floats to the nearest of theirs.
        int bits = signatures_[i].mantissa;
        if (bits == 0 || bits >= signatures_[j].mantissa) continue;
        bool quantized = std::ranges::any_of(signatures_[i].tensors, [&](const auto& item) {
          return Info(ModelOf(i).tensors[item.second.tensor].dtype).kind == DTypeClass::kQuantized;
        });
        double allowed = quantized ? 0.1 : 1.01 * std::ldexp(1.0, -bits - 1);
        double found = quantized ? pair.distance : pair.largest;
        if (found > allowed) continue;
        if (!best || pair.distance < Pair(i, *best).distance) {
          best = j;
          nodes_[i].descent = Descent::kQuantized;
        }
      }
      if (!best) continue;
      LineageNode& node = nodes_[i];
      node.parent = best;
      node.distance = Pair(i, *best).distance;
      if (node.descent == Descent::kSameBytes) {
        node.evidence.push_back(fmt::format("all {} tensors are the same", Pair(i, *best).common));
      } else {
        node.evidence.push_back(
            fmt::format("every value is the other's, rounded to {} bits of precision", signatures_[i].mantissa + 1));
      }
    }
  }

  // How surely `older` is the older of a pair; negative: the other way round; 0: nothing says.
  double Evidence(size_t older, size_t younger) const {
    if (auto steps = StepsOfPair(older, younger)) return steps->first < steps->second ? 1 : -1;
    double before = files_[older].written;
    double after = files_[younger].written;
    return before == after ? 0 : before < after ? 0.1 : -0.1;
  }

  // The smallest tree that joins what is related, then the root that goes least against the evidence.
  void Grow() {
    std::vector<size_t> free;
    for (size_t i = 0; i < n_; ++i) {
      if (!nodes_[i].parent) free.push_back(i);
    }
    std::vector<std::vector<size_t>> near(n_);
    std::vector<size_t> group(n_);
    for (size_t i = 0; i < n_; ++i) group[i] = i;
    auto leader = [&](size_t i) {
      while (group[i] != i) i = group[i] = group[group[i]];
      return i;
    };
    std::vector<std::pair<size_t, size_t>> edges;
    for (size_t x = 0; x < free.size(); ++x) {
      for (size_t y = x + 1; y < free.size(); ++y) {
        if (Pair(free[x], free[y]).distance < kRelated) edges.emplace_back(free[x], free[y]);
      }
    }
    // Tensors that are the same to the bit count for more than being near.
    std::ranges::stable_sort(edges, {}, [&](const auto& edge) {
      const PairFacts& pair = Pair(edge.first, edge.second);
      return pair.distance * (1 - static_cast<double>(pair.same) / static_cast<double>(pair.common));
    });
    for (const auto& [i, j] : edges) {
      if (leader(i) == leader(j)) continue;
      group[leader(i)] = leader(j);
      near[i].push_back(j);
      near[j].push_back(i);
    }
    std::map<size_t, std::vector<size_t>> families;
    for (size_t i : free) families[leader(i)].push_back(i);
    for (const auto& [first, members] : families) {
      if (members.size() > 1) Orient(ChooseRoot(members, near), near);
    }
  }

  // Calls visit(at, next) for each edge of the tree, outwards from the root.
  template <typename Visit>
  void Walk(size_t root, const std::vector<std::vector<size_t>>& near, Visit visit) const {
    std::vector<std::pair<size_t, size_t>> open = {{root, n_}};
    while (!open.empty()) {
      auto [at, from] = open.back();
      open.pop_back();
      for (size_t next : near[at]) {
        if (next == from) continue;
        visit(at, next);
        open.emplace_back(next, at);
      }
    }
  }

  size_t ChooseRoot(const std::vector<size_t>& members, const std::vector<std::vector<size_t>>& near) const {
    size_t best = members.front();
    std::pair<double, double> least{std::numeric_limits<double>::infinity(), 0};
    for (size_t root : members) {
      double against = 0;
      Walk(root, near, [&](size_t at, size_t next) { against -= Evidence(at, next); });
      // Where nothing else decides: what lies in the middle of the others.
      double spread = 0;
      for (size_t other : members) {
        double distance = other == root ? 0 : Pair(root, other).distance;
        spread += std::isfinite(distance) ? distance : 2;
      }
      std::pair<double, double> cost{std::round(against * 10) / 10, spread};
      if (cost < least) {
        least = cost;
        best = root;
      }
    }
    return best;
  }

  // Whose child `next`, which lies near `at`, is. Siblings may be nearer to each other than to their parent, as what
  // they learn has much in common; but what came later in a line lies farther from where the line began. Steps that are
  // recorded need no such thought.
  size_t Forebear(size_t at, size_t next) const {
    while (nodes_[at].parent && std::abs(Evidence(at, next)) < 1) {
      const size_t before = *nodes_[at].parent;
      const double first = Pair(before, at).distance;
      const double second = Pair(at, next).distance;
      const double both = Pair(before, next).distance;
      // The cosine between the two steps: positive where the second goes on with the first.
      double cosine = (both * both - first * first - second * second) / (2 * first * second);
      if (!(cosine < kGoesOn)) break;
      if (Pair(at, next).same > Pair(before, next).same) break;
      at = before;
    }
    return at;
  }

  void Orient(size_t root, const std::vector<std::vector<size_t>>& near) {
    Walk(root, near, [&](size_t at, size_t next) {
      nodes_[next].parent = Forebear(at, next);
      nodes_[next].distance = Pair(*nodes_[next].parent, next).distance;
      nodes_[next].direction_assumed = std::abs(Evidence(*nodes_[next].parent, next)) < 1;
    });
  }

  // The rank of the change, when all that changed are matrices and those looked at changed by one of low rank.
  Result<std::optional<int64_t>> RankOfChange(size_t a, size_t b) const {
    std::optional<int64_t> rank;
    size_t looked = 0;
    for (const std::string& name : ChangedNames(ModelOf(a), signatures_[a], ModelOf(b), signatures_[b])) {
      auto shape = MatrixShapeOf(TensorOf(a, name));
      if (!shape) return std::optional<int64_t>();
      int64_t small = std::min(shape->rows, shape->columns);
      if (looked == kLookedAtForRank || small < 8 || TensorOf(a, name).numel > kLargestForRank) continue;
      PTHVIEW_ASSIGN(std::optional<int64_t> found,
                     RankOfDifference(ModelOf(a), TensorOf(a, name), ModelOf(b), TensorOf(b, name)));
      if (!found) return std::optional<int64_t>();
      rank = std::max(rank.value_or(0), *found);
      ++looked;
    }
    return rank;
  }

  Status Describe(LineageNode& node) {
    const size_t i = node.file;
    const size_t p = *node.parent;
    const PairFacts& pair = Pair(i, p);
    auto steps = StepsOfPair(p, i);
    if (pair.same > 0) node.evidence.push_back(fmt::format("{} of {} tensors are the same", pair.same, pair.common));
    node.evidence.push_back(fmt::format("relative distance {:.3g}", pair.distance));
    PTHVIEW_ASSIGN(std::optional<int64_t> rank, RankOfChange(p, i));
    if (rank && pair.same_weights > 0) {
      node.descent = Descent::kLora;
      node.evidence.push_back(fmt::format("what changed, changed by matrices of rank {}", *rank));
    } else if (pair.reshaped > 0 || pair.alone > 0) {
      node.descent = Descent::kHead;
      node.evidence.push_back(
          fmt::format("{} tensors have another shape, {} are only in one", pair.reshaped, pair.alone));
    } else if (pair.same_weights > 0) {
      node.descent = Descent::kFrozen;
    } else {
      node.descent = steps ? Descent::kSameRun : Descent::kFineTune;
    }
    if (steps) node.evidence.push_back(fmt::format("step {:g} behind step {:g}", steps->second, steps->first));
    if (node.direction_assumed) {
      node.evidence.emplace_back(files_[i].written != files_[p].written
                                     ? "which is the older is told by the files' times alone"
                                     : "which is the older is assumed");
    }
    return Ok();
  }

  std::span<const LineageFile> files_;
  std::vector<FileSignature> signatures_;
  size_t n_;
  std::vector<PairFacts> pairs_;
  std::vector<std::vector<CheckpointStep>> steps_;
  std::vector<LineageNode> nodes_;
};

}  // namespace

std::string_view DescentName(Descent descent) {
  switch (descent) {
    case Descent::kRoot: return "root";
    case Descent::kSameBytes: return "copy";
    case Descent::kSameRun: return "same run";
    case Descent::kFineTune: return "fine-tune";
    case Descent::kFrozen: return "trained on with frozen layers";
    case Descent::kLora: return "LoRA merged";
    case Descent::kQuantized: return "rounded copy";
    case Descent::kAverage: return "average";
    case Descent::kHead: return "fine-tune with other layers";
  }
  return "root";
}

Result<std::vector<LineageNode>> FindLineage(std::span<const LineageFile> files,
                                             const std::function<void(uint64_t)>& advance) {
  if (files.size() > kMostFiles) {
    return Error{.code = ErrorCode::kLimit,
                 .message = fmt::format("{} files are more than the {} that are compared with each other", files.size(),
                                        kMostFiles)};
  }
  std::vector<const Model*> models;
  for (const LineageFile& file : files) models.push_back(file.model);
  PTHVIEW_ASSIGN(std::vector<FileSignature> signatures, ReadSignatures(models, advance));
  std::vector<PairFacts> pairs = CompareAll(models, signatures);
  return Lineage(files, std::move(signatures), std::move(pairs)).Run();
}

}  // namespace pthview
