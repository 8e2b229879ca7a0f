// pthview trace: one tensor, or several, across checkpoints.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "converters/common/output_paths.h"
#include "lib/analysis/compare/trace.h"
#include "lib/analysis/names/name_lookup.h"
#include "lib/analysis/statistics/figures.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"
#include "lib/formats/format.h"
#include "tools/cli/console.h"
#include "tools/cli/picture_output.h"
#include "tools/cli/selection.h"
#include "tools/cli/sparkline.h"
#include "tools/cli/terminal.h"
#include "tools/cli/text_table.h"
#include "tools/cli/trace_picture.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

std::string CosineText(const std::optional<Difference>& d) {
  return !d || std::isnan(d->cosine) ? (d && d->verdict == Verdict::kEqual ? "1" : "-")
                                     : fmt::format("{:.6f}", d->cosine);
}

void PrintText(Output& out, const Style& style, const std::vector<Model>& models, const std::vector<Trace>& traces,
               const CheckpointOrder& order, size_t width) {
  for (const Trace& trace : traces) {
    out << style.Bold(EscapeForTerminal(trace.name)) << "\n";
    TextTable table({{.title = "  file"},
                     {.title = order.key.empty() ? "step" : order.key, .right = true, .idle = ""},
                     {.title = "mean", .right = true, .give_up = 4},
                     {.title = "std", .right = true, .give_up = 3},
                     {.title = "l2", .right = true},
                     {.title = "update ratio", .right = true, .idle = "-"},
                     {.title = "cosine to first", .right = true, .idle = "-", .give_up = 2},
                     {.title = "cosine to previous", .right = true, .idle = "-", .give_up = 5},
                     {.title = "nans", .right = true, .idle = "0"},
                     {.title = "", .idle = ""}});
    std::vector<double> norms;
    std::vector<double> deviations;
    std::vector<double> updates;
    for (const TracePoint& point : trace.points) {
      const Statistics s = point.statistics.value_or(Statistics{});
      norms.push_back(s.l2);
      deviations.push_back(s.std);
      updates.push_back(point.update_ratio);
      std::string reason = point.reason;
      if (reason.empty() && point.from_before && point.from_before->verdict == Verdict::kIncomparable) {
        reason = point.from_before->reason;
      }
      table.Add({"  " + EscapeForTerminal(models[point.file].file),
                 order.steps.empty() ? "" : fmt::format("{}", order.steps[point.file]), ShortNumber(s.mean),
                 ShortNumber(s.std), ShortNumber(s.l2), ShortNumber(point.update_ratio), CosineText(point.from_first),
                 CosineText(point.from_before), WithCommas(static_cast<uint64_t>(s.nans)), EscapeForTerminal(reason)});
    }
    table.Print(out, style, width);
    auto line = [&](std::string_view name, const std::vector<double>& values) {
      std::vector<double> known = values;
      std::erase_if(known, [](double value) { return !std::isfinite(value); });
      if (known.size() < 2) return;
      auto [low, high] = std::ranges::minmax(known);
      out << fmt::format("  {:<13}{}  {} to {}\n", name, Sparkline(values), ShortNumber(low), ShortNumber(high));
    };
    line("l2", norms);
    line("std", deviations);
    line("update ratio", updates);
  }
}

void WriteDifference(JsonWriter& json, std::string_view key, const std::optional<Difference>& d) {
  json.Key(key);
  if (!d) {
    json.Null();
    return;
  }
  auto real = [&](std::string_view name, double value) {
    json.Key(name);
    std::isnan(value) ? json.Null() : json.Double(value);
  };
  json.BeginObject().Key("verdict").String(VerdictName(d->verdict));
  real("max", d->max);
  real("mean", d->mean);
  real("distance", d->distance);
  real("relative", d->relative);
  real("cosine", d->cosine);
  json.EndObject();
}

void PrintJson(Output& out, const std::vector<Model>& models, const std::vector<Trace>& traces,
               const CheckpointOrder& order) {
  JsonWriter json(&out.buffer());
  json.BeginObject().Key("schema").String("pthview.trace/1").Key("ordered_by");
  order.key.empty() ? json.String("name") : json.String(order.key);
  json.Key("files").BeginArray();
  for (size_t file : order.order) {
    json.BeginObject().Key("file").String(models[file].file).Key("step");
    order.steps.empty() ? json.Null() : json.Double(order.steps[file]);
    json.EndObject();
  }
  json.EndArray().Key("traces").BeginArray();
  for (const Trace& trace : traces) {
    json.BeginObject().Key("name").String(trace.name).Key("points").BeginArray();
    for (const TracePoint& point : trace.points) {
      json.BeginObject().Key("file").String(models[point.file].file).Key("step");
      order.steps.empty() ? json.Null() : json.Double(order.steps[point.file]);
      json.Key("path").String(models[point.file].tensors[point.tensor].path).Key("statistics");
      if (point.statistics) {
        json.BeginObject();
        WriteFigures(json, *point.statistics);
        json.EndObject();
      } else {
        json.Null().Key("reason").String(point.reason);
      }
      json.Key("update_ratio");
      std::isnan(point.update_ratio) ? json.Null() : json.Double(point.update_ratio);
      WriteDifference(json, "from_first", point.from_first);
      WriteDifference(json, "from_previous", point.from_before);
      json.EndObject();
    }
    json.EndArray().EndObject();
    out.MaybeFlush();
  }
  json.EndArray().EndObject();
  out << "\n";
}

// --plot and what goes with it. kUsage for one without the other, and for a file that would be replaced.
Status PlanPicture(const Arguments& arguments, PictureTarget* target) {
  if (!arguments.Flag("plot")) {
    for (std::string_view option : {"output", "to", "theme", "terminal"}) {
      if (arguments.Flag(option)) {
        return Error{.code = ErrorCode::kUsage, .message = fmt::format("--{} goes with --plot", option)};
      }
    }
    return Ok();
  }
  if (arguments.Flag("json")) {
    return Error{.code = ErrorCode::kUsage, .message = "--plot draws, and --json writes numbers: one of the two"};
  }
  PTHVIEW_ASSIGN(*target, ChoosePictureTarget(arguments));
  return Ok();
}

}  // namespace

int RunTrace(const Arguments& arguments) {
  const std::string& name = arguments.files[0];
  const bool drawn = arguments.Flag("plot");
  PictureTarget target;
  // Before anything is read.
  if (auto plan = PlanPicture(arguments, &target); !plan) {
    PrintError(plan.error());
    return kExitError;
  }
  std::vector<Model> models;
  std::vector<std::vector<Index>> chosen;
  std::set<std::string> explanations;
  bool failed = false;
  for (size_t i = 1; i < arguments.files.size(); ++i) {
    auto model = OpenModel(arguments.files[i]);
    if (!model) {
      PrintError(model.error());
      failed = true;
      continue;
    }
    InferModules(*model);
    auto narrowing = Narrowing::Of(*model, arguments);
    if (!narrowing) {
      PrintError(std::move(narrowing).error().In(arguments.files[i]));
      failed = true;
      continue;
    }
    Lookup lookup = FindByName(*model, name,
                               {.tensors = [&](const Tensor& tensor) { return narrowing->Has(tensor); },
                                .plain = [](const PlainValue&) { return false; }});
    if (lookup.tensors.empty()) PrintNote(arguments, fmt::format("{}: no tensor is called '{}'", model->file, name));
    if (!lookup.explanation.empty()) explanations.insert(lookup.explanation);
    chosen.push_back(std::move(lookup.tensors));
    models.push_back(std::move(*model));
  }
  if (std::ranges::all_of(chosen, [](const auto& tensors) { return tensors.empty(); })) {
    if (!failed) {
      PrintError({.code = ErrorCode::kNotFound, .message = fmt::format("no tensor is called '{}' in any file", name)});
    }
    return kExitError;
  }
  for (const std::string& explanation : explanations) PrintNote(arguments, explanation);
  for (const Model& model : models) {
    if (!drawn || target.place != PictureTarget::Place::kFile) break;
    if (Status free = RefuseInput(model, target.output); !free) {
      PrintError(free.error());
      return kExitError;
    }
  }
  std::vector<const Model*> pointers;
  for (const Model& model : models) pointers.push_back(&model);
  CheckpointOrder order = OrderCheckpoints(pointers);
  auto traces = TraceTensors(pointers, chosen, order);
  if (!traces) {
    PrintError(traces.error());
    return kExitError;
  }
  Output out;
  if (drawn) {
    std::vector<pictures::Panel> panels;
    for (const Trace& trace : *traces) panels.push_back(TracePanel(trace, order));
    if (Status written = WritePictures(target, arguments, panels); !written) {
      PrintError(written.error());
      return kExitError;
    }
  } else if (arguments.Flag("json")) {
    PrintJson(out, models, *traces, order);
  } else {
    PrintText(out, Style(UseColor(arguments)), models, *traces, order, ReadableWidth(arguments));
  }
  out.Flush();
  if (order.key.empty() && models.size() > 1) {
    PrintNote(arguments, "no step or epoch that all files have: they are in the order of their names");
  }
  Leave(out, failed ? kExitError : kExitOk);
}

}  // namespace pthview
