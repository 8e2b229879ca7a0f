// pthview report: everything about a file on one page.
#include <filesystem>

#include <fmt/format.h>

#include "lib/analysis/structure/structure.h"
#include "lib/base/named_source.h"
#include "lib/base/output_file.h"
#include "lib/formats/format.h"
#include "tools/cli/console.h"
#include "tools/cli/info_facts.h"
#include "tools/cli/selection.h"
#include "tools/cli/stats_rows.h"
#include "tools/cli/verbs.h"
#include "tools/report/report.h"

namespace pthview {
namespace {

// Without folders: a page that is sent on says nothing of this machine.
std::string TitleOf(const std::string& file) {
  const std::filesystem::path path(DisplayName(file));
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

Status Run(const Arguments& arguments) {
  const std::string& file = arguments.files[0];
  const std::string output = arguments.Value("output");
  if (output.empty()) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "report: where to write is missing",
                 .hint = fmt::format("`pthview report {} -o report.html`", ShellWord(DisplayName(file)))};
  }
  PTHVIEW_ASSIGN(Model model, OpenModel(file));
  InferModules(model);
  PTHVIEW_ASSIGN(const Selection selection, SelectTensors(model, arguments));
  PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(output, arguments.Flag("force")));
  StatsQuery query{.deep = arguments.Flag("deep"), .histogram = HistogramOptions{.bins = report::kHistogramBins}};
  query.options.percentiles = true;
  PTHVIEW_ASSIGN(const StatsRows rows, MakeStatsRows(model, selection, query));
  report::Input input{.model = model,
                      .title = TitleOf(file),
                      .file_bytes = BytesOfFiles(model),
                      .near_zero = query.options.near_zero,
                      .warnings = rows.warnings,
                      .notes = selection.notes};
  input.notes.insert(input.notes.end(), rows.notes.begin(), rows.notes.end());
  for (const StatsRow& row : rows.rows) {
    if (row.failed) return Error(*row.failed).In(file);
    input.rows.push_back({.name = row.name,
                          .tensor = row.tensor,
                          .statistics = row.statistics ? &*row.statistics : nullptr,
                          .histogram = row.histogram ? &*row.histogram : nullptr,
                          .update = row.update ? &*row.update : nullptr,
                          .reason = row.reason});
  }
  PTHVIEW_TRY(report::Write(input, out));
  const uint64_t bytes = out.position();
  PTHVIEW_TRY(out.Commit());
  if (output != "-") PrintNote(arguments, fmt::format("wrote {} ({})", output, HumanBytes(bytes)));
  return Ok();
}

}  // namespace

int RunReport(const Arguments& arguments) {
  Status status = Run(arguments);
  if (status || status.error().code == ErrorCode::kReaderGone) return kExitOk;
  PrintError(status.error());
  return status.error().code == ErrorCode::kInterrupted ? kExitInterrupted : kExitError;
}

}  // namespace pthview
