#include "tools/cli/tensor_table.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/names/suggest.h"
#include "lib/base/ascii.h"
#include "lib/base/display_width.h"
#include "lib/base/threads.h"
#include "lib/model/tied.h"
#include "tools/cli/table_line.h"
#include "tools/cli/tensor_columns.h"

namespace pthview {
namespace {

std::string_view DeviceOf(const Tensor& tensor) { return tensor.device.empty() ? "-" : tensor.device; }

Column SortedColumn(std::string_view name) {
  for (size_t c = 0; c < kColumns; ++c) {
    if (ColumnTitle(static_cast<Column>(c)) == name) return static_cast<Column>(c);
  }
  return Column::kName;
}

TensorCount TotalsOf(const Model& model, const Selection& selection) {
  TensorCount totals;
  for (Index i : selection.tensors) totals.Add(model, model.tensors[i]);
  return totals;
}

// A name of a megabyte that many rows are the same as would make each as long.
constexpr size_t kLongestOther = 160;

// The text of a cell that may hold anything, in its column.
void PutText(Line& line, std::string_view text, size_t column, bool cut, bool last) {
  if (ascii::IsPrintable(text) && (!cut || text.size() <= column)) {
    line.Left(text, last ? 0 : column + 2);
    return;
  }
  std::string shown = EscapeForTerminal(text);
  if (cut) shown = FitText(shown, column);
  line.Left(shown, DisplayWidth(shown), last ? 0 : column + 2);
}

// What is unusual about a tensor, where there is no column for it; and what there is never one for.
std::string RestText(const ColumnPlan& plan, const Model& model, Index index) {
  const Tensor& tensor = model.tensors[index];
  std::string text;
  auto put = [&](std::string_view gap, std::string_view piece) {
    if (!text.empty()) text += gap;
    text += piece;
  };
  if (plan.exceptions_behind) {
    auto usual = [&](Column column) { return plan.usual[static_cast<size_t>(column)]; };
    if (DTypeName(tensor.dtype) != usual(Column::kDtype)) put(" ", DTypeName(tensor.dtype));
    if (KindName(tensor.kind) != usual(Column::kKind)) put(" ", KindName(tensor.kind));
    if (DeviceOf(tensor) != usual(Column::kDevice)) put(" ", EscapeForTerminal(DeviceOf(tensor)));
  }
  if (tensor.layout != Layout::kDense) put("  ", LayoutName(tensor.layout));
  if (tensor.data != DataState::kPresent) put("  ", fmt::format("data: {}", DataStateName(tensor.data)));
  if (tensor.tied != kNone && tensor.tied != index) {
    const std::string_view path = model.tensors[tensor.tied].path;
    put("  ",
        "same as " + EscapeForTerminal(path.substr(0, kLongestOther)) + (path.size() > kLongestOther ? "..." : ""));
  }
  return text;
}

// One row, with its end of line.
void PutRow(Line& line, const ColumnPlan& plan, const Model& model, const Selection& selection, size_t i,
            std::span<const std::string> hashes, bool hash_below) {
  const Tensor& tensor = model.tensors[selection.tensors[i]];
  line.Clear();
  std::string made;
  PutText(line, selection.ShownNameOf(model, i, &made), plan.Width(Column::kName), plan.cut, false);
  if (plan.Has(Column::kDtype)) line.Left(DTypeName(tensor.dtype), plan.Width(Column::kDtype) + 2);
  if (plan.Has(Column::kShape)) line.Shape(tensor.shape, plan.Width(Column::kShape) + 2);
  if (plan.Has(Column::kNumel)) {
    line.Number(static_cast<uint64_t>(tensor.numel), plan.Width(Column::kNumel));
    line.Spaces(2);
  }
  if (plan.Has(Column::kBytes)) {
    line.Number(StoredBytes(model, tensor), plan.Width(Column::kBytes));
    line.Spaces(2);
  }
  if (plan.Has(Column::kKind)) line.Left(KindName(tensor.kind), plan.Width(Column::kKind) + 2);
  if (plan.Has(Column::kDevice)) PutText(line, DeviceOf(tensor), plan.Width(Column::kDevice), false, false);
  if (plan.Has(Column::kGrad)) line.Left(GradText(tensor), plan.Width(Column::kGrad) + 2);
  if (!hashes.empty() && !hash_below) line.Text(hashes[i].empty() ? std::string_view("-") : hashes[i]);
  line.Trim();
  if (std::string rest = RestText(plan, model, selection.tensors[i]); !rest.empty()) {
    const bool fits = plan.line == kNoWidthLimit || DisplayWidth(line.text()) + 2 + DisplayWidth(rest) <= plan.line;
    line.Text(fits ? "  " : "\n    ");
    line.Text(fits ? rest : FitText(rest, plan.line - 4));
  }
  line.Text("\n");
  if (!hashes.empty() && hash_below) line.Text(fmt::format("  {}\n", hashes[i].empty() ? "-" : hashes[i]));
}

std::string Header(const ColumnPlan& plan, bool hashes) {
  std::string text;
  for (size_t c = 0; c < kColumns; ++c) {
    const auto column = static_cast<Column>(c);
    if (!plan.shown[c]) continue;
    const bool number = column == Column::kNumel || column == Column::kBytes;
    text += number ? fmt::format("{:>{}}  ", ColumnTitle(column), plan.width[c])
                   : fmt::format("{:<{}}  ", ColumnTitle(column), plan.width[c]);
  }
  if (hashes) text += "sha256";
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

// Rows that one thread puts together at a time; a batch of them, one for each core, is printed before the next.
constexpr size_t kRowsAtOnce = 4096;

}  // namespace

bool ClassesAreRecorded(const Model& model, const Selection& selection) {
  Index part = kNone;
  for (Index i : selection.tensors) {
    if (model.tensors[i].part == part) continue;
    part = model.tensors[i].part;
    if (part == kNone || model.parts[part].root == kNone) return false;
    if (model.modules[model.parts[part].root].origin != Origin::kRecorded) return false;
  }
  return true;
}

std::string ShapeText(std::span<const int64_t> shape) {
  Line line;
  line.Shape(shape, 0);
  return std::string(line.text());
}

void PrintTensorTable(Output& out, const Style& style, const Model& model, const Selection& selection,
                      std::span<const size_t> order, std::span<const std::string> hashes, const TableFit& fit) {
  const size_t count = selection.tensors.size();
  std::vector<ColumnFacts> parts((count + kRowsAtOnce - 1) / kRowsAtOnce);
  TensorCount totals;
  ParallelFor(parts.size() + 1, [&](size_t which) {
    if (which == parts.size()) {
      totals = TotalsOf(model, selection);
      return;
    }
    const size_t end = std::min(count, (which + 1) * kRowsAtOnce);
    for (size_t i = which * kRowsAtOnce; i < end; ++i) {
      std::string made;
      const Tensor& tensor = model.tensors[selection.tensors[i]];
      parts[which].Add(tensor, selection.ShownNameOf(model, i, &made), StoredBytes(model, tensor));
    }
  });
  ColumnFacts facts;
  for (const ColumnFacts& part : parts) facts.Join(part);
  const ColumnPlan plan = PlanColumns(facts, fit.width, SortedColumn(fit.sorted), ClassesAreRecorded(model, selection));
  std::string header = Header(plan, false);
  const bool hash_below = !hashes.empty() && fit.width != kNoWidthLimit && DisplayWidth(header) + 66 > fit.width;
  if (!hashes.empty() && !hash_below) header = Header(plan, true);
  if (!plan.above.empty()) out << WrapText(plan.above, fit.width, 0, 0) << "\n";
  if (count > 0) out << style.Bold(header) << "\n";
  for (size_t begin = 0; begin < order.size();) {
    std::span<const size_t> rows = order.subspan(begin, std::min(order.size() - begin, kRowsAtOnce * Cores()));
    std::vector<std::string> texts((rows.size() + kRowsAtOnce - 1) / kRowsAtOnce);
    ParallelFor(texts.size(), [&](size_t which) {
      Line line;
      for (size_t i : rows.subspan(which * kRowsAtOnce, std::min(kRowsAtOnce, rows.size() - which * kRowsAtOnce))) {
        PutRow(line, plan, model, selection, i, hashes, hash_below);
        texts[which] += line.text();
      }
    });
    for (const std::string& text : texts) out << text;
    begin += rows.size();
  }
  const std::string last = fmt::format("{} tensor{}, {} parameters, {}", WithCommas(selection.tensors.size()),
                                       selection.tensors.size() == 1 ? "" : "s", WithCommas(totals.parameters()),
                                       BytesText(totals.StorageBytes(model)));
  out << style.Bold(WrapText(last, fit.width, 0, 0)) << "\n";
}

Result<RowLess> RowOrder(std::string_view column) {
  struct Row {
    std::string_view name;
    bool (*less)(const Tensor&, const Tensor&);
  };
  static constexpr Row kRows[] = {
      {"name", [](const Tensor& a, const Tensor& b) { return a.name < b.name; }},
      {"path", [](const Tensor& a, const Tensor& b) { return a.path < b.path; }},
      {"dtype", [](const Tensor& a, const Tensor& b) { return DTypeName(a.dtype) < DTypeName(b.dtype); }},
      {"shape",
       [](const Tensor& a, const Tensor& b) {
         return std::lexicographical_compare(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end());
       }},
      {"parameters", [](const Tensor& a, const Tensor& b) { return a.numel < b.numel; }},
      {"bytes", [](const Tensor& a, const Tensor& b) { return a.nbytes() < b.nbytes(); }},
      {"kind", [](const Tensor& a, const Tensor& b) { return KindName(a.kind) < KindName(b.kind); }},
      {"device", [](const Tensor& a, const Tensor& b) { return a.device < b.device; }},
      {"requires_grad", [](const Tensor& a, const Tensor& b) { return GradText(a) < GradText(b); }},
  };
  std::vector<std::string_view> names;
  for (const Row& row : kRows) {
    if (row.name == column) return RowLess(row.less);
    names.push_back(row.name);
  }
  auto near = Suggest(column, names, 1);
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("--sort: there is no column '{}'", column),
               .hint = near.empty() ? "name, path, dtype, shape, parameters, bytes, kind, device or requires_grad"
                                    : "--sort " + near[0]};
}

}  // namespace pthview
