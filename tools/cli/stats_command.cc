// pthview stats: a row of figures a tensor, a channel, a module or a file.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/statistics/figures.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/base/progress.h"
#include "lib/formats/format.h"
#include "tools/cli/console.h"
#include "tools/cli/histogram_text.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/named_tensors.h"
#include "tools/cli/selection.h"
#include "tools/cli/stats_rows.h"
#include "tools/cli/tensor_table.h"
#include "tools/cli/terminal.h"
#include "tools/cli/text_table.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

// The tensors that the verb is about: of the options' selection those that NAME... mean.
Result<Selection> Chosen(const Model& model, const Arguments& arguments) {
  if (arguments.files.size() < 2) return SelectTensors(model, arguments);
  PTHVIEW_ASSIGN(NamedTensors named, FindNamedTensors(model, arguments));
  Selection selection;
  selection.tensors = std::move(named.tensors);
  selection.notes = std::move(named.notes);
  std::map<std::string_view, int> names;
  for (Index t : selection.tensors) ++names[model.tensors[t].name];
  for (Index t : selection.tensors) selection.use_path.push_back(names[model.tensors[t].name] > 1);
  selection.names_collide = true;
  return selection;
}

Result<double> NearZero(const Arguments& arguments) {
  const std::string text = arguments.Value("near-zero", "0.001");
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0) || !std::isfinite(value)) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("--near-zero takes a number of standard deviations, not '{}'", text)};
  }
  return value;
}

// --axis: a whole number, also a negative one.
Result<std::optional<int64_t>> Axis(const Arguments& arguments) {
  if (!arguments.Flag("axis")) return std::optional<int64_t>();
  const std::string text = arguments.Value("axis");
  char* end = nullptr;
  long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < -64 || value > 64) {
    return Error{.code = ErrorCode::kUsage, .message = fmt::format("--axis takes a dimension, not '{}'", text)};
  }
  return std::optional<int64_t>(value);
}

// --histogram; --bins and --log ask for it too.
Result<std::optional<HistogramOptions>> WantedHistogram(const Arguments& arguments) {
  if (!arguments.Flag("histogram") && !arguments.Flag("bins") && !arguments.Flag("log")) {
    return std::optional<HistogramOptions>();
  }
  PTHVIEW_ASSIGN(const int64_t bins, arguments.Number("bins", 0));
  if (arguments.Flag("bins") && (bins < 1 || bins > kMostBins)) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("--bins takes a number from 1 to {}, not '{}'", kMostBins, bins)};
  }
  return HistogramOptions{.bins = static_cast<int>(bins), .log = arguments.Flag("log")};
}

int Fail(Error error, const std::string& file) {
  PrintError(std::move(error).In(file));
  return kExitError;
}

}  // namespace

int RunStats(const Arguments& arguments) {
  const std::string& file = arguments.files[0];
  auto model = OpenModel(file);
  if (!model) return Fail(std::move(model).error(), file);
  InferModules(*model);
  auto selection = Chosen(*model, arguments);
  if (!selection) return Fail(std::move(selection).error(), file);
  StatsQuery query;
  auto near = NearZero(arguments);
  if (!near) return Fail(std::move(near).error(), "");
  auto axis = Axis(arguments);
  if (!axis) return Fail(std::move(axis).error(), "");
  query.options.near_zero = *near;
  query.options.percentiles = arguments.Flag("percentiles");
  query.axis = *axis;
  query.by = arguments.Value("by", "tensor");
  query.deep = arguments.Flag("deep");
  query.spectra = arguments.Flag("spectra");
  if (arguments.Flag("max-cost")) {
    const std::string text = arguments.Value("max-cost");
    char* end = nullptr;
    query.max_cost = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(query.max_cost >= 0)) {
      return Fail({.code = ErrorCode::kUsage,
                   .message = fmt::format("--max-cost takes a number of multiplications, not '{}'", text)},
                  "");
    }
  }
  auto histogram = WantedHistogram(arguments);
  if (!histogram) return Fail(std::move(histogram).error(), "");
  query.histogram = *histogram;
  query.sort = arguments.Value("sort");
  query.reverse = arguments.Flag("reverse");
  auto rows = MakeStatsRows(*model, *selection, query);
  if (!rows) return Fail(std::move(rows).error(), file);
  Output out;
  if (arguments.Flag("json")) {
    PrintStatsJson(out, *model, *rows, query);
  } else if (arguments.Flag("csv")) {
    PrintStatsCsv(out, *model, *rows, query);
  } else {
    PrintStatsTable(out, Style(UseColor(arguments)), *model, *rows, query, ClassesAreRecorded(*model, *selection),
                    ReadableWidth(arguments));
  }
  out.Flush();  // notes stand behind the table
  bool failed = false;
  for (const StatsRow& row : rows->rows) {
    if (row.failed) {
      PrintError(Error(*row.failed).In(file));
      failed = true;
    }
  }
  for (const std::string& note : selection->notes) PrintNote(arguments, note);
  if (!arguments.Flag("json")) {
    for (const std::string& note : rows->notes) PrintNote(arguments, note);
  }
  Leave(out, failed ? kExitError : kExitOk);
}

}  // namespace pthview
