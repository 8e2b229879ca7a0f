#include "tools/cli/overview_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/statistics/statistics.h"
#include "lib/base/allowance.h"
#include "lib/base/display_width.h"
#include "lib/base/progress.h"
#include "lib/model/storage_view.h"
#include "tools/cli/info_facts.h"
#include "tools/cli/slice.h"
#include "tools/cli/tensor_columns.h"
#include "tools/cli/tensor_table.h"
#include "tools/cli/tensor_view.h"
#include "tools/cli/value_text.h"

namespace pthview {
namespace {

constexpr int64_t kFirst = 3;
constexpr size_t kMeanWidth = 10;

// A value with fewer digits: the overview is for looking, `show FILE NAME` has them all.
std::string Shortened(const std::string& text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return text;
  if (text.find_first_of(".en") == std::string::npos) return text;  // a whole number
  return std::fabs(value) < 100 ? fmt::format("{:.3g}", value) : fmt::format("{:.5g}", value);
}

// The means of tensors. Of those that are the same values one is computed; what a bomb unpacks to is not read.
class Means {
 public:
  explicit Means(const Model& model)
      : model_(model), read_(Allowance::OfFile(BytesOfFiles(model), Allowance::kTimesInflated)) {}

  const std::string& TextOf(const Tensor& tensor) {
    auto [known, is_new] = texts_.try_emplace({ViewOf(tensor), tensor.quantization});
    if (is_new) known->second = Compute(tensor);
    return known->second;
  }

 private:
  std::string Compute(const Tensor& tensor) {
    if (tensor.layout != Layout::kDense || tensor.data != DataState::kPresent) return "-";
    // As for a slice: not worth fetching all of it.
    if (StatisticsAreFar(model_, tensor, "0")) return "-";
    if (!read_.Take(std::min(tensor.nbytes(), model_.storages[tensor.storage].nbytes))) return "-";
    auto statistics = ComputeStatistics(model_, tensor);
    if (!statistics || statistics->finite == 0) return "-";
    return fmt::format("{:.4g}", statistics->mean);
  }

  const Model& model_;
  Allowance read_;
  std::map<std::pair<StorageView, Index>, std::string> texts_;  // with the quantization that the values stand for
};

struct Widths {
  size_t name = 4;
  size_t dtype = 0;  // 0: no column
  size_t shape = 5;
  size_t mean = kMeanWidth;
  bool grad = false;
  size_t values = 0;
};

std::string Padded(std::string_view text, size_t column, bool right = false) {
  const size_t width = DisplayWidth(text);
  const std::string blanks(width < column ? column - width : 0, ' ');
  return right ? blanks + std::string(text) : std::string(text) + blanks;
}

}  // namespace

std::vector<std::string> FirstValues(const Model& model, const Tensor& tensor, int64_t most) {
  if (tensor.layout != Layout::kDense || tensor.data != DataState::kPresent) return {};
  auto window = SliceTensor(tensor, {});
  if (!window) return {};
  window->Bind();
  auto values = FlatValues(model, *window, most);
  if (!values) return {};
  for (std::string& value : *values) value = Shortened(value);
  return std::move(*values);
}

Status PrintOverview(Output& out, const Style& style, const Model& model, const Selection& selection, size_t width) {
  ColumnFacts facts;
  uint64_t bytes = 0;
  for (size_t i = 0; i < selection.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[selection.tensors[i]];
    std::string made;
    facts.Add(tensor, selection.ShownNameOf(model, i, &made), tensor.nbytes());
    bytes += tensor.nbytes();
  }
  const ColumnPlan plan = PlanColumns(facts, kNoWidthLimit, Column::kName, ClassesAreRecorded(model, selection));
  Means means(model);
  Progress progress("means", bytes);
  // Rows come as they are read; only the widths of values must be guessed.
  Widths layout;
  layout.name = std::max<size_t>(facts.width[0], 4);
  if (plan.Has(Column::kDtype)) layout.dtype = plan.Width(Column::kDtype);
  layout.shape = plan.Width(Column::kShape);
  layout.grad = plan.Has(Column::kGrad);
  auto others = [&] {
    return (layout.dtype > 0 ? layout.dtype + 2 : 0) + (layout.shape > 0 ? layout.shape + 2 : 0) +
           (layout.grad ? 7 : 0) + (layout.mean > 0 ? layout.mean + 2 : 0) + 2;
  };
  std::string above = plan.above;
  if (width != kNoWidthLimit) {
    constexpr size_t kValuesWanted = 28;
    auto wanted = [&] { return others() + kValuesWanted + std::min(layout.name, width * 3 / 10); };
    if (wanted() > width) layout.dtype = 0;
    if (wanted() > width + kValuesWanted / 2) layout.mean = 0;
    if (wanted() > width + kValuesWanted / 2) layout.shape = 0;
    const size_t taken = others() + kValuesWanted;
    layout.name =
        std::max<size_t>(std::min(layout.name, width > taken ? width - taken : 0), std::min<size_t>(layout.name, 12));
    layout.values = width > others() + layout.name + 4 ? width - others() - layout.name : 4;
  }
  if (!above.empty()) out << WrapText(above, width, 0, 0) << "\n";
  std::string header = Padded("name", layout.name + 2);
  if (layout.dtype > 0) header += Padded("dtype", layout.dtype + 2);
  if (layout.shape > 0) header += Padded("shape", layout.shape + 2);
  if (layout.grad) header += Padded("grad", 7);
  if (layout.mean > 0) header += Padded("mean", layout.mean, true) + "  ";
  header += layout.values > 0 ? CutText("first values", layout.values) : "first values";
  out << style.Bold(header) << "\n";
  for (size_t i = 0; i < selection.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[selection.tensors[i]];
    std::string made;
    const std::string name = EscapeForTerminal(selection.ShownNameOf(model, i, &made));
    std::string line = Padded(FitText(name, layout.name), layout.name + 2);
    if (layout.dtype > 0) line += Padded(DTypeName(tensor.dtype), layout.dtype + 2);
    if (layout.shape > 0) line += Padded(FitText(ShapeText(tensor.shape), layout.shape), layout.shape + 2);
    if (layout.grad) line += Padded(GradText(tensor), 7);
    if (layout.mean > 0) line += Padded(means.TextOf(tensor), layout.mean, true) + "  ";
    std::vector<std::string> values = FirstValues(model, tensor, kFirst);
    std::string first;
    for (const std::string& value : values) first += (first.empty() ? "" : " ") + value;
    if (static_cast<int64_t>(values.size()) < tensor.numel && !values.empty()) first += " …";
    if (tensor.layout != Layout::kDense) first = LayoutName(tensor.layout);
    if (tensor.data != DataState::kPresent) first = fmt::format("data: {}", DataStateName(tensor.data));
    line += layout.values > 0 ? CutText(first, layout.values) : first;
    while (line.ends_with(' ')) line.pop_back();
    out << line << "\n";
    progress.Advance(tensor.nbytes());
  }
  return Ok();
}

}  // namespace pthview
