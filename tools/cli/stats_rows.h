// The rows of `stats`: made, ordered, printed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/analysis/statistics/health.h"
#include "lib/analysis/statistics/optimizer_state.h"
#include "lib/analysis/statistics/spectrum.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/model/model.h"
#include "tools/cli/console.h"
#include "tools/cli/selection.h"

namespace pthview {

struct StatsQuery {
  StatisticsOptions options;
  std::optional<int64_t> axis;  // a row a channel
  std::string by = "tensor";    // tensor, module, file
  std::string sort;
  bool reverse = false;
  bool deep = false;  // rows and optimizer states also of large files
  bool spectra = false;
  double max_cost = 2e11;                     // multiplications that all spectra together may take
  std::optional<HistogramOptions> histogram;  // of each tensor
};

struct StatsRow {
  std::string name;      // of the tensor, module or file; safe for no output yet
  Index tensor = kNone;  // into Model::tensors
  int64_t channel = -1;  // with an axis
  int64_t tensors = 1;   // how many it sums up
  std::optional<Statistics> statistics;
  std::string reason;  // why there are none: "no data (missing)"
  std::optional<Spectrum> spectrum;
  std::optional<UpdateFigures> update;
  std::optional<Histogram> histogram;
  std::optional<Error> failed;  // what went wrong with the file itself
};

struct StatsRows {
  std::vector<StatsRow> rows;
  Statistics total;  // of all rows that have any, each tensor once
  std::vector<HealthWarning> warnings;
  std::vector<std::string> notes;
};

// kUsage for a column or `by` that there is none of.
Result<StatsRows> MakeStatsRows(const Model& model, const Selection& selection, const StatsQuery& query);

// `recorded`: the classes are in the file, so that requires_grad means something. `width`: columns that lines may take.
void PrintStatsTable(Output& out, const Style& style, const Model& model, const StatsRows& rows, const StatsQuery& query,
                     bool recorded, size_t width);
void PrintStatsCsv(Output& out, const Model& model, const StatsRows& rows, const StatsQuery& query);
void PrintStatsJson(Output& out, const Model& model, const StatsRows& rows, const StatsQuery& query);

}  // namespace pthview
