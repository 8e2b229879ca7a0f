#include "lib/analysis/names/suggest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <climits>
#include <compare>
#include <cstdint>

namespace pthview {
namespace {

constexpr size_t kMaxQuery = 200;
constexpr size_t kMaxDistance = 6;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// Which bytes (modulo 64) occur. Each edit brings in one new byte at most, so that a glance rules most candidates out.
uint64_t Signature(std::string_view lower) {
  uint64_t signature = 0;
  for (char c : lower) signature |= uint64_t{1} << (static_cast<unsigned char>(c) & 63);
  return signature;
}

// Optimal string alignment distance, or anything above `limit` when it passes that. Only the band of `limit` around the
// diagonal is filled in.
size_t Distance(std::string_view a, std::string_view b, size_t limit) {
  constexpr int kFar = INT_MAX / 2;
  std::array<std::array<int, kMaxQuery + kMaxDistance + 2>, 3> rows;
  for (auto& row : rows) std::fill_n(row.begin(), b.size() + 1, kFar);
  for (size_t j = 0; j <= std::min(b.size(), limit); ++j) rows[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& two_above = rows[(i + 1) % 3];
    size_t begin = i > limit ? i - limit : 0;
    size_t end = std::min(b.size(), i + limit);
    int best = kFar;
    if (begin > 0) row[begin - 1] = kFar;
    for (size_t j = begin; j <= end; ++j) {
      if (j == 0) {
        row[0] = static_cast<int>(i);
      } else {
        int here = above[j - 1] + static_cast<int>(a[i - 1] != b[j - 1]);
        here = std::min({here, row[j - 1] + 1, j < i + limit ? above[j] + 1 : kFar});
        bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
        if (swapped) here = std::min(here, two_above[j - 2] + 1);
        row[j] = here;
      }
      best = std::min(best, row[j]);
    }
    if (best > static_cast<int>(limit)) return limit + 1;
  }
  return static_cast<size_t>(rows[a.size() % 3][b.size()]);
}

}  // namespace

std::vector<std::string> Suggest(std::string_view query, std::span<const std::string_view> candidates, size_t limit) {
  if (query.empty() || query.size() > kMaxQuery) return {};
  size_t cut = std::clamp<size_t>(query.size() / 3, 1, kMaxDistance);
  std::string wanted = Lower(query);
  uint64_t signature = Signature(wanted);
  struct Hit {
    size_t distance;
    size_t index;
    auto operator<=>(const Hit&) const = default;  // equal distances: in the order given
  };
  std::vector<Hit> hits;
  for (size_t i = 0; i < candidates.size(); ++i) {
    std::string_view candidate = candidates[i];
    size_t difference =
        candidate.size() > query.size() ? candidate.size() - query.size() : query.size() - candidate.size();
    if (difference > cut) continue;
    std::string lower = Lower(candidate);
    uint64_t other = Signature(lower);
    if (std::popcount(signature & ~other) > static_cast<int>(cut) ||
        std::popcount(other & ~signature) > static_cast<int>(cut)) {
      continue;
    }
    size_t distance = Distance(wanted, lower, cut);
    if (distance <= cut) hits.push_back({distance, i});
  }
  std::sort(hits.begin(), hits.end());
  std::vector<std::string> names;
  for (const Hit& hit : hits) {
    if (names.size() == limit) break;
    std::string name(candidates[hit.index]);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace pthview
