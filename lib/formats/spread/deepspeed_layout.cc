#include "lib/formats/spread/deepspeed_layout.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"

namespace pthview {

using pickle::Kind;
using pickle::Value;

namespace {

constexpr size_t kMostParts = 10'000;
constexpr std::string_view kTooManySlices = "the parameters have more slices than any real ones";
constexpr std::string_view kTooMany = "more patterns and names than can be matched";

Error Fault(std::string clause) { return {.code = ErrorCode::kUnsupported, .message = std::move(clause)}; }

std::vector<std::vector<int64_t>> OnePart(std::span<const Shape> slices, size_t dim) {
  std::vector<std::vector<int64_t>> widths(1);
  for (const Shape& slice : slices) widths[0].push_back(dim < slice.size() ? slice[dim] : 0);
  return widths;
}

// As torch.chunk(slice, 2) cuts: the first half is the longer one.
std::vector<std::vector<int64_t>> Halves(std::span<const Shape> slices) {
  std::vector<std::vector<int64_t>> widths(2);
  for (const Shape& slice : slices) {
    int64_t rows = slice.empty() ? 0 : slice[0];
    widths[0].push_back(rows - rows / 2);
    widths[1].push_back(rows / 2);
  }
  return widths;
}

}  // namespace

// A real parameter has a handful of parts.
DeepSpeedLayout::DeepSpeedLayout(DeepSpeedFile& file, Value info, size_t slices)
    : file_(file), info_(info), boxes_(100'000 + 8 * slices) {
  constexpr std::pair<List, std::string_view> kKeys[] = {
      {kReplicated, "tp_replicated_parameter_patterns"},
      {kAverage, "parameter_to_average_patterns"},
      {kTwoHalves, "parameter_with_2_sub_params_cat_dim_0"},
      {kRows, "parameter_with_row_parallelism_patterns"},
      {kVocabulary, "vocabulary_parameter_patterns"},
      {kPipelineReplicated, "pipeline_replicated_parameter_patterns"},
  };
  for (const auto& [list, key] : kKeys) AddList(list, key);
  AddSubParameters();
  if (const Value* unsupported = InInfo("autotp_unsupported_parameter_patterns")) AddDict(kUnsupported, *unsupported);
  const Value* widths = InInfo("sub_param_shard_widths");
  auto pairs = widths != nullptr ? file_.values.Pairs(*widths) : std::nullopt;
  for (size_t i = 0; pairs && i < pairs->size(); ++i) {
    const auto& [pattern, by_part] = (*pairs)[i];
    if (pattern.IsText()) part_widths_.emplace(pattern.Text(), by_part);
  }
  if (const Value* affine = InInfo("affine_map")) {
    const Value* version = file_.Find(*affine, "version");
    const Value* maps = file_.Find(*affine, "params");
    if (version != nullptr && file_.Int(*version) != 1) {
      unreadable_ = "affine_map of another version";
    } else if (maps != nullptr) {
      AddDict(kAffine, *maps);
    } else if (!affine->Is(Kind::kNone)) {
      unreadable_ = "affine_map without params";
    }
  }
}

void DeepSpeedLayout::AddList(List list, std::string_view key) {
  const Value* value = InInfo(key);
  if (value == nullptr || value->Is(Kind::kNone)) return;
  auto items = file_.values.Items(*value);
  if (!items) {
    unreadable_ = key;
    return;
  }
  for (Value pattern : *items) Add(list, pattern, pattern);
}

void DeepSpeedLayout::AddDict(List list, Value dict) {
  if (dict.Is(Kind::kNone)) return;
  auto pairs = file_.values.Pairs(dict);
  if (!pairs) {
    unreadable_ = "a dict of patterns that is none";
    return;
  }
  for (const auto& [pattern, means] : *pairs) Add(list, pattern, means);
}

void DeepSpeedLayout::AddSubParameters() {
  const Value* value = InInfo("parameter_with_sub_params");
  if (value == nullptr) return;
  auto items = file_.values.Items(*value);
  if (!items) {
    unreadable_ = "parameter_with_sub_params";
    return;
  }
  for (Value item : *items) {
    const Value* patterns = file_.Find(item, "patterns");
    auto list = patterns != nullptr ? file_.values.Items(*patterns) : std::nullopt;
    if (!list) {
      unreadable_ = "parameter_with_sub_params";
      continue;
    }
    for (Value pattern : *list) Add(kSubParameters, pattern, item);
  }
}

void DeepSpeedLayout::Add(List list, Value pattern, Value means) {
  if (!unreadable_.empty()) return;
  auto compiled = pattern.IsText() ? NamePattern::Compile(pattern.Text(), steps_) : std::nullopt;
  if (!compiled) {
    unreadable_ = pattern.IsText() ? EscapeName(pattern.Text()) : "something that is no text";
    return;
  }
  size_t row = values_.size();
  values_.emplace_back(pattern, means);
  if (auto name = compiled->OnlyName()) {
    lists_[list].names.emplace(std::move(*name), row);
  } else if (compiled->size() > instructions_) {
    unreadable_ = kTooMany;
  } else {
    instructions_ -= compiled->size();
    lists_[list].others.emplace_back(std::move(*compiled), row);
  }
}

std::optional<size_t> DeepSpeedLayout::Find(List list, std::string_view name) {
  const Patterns& patterns = lists_[list];
  std::optional<size_t> first;
  if (auto found = patterns.names.find(std::string(name)); found != patterns.names.end()) first = found->second;
  for (const auto& [pattern, row] : patterns.others) {
    if (list != kAffine && first && *first < row) break;
    auto matches = pattern.MatchesStart(name, steps_);
    if (!matches) {
      unreadable_ = kTooMany;
      return std::nullopt;
    }
    if (!*matches) continue;
    if (list == kAffine && first) unreadable_ = "two affine maps for one name";
    if (!first || row < *first) first = row;
  }
  return first;
}

// Widths of a parameter's parts: recorded, or the same for every rank.
Result<std::vector<std::vector<int64_t>>> DeepSpeedLayout::PartWidths(size_t found, std::span<const Shape> slices,
                                                                      int64_t* dim) {
  const auto& [pattern, means] = values_[found];
  const Value* partition_dim = file_.Find(means, "partition_dim");
  auto number = partition_dim != nullptr ? file_.Int(*partition_dim) : std::nullopt;
  if (!number) return Fault("it has parts along no dimension");
  *dim = *number;
  std::vector<std::vector<int64_t>> widths;
  if (auto recorded = part_widths_.find(pattern.Text()); recorded != part_widths_.end()) {
    auto parts = file_.values.Items(recorded->second);
    if (parts && parts->size() > kMostParts) return Fault("it has more parts than any real one");
    for (Value part : parts.value_or(std::span<const Value>())) {
      auto by_rank = file_.Ints(part, slices.size());
      if (!by_rank || by_rank->size() != slices.size()) return Fault("its parts' widths are none");
      widths.push_back(std::move(*by_rank));
      if (widths.size() * slices.size() > boxes_) return Fault(std::string(kTooManySlices));
    }
    return widths;
  }
  const Value* version = InInfo("universal_checkpoint_version");
  double number_of_version = 0;
  if (version != nullptr && version->Is(Kind::kFloat)) number_of_version = version->real;
  if (version != nullptr && version->Is(Kind::kInt)) number_of_version = static_cast<double>(version->integer);
  if (number_of_version >= 0.4) return Fault("how wide its parts are is not recorded");
  // Before: every part in equal slices.
  const Value* shape = file_.Find(means, "shape");
  auto sizes = shape != nullptr ? file_.values.Items(*shape) : std::nullopt;
  if (!sizes || *dim < 0 || static_cast<size_t>(*dim) >= sizes->size()) return Fault("it has parts along no dimension");
  Value spec = (*sizes)[static_cast<size_t>(*dim)];
  auto ranks = static_cast<int64_t>(slices.size());
  std::vector<int64_t> parts;
  if (auto list = file_.Ints(spec, kMostParts)) {
    parts = std::move(*list);
  } else if (auto count = file_.Int(spec); count && *count > 0 && *count <= int64_t{kMostParts}) {
    int64_t whole = 0;
    for (const Shape& slice : slices) {
      auto sum =
          static_cast<size_t>(*dim) < slice.size() ? CheckedAdd(whole, slice[static_cast<size_t>(*dim)]) : std::nullopt;
      if (!sum) return Fault("it has parts along no dimension");
      whole = *sum;
    }
    if (whole % *count != 0) return Fault(fmt::format("{} rows are not {} parts", whole, *count));
    parts.assign(static_cast<size_t>(*count), whole / *count);
  }
  if (parts.size() * slices.size() > boxes_) return Fault(std::string(kTooManySlices));
  for (int64_t size : parts) {
    if (size % ranks != 0) return Fault("its parts are not equally wide on all ranks, and no widths are recorded");
    widths.emplace_back(slices.size(), size / ranks);
  }
  return widths;
}

Result<SliceBoxes> DeepSpeedLayout::Along(std::span<const Shape> slices, int64_t dim,
                                          const std::vector<std::vector<int64_t>>& widths) {
  const size_t count = widths.size() * slices.size();
  if (count > boxes_) return Fault(std::string(kTooManySlices));
  boxes_ -= count;
  return BoxesAlong(slices, dim, widths);
}

Result<JoinPlan> DeepSpeedLayout::Plan(std::string_view name, std::span<const Shape> slices) {
  // Python's `$` also matches before a last line break.
  bool plain = std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 128; });
  if (!plain || name.ends_with('\n')) {
    return Fault("its name has letters that patterns are not matched with: beyond ASCII, or a line break at its end");
  }
  JoinPlan plan;
  auto affine = Find(kAffine, name);
  auto parts = Find(kSubParameters, name);
  if (affine) {
    PTHVIEW_ASSIGN(plan.parts, BoxesOfAffineMap(file_, values_[*affine].second, slices, {&steps_, &boxes_}));
  } else if (Find(kReplicated, name)) {
    plan.kind = JoinPlan::kReplicated;
  } else if (Find(kUnsupported, name)) {
    return Fault("autotp_unsupported_parameter_patterns names it");
  } else if (Find(kAverage, name)) {
    plan.kind = JoinPlan::kMean;
  } else if (Find(kTwoHalves, name)) {
    PTHVIEW_ASSIGN(plan.parts, Along(slices, 0, Halves(slices)));
  } else if (parts) {
    int64_t dim = 0;
    PTHVIEW_ASSIGN(auto widths, PartWidths(*parts, slices, &dim));
    PTHVIEW_ASSIGN(plan.parts, Along(slices, dim, widths));
  } else {
    size_t dim = Find(kRows, name) ? 1 : 0;
    PTHVIEW_ASSIGN(plan.parts, Along(slices, static_cast<int64_t>(dim), OnePart(slices, dim)));
  }
  if (plan.kind != JoinPlan::kBoxes) {
    bool alike = std::all_of(slices.begin(), slices.end(), [&](const Shape& slice) { return slice == slices[0]; });
    if (!alike) return Fault("every rank should have it whole, and their shapes differ");
  }
  if (Find(kVocabulary, name)) {
    const Value* rows = InInfo("original_vocab_size");
    if (rows != nullptr) plan.rows = file_.Int(*rows);
    plan.padded = !plan.rows;
  }
  if (!unreadable_.empty()) return Fault(fmt::format("this pattern is not understood: {}", unreadable_));
  return plan;
}

}  // namespace pthview
