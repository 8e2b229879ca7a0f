// The part of Planner that finds U-Nets: modules that take as much more as one before them has made.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/structure/flow_planner.h"
#include "lib/analysis/structure/numbered_names.h"
#include "lib/base/natural_order.h"

namespace pthview {
namespace {

constexpr size_t kMost = 64;

// Where in a U-Net a module of a name stands.
enum class Side : uint8_t { kFirst, kDown, kMiddle, kUp, kLast, kUnknown };

struct Word {
  std::string_view word;  // the name without number and signs
  Side side;
};
constexpr auto kWords = std::to_array<Word>({
    {"inc", Side::kFirst},
    {"in_conv", Side::kFirst},
    {"conv_in", Side::kFirst},
    {"stem", Side::kFirst},
    {"init_conv", Side::kFirst},
    {"first", Side::kFirst},
    {"input", Side::kFirst},
    {"input_conv", Side::kFirst},
    {"inconv", Side::kFirst},
    {"enc", Side::kDown},
    {"encoder", Side::kDown},
    {"down", Side::kDown},
    {"down_conv", Side::kDown},
    {"conv_down", Side::kDown},
    {"dconv_down", Side::kDown},
    {"contract", Side::kDown},
    {"down_block", Side::kDown},
    {"downsample", Side::kDown},
    {"e", Side::kDown},
    {"enc_conv", Side::kDown},
    {"encoder_block", Side::kDown},
    {"d_conv", Side::kDown},
    {"conv", Side::kDown},
    {"econv", Side::kDown},
    {"bottleneck", Side::kMiddle},
    {"center", Side::kMiddle},
    {"bridge", Side::kMiddle},
    {"middle", Side::kMiddle},
    {"mid", Side::kMiddle},
    {"bottom", Side::kMiddle},
    {"bottle_neck", Side::kMiddle},
    {"b", Side::kMiddle},
    {"mid_block", Side::kMiddle},
    {"base", Side::kMiddle},
    {"dec", Side::kUp},
    {"decoder", Side::kUp},
    {"up", Side::kUp},
    {"upconv", Side::kUp},
    {"up_conv", Side::kUp},
    {"conv_up", Side::kUp},
    {"dconv_up", Side::kUp},
    {"expand", Side::kUp},
    {"upsample", Side::kUp},
    {"deconv", Side::kUp},
    {"trans", Side::kUp},
    {"up_trans", Side::kUp},
    {"transconv", Side::kUp},
    {"up_block", Side::kUp},
    {"dec_conv", Side::kUp},
    {"decoder_block", Side::kUp},
    {"d", Side::kUp},
    {"u", Side::kUp},
    {"upsampling", Side::kUp},
    {"dconv", Side::kUp},
    {"out", Side::kLast},
    {"outc", Side::kLast},
    {"final", Side::kLast},
    {"final_conv", Side::kLast},
    {"conv_last", Side::kLast},
    {"out_conv", Side::kLast},
    {"last", Side::kLast},
    {"head", Side::kLast},
    {"output", Side::kLast},
    {"conv_out", Side::kLast},
    {"outconv", Side::kLast},
    {"segmentation_head", Side::kLast},
    {"conv_final", Side::kLast},
    {"output_conv", Side::kLast},
    {"final_layer", Side::kLast},
    {"last_conv", Side::kLast},
});

Side SideOf(std::string_view name) {
  std::string word;
  for (char c : NameStem(name)) word += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  while (word.ends_with('_')) word.pop_back();
  if (word == "conv" && !EndsWithNumber(name)) return Side::kLast;
  for (const Word& row : kWords) {
    if (row.word == word) return row.side;
  }
  return Side::kUnknown;
}

}  // namespace

bool Planner::Joined(Index index, const std::vector<Index>& children, FlowPlan& plan) {
  if (children.size() < 4 || children.size() > kMost) return false;
  if (!sorted_ && JoinedInOrder(index, children, plan)) return true;
  // By the sides that names tell: downwards by number, upwards from the highest or the lowest number; what enlarges, a
  // single layer, comes before what joins.
  std::vector<Index> order(children);
  auto is_number = [&](Index child) { return NameStem(At(child).name).empty(); };
  if (std::all_of(order.begin(), order.end(), is_number)) {
    std::sort(order.begin(), order.end(),
              [&](Index a, Index b) { return NumberOf(At(a).name) < NumberOf(At(b).name); });
    return JoinedInOrder(index, order, plan);
  }
  for (Index child : children) {
    if (SideOf(At(child).name) == Side::kUnknown) return false;
  }
  for (bool falling : {true, false}) {
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
      Side side = SideOf(At(a).name);
      if (side != SideOf(At(b).name)) return side < SideOf(At(b).name);
      uint64_t one = NumberOf(At(a).name);
      uint64_t two = NumberOf(At(b).name);
      if (one != two) return (one < two) == (side != Side::kUp || !falling);
      bool layer = Of(a).kind == FlowPlan::Kind::kLayer;
      if (layer != (Of(b).kind == FlowPlan::Kind::kLayer)) return layer;
      // "up2" before "dec2", and "Up2" before "Up_conv2".
      return layer ? NaturalLess(At(b).name, At(a).name) : NaturalLess(At(a).name, At(b).name);
    });
    if (JoinedInOrder(index, order, plan)) return true;
  }
  return false;
}

bool Planner::JoinLevels(Index head, const std::vector<std::pair<uint32_t, int64_t>>& made, FlowPlan& joined) {
  std::vector<std::vector<Index>> levels = Levels(head);
  if (levels.empty()) return false;
  uint32_t behind = UINT32_MAX;
  for (size_t i = levels.size(); i-- > 0;) {
    int64_t width = Of(levels[i][0]).in.size;
    auto from = std::find_if(made.rbegin(), made.rend(), [&](const auto& step) {
      return step.first < behind && step.second == width && Of(joined.steps[step.first].module).makers > 1;
    });
    if (from == made.rend()) return false;
    behind = from->first;
    for (Index member : levels[i]) {
      joined.links.push_back({behind, static_cast<uint32_t>(joined.steps.size())});
      joined.steps.push_back({.module = member});
    }
  }
  return true;
}

bool Planner::JoinedInOrder(Index index, std::span<const Index> children, FlowPlan& plan) {
  FlowPlan joined{.evidence = {EvidenceKind::kShapes, ""}};
  joined.steps.resize(kFixedSteps);
  uint32_t before = kInStep;
  int64_t width = 0;
  size_t joins = 0;
  size_t named = 0;  // of those, how many by modules whose names are those of a way up
  uint32_t last_from = UINT32_MAX;
  uint64_t number = 0;
  uint32_t fed = kInStep;                          // what the one before was given: it is of another size of image
  std::vector<std::pair<uint32_t, int64_t>> open;  // steps and their widths
  for (Index child : children) {
    const FlowPlan& row = Of(child);
    auto at = static_cast<uint32_t>(joined.steps.size());
    if (child == children.back() && row.kind == FlowPlan::Kind::kOpaque && joins > 0 &&
        JoinLevels(child, open, joined)) {
      before = kInStep;
      break;
    }
    if (row.kind == FlowPlan::Kind::kOpaque || row.in.size <= 0 || row.out.size <= 0) return false;
    joined.steps.push_back({.module = child, .may_add = MayAdd(child)});
    // A number left out before it is a module without weights: what joins.
    bool gap = children.size() > 8 && NameStem(At(child).name).empty() && NumberOf(At(child).name) > number + 1;
    number = NumberOf(At(child).name);
    bool fits = width == 0 || Unify(Width{width}, row.in);
    int64_t missing = row.joins > 0 ? row.joins : fits ? 0 : row.in.size - width;
    if (missing < 0 || (row.joins > 0 && !fits)) {
      bool swapped = row.layer.swappable && row.layer.out.size == width;
      if (!swapped) return false;
      missing = 0;
    }
    int64_t made = row.layer.swappable && width > 0 && row.layer.out.size == width && row.layer.in.size != width
                       ? row.layer.in.size
                       : row.out.size;
    if (missing == 0) {
      joined.links.push_back({before, at});
    } else {
      // What is joined first was made last. A norm takes no join.
      auto from = std::find_if(open.rbegin(), open.rend(), [&](const auto& step) {
        return step.first != before && step.second == missing && (!gap || step.first != fed);
      });
      if (from == open.rend() || (from->first > last_from && !gap) || row.layer.kind == LayerKind::kNorm) return false;
      last_from = from->first;
      ++joins;
      if (gap) ++named;
      if (SideOf(At(child).name) == Side::kUp) ++named;
      if (row.joins > 0) {
        joined.links.push_back({before, at});
        joined.links.push_back({from->first, at, true});
      } else {
        auto cat = static_cast<uint32_t>(joined.steps.size());
        joined.steps.push_back({.operation = "~cat"});
        joined.links.push_back({before, cat});
        joined.links.push_back({from->first, cat});
        joined.links.push_back({cat, at});
      }
      open.erase(std::next(from).base());
    }
    fed = before;
    before = at;
    width = made;
    open.emplace_back(at, made);
  }
  if (joins == 0 || (joins == 1 && named == 0)) return false;
  if (before != kInStep) joined.links.push_back({before, kOutStep});
  joined.evidence.text = fmt::format("a U-Net: {} modules take as much more as one before them has made", joins);
  return Take(index, std::move(joined), plan);
}

}  // namespace pthview
