#include "tools/cli/tensor_columns.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "lib/base/ascii.h"
#include "lib/base/display_width.h"

namespace pthview {
namespace {

using enum Column;

// A cell that is wider moves what stands behind it, in its own row: a name of a megabyte would otherwise make every row
// as long.
constexpr size_t kWidestName = 120;
constexpr size_t kWidestShape = 60;
constexpr size_t kGap = 2;
constexpr std::string_view kTitles[] = {"name",  "dtype", "shape",  "parameters",
                                        "bytes", "kind",  "device", "requires_grad"};

size_t At(Column column) { return static_cast<size_t>(column); }

size_t DigitsWithCommas(uint64_t number) {
  size_t digits = 1;
  while (number >= 10) {
    number /= 10;
    ++digits;
  }
  return digits + (digits - 1) / 3;
}

size_t ShapeWidth(std::span<const int64_t> shape) {
  size_t width = 2 + (shape.empty() ? 0 : 2 * (shape.size() - 1));
  char digits[24];
  for (int64_t size : shape)
    width += static_cast<size_t>(std::to_chars(digits, digits + sizeof(digits), size).ptr - digits);
  return width;
}

size_t TextWidth(std::string_view text) {
  return ascii::IsPrintable(text) ? text.size() : DisplayWidth(EscapeForTerminal(text));
}

std::string_view DeviceText(const Tensor& tensor) { return tensor.device.empty() ? "-" : tensor.device; }

// "float32 parameters on cpu", of what is known of every row; empty when nothing is.
std::string Noun(std::optional<std::string_view> dtype, std::optional<std::string_view> kind,
                 std::optional<std::string_view> device) {
  std::string text;
  if (dtype) text += EscapeForTerminal(*dtype);
  if (kind) text += fmt::format("{}{}s", text.empty() ? "" : " ", *kind);
  if (device && *device != "-") text += fmt::format("{}on {}", text.empty() ? "" : " ", EscapeForTerminal(*device));
  return text;
}

std::string GradSentence(const ColumnFacts& facts, bool recorded) {
  auto common = facts.Common(kGrad);
  if (!common) return "Parameters require a gradient, the others do not.";
  if (*common == "True") return facts.rows == 1 ? "It requires a gradient." : "All require a gradient.";
  if (*common == "False" && recorded) {
    return facts.rows == 1 ? "It requires no gradient." : "None requires a gradient.";
  }
  return "Which of them are trained (requires_grad) the file does not say.";
}

}  // namespace

std::string_view GradText(const Tensor& tensor) {
  return !tensor.requires_grad ? "-" : *tensor.requires_grad ? "True" : "False";
}

std::string GradInPlaceOfColumn(const ColumnFacts& facts, bool recorded) {
  return facts.Common(kGrad) || facts.grad_by_kind() ? GradSentence(facts, recorded) : "";
}

std::string_view ColumnTitle(Column column) { return kTitles[At(column)]; }

void ColumnFacts::Counts::Add(std::string_view value, size_t times) {
  for (size_t i = 0; i < count; ++i) {
    if (values[i].first == value) {
      values[i].second += times;
      return;
    }
  }
  if (count == kMost) {
    overflow = true;
  } else {
    values[count++] = {value, times};
  }
}

void ColumnFacts::Add(const Tensor& tensor, std::string_view name, uint64_t bytes) {
  ++rows;
  auto widen = [&](Column column, size_t wanted) { width[At(column)] = std::max(width[At(column)], wanted); };
  widen(kName, std::min(TextWidth(name), kWidestName));
  widen(kDtype, DTypeName(tensor.dtype).size());
  widen(kShape, std::min(ShapeWidth(tensor.shape), kWidestShape));
  widen(kNumel, DigitsWithCommas(static_cast<uint64_t>(tensor.numel)));
  widen(kBytes, DigitsWithCommas(bytes));
  widen(kKind, KindName(tensor.kind).size());
  widen(kDevice, std::min(TextWidth(DeviceText(tensor)), kWidestShape));
  counts_[At(kDtype)].Add(DTypeName(tensor.dtype));
  counts_[At(kKind)].Add(KindName(tensor.kind));
  counts_[At(kDevice)].Add(DeviceText(tensor));
  counts_[At(kGrad)].Add(GradText(tensor));
  (tensor.kind == TensorKind::kParameter ? grad_of_parameters_ : grad_of_others_).Add(GradText(tensor));
}

void ColumnFacts::Join(const ColumnFacts& other) {
  rows += other.rows;
  for (size_t c = 0; c < kColumns; ++c) {
    width[c] = std::max(width[c], other.width[c]);
    for (size_t i = 0; i < other.counts_[c].count; ++i) {
      counts_[c].Add(other.counts_[c].values[i].first, other.counts_[c].values[i].second);
    }
    counts_[c].overflow = counts_[c].overflow || other.counts_[c].overflow;
  }
  for (size_t i = 0; i < other.grad_of_parameters_.count; ++i) {
    grad_of_parameters_.Add(other.grad_of_parameters_.values[i].first);
  }
  for (size_t i = 0; i < other.grad_of_others_.count; ++i) grad_of_others_.Add(other.grad_of_others_.values[i].first);
}

std::optional<std::string_view> ColumnFacts::Common(Column column) const {
  const Counts& counts = counts_[At(column)];
  if (counts.count != 1 || counts.overflow) return std::nullopt;
  return counts.values[0].first;
}

bool ColumnFacts::grad_by_kind() const {
  return grad_of_parameters_.count == 1 && grad_of_others_.count == 1 &&
         grad_of_parameters_.values[0].first == "True" && grad_of_others_.values[0].first == "False";
}

std::string_view ColumnFacts::Usual(Column column) const {
  const Counts& counts = counts_[At(column)];
  if (counts.count == 0) return "-";
  return std::max_element(counts.values.begin(), counts.values.begin() + static_cast<ptrdiff_t>(counts.count),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

ColumnPlan PlanColumns(const ColumnFacts& facts, size_t width, Column sorted, bool recorded) {
  ColumnPlan plan{.line = width};
  plan.shown.fill(true);
  for (size_t c = 0; c < kColumns; ++c) {
    plan.width[c] = std::max(facts.width[c], kTitles[c].size());
    plan.usual[c] = facts.Usual(static_cast<Column>(c));
  }
  if (facts.rows == 0) return plan;
  auto hide = [&](Column column) { plan.shown[At(column)] = false; };
  for (Column column : {kDtype, kKind, kDevice, kGrad}) {
    if (facts.Common(column)) hide(column);
  }
  if (facts.grad_by_kind()) hide(kGrad);
  std::string noun = Noun(facts.Common(kDtype), facts.Common(kKind), facts.Common(kDevice));
  const std::string_view all = facts.rows == 1 ? "" : "All are ";
  std::string first = noun.empty() ? "" : fmt::format("{}{}.", all, noun);

  // Columns that the terminal has no room for.
  auto taken = [&] {  // by all but the name
    size_t sum = 0;
    for (size_t c = 1; c < kColumns; ++c) {
      if (plan.shown[c]) sum += kGap + plan.width[c];
    }
    return sum + (plan.exceptions_behind ? kGap + plan.behind : 0);
  };
  // A name may be cut, but not to less than 40 % of the line.
  const size_t least = width == kNoWidthLimit ? 0 : std::min(plan.Width(kName), std::max<size_t>(width * 2 / 5, 8));
  auto fits = [&] { return width == kNoWidthLimit || taken() + least <= width; };
  std::string given_up;
  if (width != kNoWidthLimit && taken() + plan.Width(kName) > width) {
    const bool some = plan.Has(kDtype) || plan.Has(kKind) || plan.Has(kDevice);
    if (some) {
      for (Column column : {kDtype, kKind, kDevice}) {
        if (plan.Has(column)) {
          // The widest cell but the usual one cannot be told from the rest; it seldom is more.
          plan.behind += plan.behind > 0 ? 1 : 0;
          plan.behind += plan.Width(column);
        }
        hide(column);
      }
      plan.behind = std::min<size_t>(plan.behind, 12);
      plan.exceptions_behind = true;
      first = fmt::format("{} where no other is named.",
                          Noun(plan.usual[At(kDtype)], plan.usual[At(kKind)], plan.usual[At(kDevice)]));
    }
    for (Column column : {kBytes, kGrad, kNumel, kShape}) {
      if (fits()) break;
      if (!plan.Has(column) || column == sorted) continue;
      hide(column);
      given_up += fmt::format("{}{}", given_up.empty() ? "" : ", ", ColumnTitle(column));
    }
    if (!fits() && plan.exceptions_behind) plan.behind = 0;
    const size_t others = taken();
    plan.width[0] = std::max<size_t>(width > others ? std::min(plan.width[0], width - others) : 0, 8);
    plan.cut = true;
  }
  plan.above = first;
  auto say = [&](const std::string& sentence) { plan.above += (plan.above.empty() ? "" : " ") + sentence; };
  if (!plan.Has(kGrad) && given_up.find("requires_grad") == std::string::npos) say(GradSentence(facts, recorded));
  if (!given_up.empty()) say(fmt::format("No room for: {}.", given_up));
  return plan;
}

}  // namespace pthview
