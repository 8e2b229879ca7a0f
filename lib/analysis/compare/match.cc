#include "lib/analysis/compare/match.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

constexpr size_t kMostPrefixRounds = 8;
constexpr int64_t kContentElements = 2;  // a single number may well be equal by chance

// What a part is for: parts are paired by it. The two of a kind are told apart by their order.
struct PartKey {
  PartKind kind;
  size_t order;
  auto operator<=>(const PartKey&) const = default;
};

std::vector<PartKey> PartKeys(const Model& model) {
  std::map<PartKind, size_t> seen;
  std::vector<PartKey> keys;
  for (const Part& part : model.parts) keys.push_back({part.kind, seen[part.kind]++});
  return keys;
}

PartKey KeyOf(const Tensor& tensor, const std::vector<PartKey>& keys) {
  return tensor.part < keys.size() ? keys[tensor.part] : PartKey{PartKind::kOther, SIZE_MAX};
}

class Matcher {
 public:
  Matcher(const Model& a, std::span<const Index> chosen_a, const Model& b, std::span<const Index> chosen_b,
          const MatchOptions& options)
      : a_(a), b_(b), options_(options), chosen_a_(chosen_a), chosen_b_(chosen_b) {
    partner_a_.assign(a.tensors.size(), kNone);
    partner_b_.assign(b.tensors.size(), kNone);
    by_.assign(a.tensors.size(), MatchedBy::kName);
    keys_a_ = PartKeys(a);
    keys_b_ = PartKeys(b);
  }

  Result<Matching> Run() {
    Mapped();
    ByName([](const Model&, const Tensor& t) { return t.name; }, MatchedBy::kName);
    size_t before = Count();
    ByName(PlainName, MatchedBy::kPrefix);
    if (Count() > before) NoteWrappers();
    for (size_t round = 0; round < kMostPrefixRounds && ByCommonPrefix(); ++round) {
    }
    if (options_.by_content) PTHVIEW_TRY(ByContent());
    for (Index t : chosen_a_) {
      if (partner_a_[t] == kNone) {
        result_.only_a.push_back(t);
      } else {
        result_.matches.push_back({t, partner_a_[t], by_[t]});
      }
    }
    for (Index t : chosen_b_) {
      if (partner_b_[t] == kNone) result_.only_b.push_back(t);
    }
    return std::move(result_);
  }

 private:
  using Key = std::tuple<PartKind, size_t, std::string>;
  using Naming = std::function<std::string_view(const Model&, const Tensor&)>;

  size_t Count() const {
    return static_cast<size_t>(std::ranges::count_if(chosen_a_, [&](Index t) { return partner_a_[t] != kNone; }));
  }

  void Pair(Index a, Index b, MatchedBy by) {
    partner_a_[a] = b;
    partner_b_[b] = a;
    by_[a] = by;
  }

  std::map<Key, Index> Unmatched(const Naming& naming) const {
    std::map<Key, Index> table;
    for (Index t : chosen_b_) {
      if (partner_b_[t] != kNone) continue;
      PartKey key = KeyOf(b_.tensors[t], keys_b_);
      table.try_emplace({key.kind, key.order, std::string(naming(b_, b_.tensors[t]))}, t);
    }
    return table;
  }

  void ByName(const Naming& naming, MatchedBy by) {
    auto table = Unmatched(naming);
    for (Index t : chosen_a_) {
      if (partner_a_[t] != kNone) continue;
      PartKey key = KeyOf(a_.tensors[t], keys_a_);
      auto found = table.find({key.kind, key.order, std::string(naming(a_, a_.tensors[t]))});
      if (found != table.end() && partner_b_[found->second] == kNone) Pair(t, found->second, by);
    }
  }

  void Mapped() {
    if (options_.map.empty()) return;
    std::unordered_map<std::string_view, Index> names;
    for (Index t : chosen_b_) names.try_emplace(b_.tensors[t].name, t);
    for (Index t : chosen_a_) {
      std::string_view name = a_.tensors[t].name;
      for (const auto& [from, to] : options_.map) {
        if (!name.starts_with(from)) continue;
        auto found = names.find(to + std::string(name.substr(from.size())));
        if (found != names.end() && partner_b_[found->second] == kNone) {
          Pair(t, found->second, MatchedBy::kMap);
          break;
        }
      }
    }
  }

  void NoteWrappers() {
    for (const auto& [model, which] : {std::pair(&a_, "the first file"), std::pair(&b_, "the second file")}) {
      for (const Part& part : model->parts) {
        if (part.prefix.empty()) continue;
        result_.notes.push_back(fmt::format("names in {} of {} carry the prefix '{}'",
                                            part.path.empty() ? "all" : part.path, which, part.prefix));
      }
    }
  }

  // The pair of prefixes under which most of the tensors that are left become the same; those are matched.
  bool ByCommonPrefix() {
    // By the last two steps of the name; shapes have to agree for a vote.
    auto tail = [](std::string_view name) {
      size_t dot = name.rfind('.');
      if (dot != std::string_view::npos && dot > 0) dot = name.rfind('.', dot - 1);
      return dot == std::string_view::npos ? name : name.substr(dot + 1);
    };
    std::unordered_map<std::string_view, std::vector<Index>> tails;
    for (Index t : chosen_b_) {
      if (partner_b_[t] == kNone) tails[tail(b_.tensors[t].name)].push_back(t);
    }
    std::map<std::pair<std::string_view, std::string_view>, size_t> votes;
    constexpr size_t kMostCandidates = 64;  // of one tail: layers beyond are named by the others' votes
    for (Index t : chosen_a_) {
      if (partner_a_[t] != kNone) continue;
      const Tensor& left = a_.tensors[t];
      auto found = tails.find(tail(left.name));
      if (found == tails.end()) continue;
      size_t asked = 0;
      for (Index u : found->second) {
        if (++asked > kMostCandidates) break;
        const Tensor& right = b_.tensors[u];
        if (!std::ranges::equal(left.shape, right.shape)) continue;
        auto [x, y] = Prefixes(left.name, right.name);
        if (x != y) ++votes[{x, y}];
      }
    }
    auto best = std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
    if (best == votes.end() || best->second < 2) return false;
    const auto [from, to] = best->first;
    std::unordered_map<std::string_view, Index> names;
    for (Index t : chosen_b_) {
      if (partner_b_[t] == kNone) names.try_emplace(b_.tensors[t].name, t);
    }
    size_t matched = 0;
    for (Index t : chosen_a_) {
      if (partner_a_[t] != kNone || !a_.tensors[t].name.starts_with(from)) continue;
      auto found = names.find(std::string(to) + std::string(a_.tensors[t].name.substr(from.size())));
      if (found == names.end() || partner_b_[found->second] != kNone) continue;
      Pair(t, found->second, MatchedBy::kPrefix);
      ++matched;
    }
    if (matched == 0) return false;
    result_.notes.push_back(
        fmt::format("{} names that begin with '{}' begin with '{}' in the second file", matched, from, to));
    return true;
  }

  // What stands before the longest common end that begins behind a dot.
  static std::pair<std::string_view, std::string_view> Prefixes(std::string_view x, std::string_view y) {
    size_t common = 0;
    while (common < x.size() && common < y.size() && x[x.size() - 1 - common] == y[y.size() - 1 - common]) ++common;
    // Back to a boundary on both sides: the beginning, or just behind a dot.
    for (; common > 0; --common) {
      bool left = common == x.size() || x[x.size() - common - 1] == '.';
      bool right = common == y.size() || y[y.size() - common - 1] == '.';
      if (left && right) break;
    }
    return {x.substr(0, x.size() - common), y.substr(0, y.size() - common)};
  }

  Status ByContent() {
    auto kind = [](const Tensor& t) {
      return std::tuple(t.dtype, std::vector<int64_t>(t.shape.begin(), t.shape.end()));
    };
    auto hashable = [](const Tensor& t) {
      return t.layout == Layout::kDense && t.data == DataState::kPresent && t.numel >= kContentElements &&
             t.same_as == kNone;
    };
    std::map<std::tuple<DType, std::vector<int64_t>>, std::pair<std::vector<Index>, std::vector<Index>>> alone;
    for (Index t : chosen_a_) {
      if (partner_a_[t] == kNone && hashable(a_.tensors[t])) alone[kind(a_.tensors[t])].first.push_back(t);
    }
    for (Index t : chosen_b_) {
      if (partner_b_[t] == kNone && hashable(b_.tensors[t])) alone[kind(b_.tensors[t])].second.push_back(t);
    }
    for (auto& [shape, group] : alone) {
      if (group.first.empty() || group.second.empty()) continue;
      std::map<std::string, std::vector<Index>> hashes;
      for (Index t : group.second) {
        auto hash = HashTensor(b_, b_.tensors[t]);
        if (hash) hashes[*hash].push_back(t);
      }
      for (Index t : group.first) {
        auto hash = HashTensor(a_, a_.tensors[t]);
        if (!hash) continue;
        auto found = hashes.find(*hash);
        // Several of the same content (zeros, ones) say nothing about which is which.
        if (found == hashes.end() || found->second.size() != 1 || partner_b_[found->second[0]] != kNone) continue;
        Pair(t, found->second[0], MatchedBy::kContent);
      }
    }
    return Ok();
  }

  const Model& a_;
  const Model& b_;
  const MatchOptions& options_;
  std::span<const Index> chosen_a_;
  std::span<const Index> chosen_b_;
  std::vector<PartKey> keys_a_;
  std::vector<PartKey> keys_b_;
  std::vector<Index> partner_a_;
  std::vector<Index> partner_b_;
  std::vector<MatchedBy> by_;
  Matching result_;
};

}  // namespace

std::string_view PlainName(const Model& model, const Tensor& tensor) {
  if (tensor.part >= model.parts.size()) return tensor.name;
  std::string_view prefix = model.parts[tensor.part].prefix;
  return tensor.name.starts_with(prefix) ? tensor.name.substr(prefix.size()) : tensor.name;
}

Result<Matching> MatchTensors(const Model& a, std::span<const Index> chosen_a, const Model& b,
                              std::span<const Index> chosen_b, const MatchOptions& options) {
  return Matcher(a, chosen_a, b, chosen_b, options).Run();
}

}  // namespace pthview
