// pthview plot: tensors as pictures.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "converters/common/output_paths.h"
#include "lib/analysis/pictures/tensor_panel.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/formats/format.h"
#include "tools/cli/console.h"
#include "tools/cli/named_tensors.h"
#include "tools/cli/picture_output.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

constexpr pictures::Color kBetweenLetters{40, 40, 48};
// Of a terminal made of letters: titles and legends want a few rows, too.
constexpr int kTextRows = 8;
constexpr int kMostLetters = 100;

struct PlotRequest {
  std::optional<pictures::PlotKind> kind;
  pictures::PlotOptions options;
};

Error Unknown(std::string_view option, const std::string& value, std::string known) {
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("--{} does not know '{}'", option, value),
               .hint = "there is " + std::move(known)};
}

Result<PlotRequest> RequestOf(const Arguments& arguments) {
  PlotRequest request;
  if (const std::string wanted = arguments.Value("kind"); !wanted.empty()) {
    const auto names = pictures::PlotKindNames();
    const auto found = std::ranges::find(names, wanted);
    if (found == names.end()) return Unknown("kind", wanted, fmt::format("{}", fmt::join(names, ", ")));
    request.kind = static_cast<pictures::PlotKind>(found - names.begin());
  }
  if (const std::string wanted = arguments.Value("colors"); !wanted.empty()) {
    request.options.colors = pictures::ColorMapByName(wanted);
    std::string known;
    for (const pictures::ColorMap& map : pictures::ColorMaps())
      known += fmt::format("{}{}", known.empty() ? "" : ", ", map.name);
    if (request.options.colors == nullptr) return Unknown("colors", wanted, known);
  }
  PTHVIEW_ASSIGN(request.options.heads, arguments.Number("heads", 0));
  return request;
}

void FitTo(const PictureTarget& target, pictures::PlotOptions& options) {
  options.between = target.theme->gap;
  if (!target.letters()) return;
  options.between = kBetweenLetters;
  options.most_tile_scale = 1;
  options.most_columns = std::min(target.columns, kMostLetters);
  options.most_rows = std::max(2 * (target.rows - kTextRows), 8);
  // Without colours darkness is all there is: from the smallest to the largest value.
  if (!target.terminal.color) options.colors = pictures::ColorMapByName("gray");
}

// Of one of several that cannot be drawn, the reason in its place.
pictures::Panel ReasonPanel(const Tensor& tensor, const Error& error) {
  pictures::Panel panel;
  panel.title = std::string(tensor.name.empty() ? tensor.path : tensor.name);
  panel.facts.push_back(pictures::TypeText(tensor));
  panel.charts.push_back({.kind = pictures::ChartKind::kText, .text = error.message});
  return panel;
}

Status Plot(const Arguments& arguments, bool& failed) {
  PTHVIEW_ASSIGN(PlotRequest request, RequestOf(arguments));
  PTHVIEW_ASSIGN(const PictureTarget target, ChoosePictureTarget(arguments));
  PTHVIEW_ASSIGN(Model model, OpenModel(arguments.files[0]));
  InferModules(model);
  PTHVIEW_ASSIGN(const NamedTensors named, FindNamedTensors(model, arguments));
  for (const std::string& note : named.notes) PrintNote(arguments, note);
  if (target.place == PictureTarget::Place::kFile) PTHVIEW_TRY(RefuseInput(model, target.output));
  FitTo(target, request.options);
  std::vector<pictures::Panel> panels;
  for (Index t : named.tensors) {
    const Tensor& tensor = model.tensors[t];
    request.options.kind = request.kind.value_or(pictures::SuitingKind(model, tensor));
    auto panel = pictures::PlotTensor(model, tensor, request.options);
    if (panel) {
      panels.push_back(std::move(*panel));
      continue;
    }
    Error error = std::move(panel).error();
    if (error.code == ErrorCode::kInterrupted || named.tensors.size() == 1) return std::move(error).In(model.file);
    error.message = fmt::format("'{}': {}", EscapeForTerminal(tensor.name), error.message);
    failed = true;
    panels.push_back(ReasonPanel(tensor, error));
    PrintError(std::move(error).In(model.file));
  }
  return WritePictures(target, arguments, panels);
}

}  // namespace

int RunPlot(const Arguments& arguments) {
  bool failed = false;
  if (Status plotted = Plot(arguments, failed); !plotted) {
    const Error error = std::move(plotted).error();
    PrintError(error);
    return error.code == ErrorCode::kInterrupted ? kExitInterrupted : kExitError;
  }
  return failed ? kExitError : kExitOk;
}

}  // namespace pthview
