#include "lib/analysis/compare/file_diff.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "lib/base/threads.h"

namespace pthview {
namespace {

constexpr int64_t kLargeElements = int64_t{1} << 21;

}  // namespace

size_t FileDiff::Count(Verdict verdict) const {
  return static_cast<size_t>(std::ranges::count(differences, verdict, &Difference::verdict));
}

bool FileDiff::Same() const {
  return matching.only_a.empty() && matching.only_b.empty() && metadata.empty() && architecture.empty() &&
         std::ranges::all_of(differences, [](const Difference& d) { return d.verdict == Verdict::kEqual; }) &&
         std::ranges::all_of(matching.matches,
                             [](const Match& m) { return m.by == MatchedBy::kName || m.by == MatchedBy::kMap; });
}

Result<FileDiff> CompareFiles(const Model& a, std::span<const Index> chosen_a, const Model& b,
                              std::span<const Index> chosen_b, const FileDiffOptions& options) {
  FileDiff diff;
  MatchOptions match = options.match;
  match.by_content = match.by_content && options.values;
  PTHVIEW_ASSIGN(diff.matching, MatchTensors(a, chosen_a, b, chosen_b, match));
  diff.metadata = MetadataChanges(a, b);
  diff.architecture = ArchitectureChanges(a, b, diff.matching);
  if (!options.values) return diff;
  const auto& matches = diff.matching.matches;
  diff.differences.resize(matches.size());
  std::vector<Status> statuses(matches.size());
  std::atomic<bool> failed = false;
  auto compare = [&](size_t i) {
    if (failed.load(std::memory_order_relaxed)) return;
    const Tensor& x = a.tensors[matches[i].a];
    const Tensor& y = b.tensors[matches[i].b];
    const bool none_a = x.data != DataState::kPresent && x.layout == Layout::kDense;
    const bool none_b = y.data != DataState::kPresent && y.layout == Layout::kDense;
    if (none_a && none_b && std::ranges::equal(x.shape, y.shape)) {
      diff.differences[i].verdict = Verdict::kEqual;  // neither has values to differ by
      return;
    }
    auto difference = Compare(a, x, b, y, options.difference);
    if (difference) {
      diff.differences[i] = std::move(*difference);
    } else {
      statuses[i] = std::move(difference).error();
      failed = true;
    }
    if (options.advance) options.advance(x.nbytes() + y.nbytes());
  };
  std::vector<size_t> small;
  for (size_t i = 0; i < matches.size(); ++i) {
    if (a.tensors[matches[i].a].numel < kLargeElements) small.push_back(i);
  }
  ParallelFor(small.size(), [&](size_t i) { compare(small[i]); });
  for (size_t i = 0; i < matches.size(); ++i) {
    if (a.tensors[matches[i].a].numel >= kLargeElements) compare(i);
  }
  for (Status& status : statuses) PTHVIEW_TRY(std::move(status));
  return diff;
}

}  // namespace pthview
