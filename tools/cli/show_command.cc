// pthview show: one tensor or plain value in full, or a list of what the name fits.
#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "converters/common/output_paths.h"
#include "lib/analysis/graphs/uses.h"
#include "lib/analysis/names/name_lookup.h"
#include "lib/analysis/names/state_name.h"
#include "lib/analysis/statistics/packed_weight.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/distant_source.h"
#include "lib/base/escape.h"
#include "lib/formats/format.h"
#include "lib/model/tensor_data.h"
#include "tools/cli/console.h"
#include "tools/cli/export_tensor.h"
#include "tools/cli/overview_table.h"
#include "tools/cli/selection.h"
#include "tools/cli/show_json.h"
#include "tools/cli/slice.h"
#include "tools/cli/tensor_table.h"
#include "tools/cli/tensor_view.h"
#include "tools/cli/terminal.h"
#include "tools/cli/value_text.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

constexpr size_t kPartsShown = 10;
constexpr size_t kFactsShown = 40;
constexpr size_t kUsesShown = 8;

void Fact(Output& out, std::string_view label, std::string_view text) {
  out << fmt::format("  {:<13} {}\n", label, text);
}

std::string WhereText(const Model& model, const Tensor& tensor) {
  if (tensor.storage == kNone) return "-";
  const Storage& storage = model.storages[tensor.storage];
  std::string text = fmt::format("'{}'", EscapeForTerminal(storage.key));
  if (!storage.record.empty()) text += fmt::format(" in record {}", EscapeForTerminal(storage.record));
  if (storage.source == kNone) return text + ", not in the file";
  if (IsWholeFile(*model.sources[storage.source]))
    text += fmt::format(", byte {} of the file", WithCommas(storage.offset));
  text += fmt::format(", {} bytes", WithCommas(storage.nbytes));
  if (tensor.offset != 0)
    text += fmt::format("; the tensor begins at element {}", WithCommas(static_cast<uint64_t>(tensor.offset)));
  return text;
}

// Which nodes of recorded graphs take it.
void PrintUses(Output& out, const Model& model, Index index) {
  const WeightUses all(model);
  const std::span<const WeightUse> uses = all.Of(index);
  for (size_t i = 0; i < std::min(uses.size(), kUsesShown); ++i) {
    Fact(out, "used by", EscapeForTerminal(UseText(model, uses[i])));
  }
  if (uses.size() > kUsesShown) Fact(out, "used by", fmt::format("{} more nodes", uses.size() - kUsesShown));
}

// `index` is kNone for a component.
void PrintFacts(Output& out, const Style& style, const Model& model, const Tensor& tensor, Index index) {
  std::string_view name = index == kNone ? tensor.path : tensor.name;
  out << style.Bold(EscapeForTerminal(name.empty() ? "(the file's root)" : name)) << "\n";
  if (tensor.path != name) Fact(out, "path", EscapeForTerminal(tensor.path));
  if (index != kNone)
    Fact(out, "kind", fmt::format("{}{}", KindName(tensor.kind), tensor.persistent ? "" : " (not in the state_dict)"));
  Fact(out, "dtype", DTypeName(tensor.dtype));
  Fact(out, "shape",
       fmt::format("{} ({} element{}, {})", ShapeText(tensor.shape), WithCommas(static_cast<uint64_t>(tensor.numel)),
                   tensor.numel == 1 ? "" : "s", HumanBytes(tensor.nbytes())));
  if (tensor.layout != Layout::kDense) {
    Fact(out, "layout", LayoutName(tensor.layout));
  } else if (!tensor.contiguous) {
    Fact(out, "strides", ShapeText(tensor.strides));
  }
  Fact(out, "device", tensor.device.empty() ? "-" : EscapeForTerminal(tensor.device));
  Fact(out, "requires_grad", !tensor.requires_grad ? "-" : *tensor.requires_grad ? "True" : "False");
  if (std::string state = StateName(model, tensor); !state.empty()) Fact(out, "state", EscapeForTerminal(state));
  for (Index state : index == kNone ? std::vector<Index>() : StatesOf(model, index)) {  // those of an optimizer
    Fact(out, "optimizer",
         fmt::format("{} ({})", EscapeForTerminal(StateKind(model.tensors[state])),
                     EscapeForTerminal(model.tensors[state].path)));
  }
  if (!tensor.class_name.empty()) Fact(out, "class", EscapeForTerminal(tensor.class_name));
  if (tensor.conj || tensor.neg)
    Fact(out, "view", tensor.conj && tensor.neg ? "conjugated and negated" : tensor.conj ? "conjugated" : "negated");
  if (tensor.quantization != kNone) {
    const Quantization& q = model.quantizations[tensor.quantization];
    Fact(out, "quantized",
         q.per_channel ? fmt::format("per channel, axis {}", q.axis)
                       : fmt::format("per tensor, scale {}, zero point {}", q.scale, q.zero_point));
  }
  if (std::string packed = index == kNone ? "" : PackedNote(model, index); !packed.empty()) Fact(out, "packed", packed);
  if (tensor.tied != kNone && tensor.tied != index)
    Fact(out, "same as", EscapeForTerminal(model.tensors[tensor.tied].path));
  if (tensor.layout == Layout::kDense) Fact(out, "storage", WhereText(model, tensor));
  if (index != kNone) PrintUses(out, model, index);
  for (const Component& component : model.ComponentsOf(tensor)) {
    const Tensor& inner = model.components[component.tensor];
    Fact(out, EscapeForTerminal(component.name), fmt::format("{} {}", DTypeName(inner.dtype), ShapeText(inner.shape)));
  }
  // Attributes of the tensor: placements of a DTensor, block sizes of a quantized one.
  size_t shown = 0;
  for (const PlainValue& plain : model.plain) {
    bool below = plain.path.size() > tensor.path.size() + 1 && plain.path.starts_with(tensor.path) &&
                 plain.path[tensor.path.size()] == '.' && !tensor.path.empty();
    if (below && shown++ < kFactsShown) {
      Fact(out, EscapeForTerminal(plain.path.substr(tensor.path.size() + 1)), EscapeForTerminal(plain.text));
    }
  }
}

void PrintNumbers(Output& out, const std::string& of, const Statistics& s) {
  std::string others;
  if (s.nans > 0) others += fmt::format(", {} NaN", WithCommas(static_cast<uint64_t>(s.nans)));
  if (s.infinities > 0) others += fmt::format(", {} infinite", WithCommas(static_cast<uint64_t>(s.infinities)));
  if (s.finite == 0) {
    Fact(out, "statistics", of + (s.count == 0 ? "none: there are no elements" : "no finite values" + others));
    return;
  }
  Fact(out, "statistics",
       fmt::format("{}min {:.6g}, max {:.6g}, mean {:.6g}, std {:.6g}, zeros {} ({}){}", of, s.min, s.max, s.mean,
                   s.std, WithCommas(static_cast<uint64_t>(s.zeros)), PercentText(s.zeros, s.count), others));
}

// Of the window: what a slice shows is what its figures are of.
Status PrintStatistics(Output& out, const TensorView& view, const TensorWindow& window, std::string_view slice) {
  const Tensor* values = view.values;
  std::string of;
  if (!slice.empty()) {
    // Scales along an axis that the slice may have cut are not read for a part.
    const bool per_channel =
        values->quantization != kNone && view.model->quantizations[values->quantization].per_channel;
    of = per_channel ? "of the whole tensor, not of the slice: " : "of the slice: ";
    if (!per_channel) values = &window.tensor;
  }
  if (StatisticsAreFar(*view.model, *values, slice)) {
    Fact(out, "statistics", "left out: they take more of the tensor than is shown, which is fetched without --slice");
    return Ok();
  }
  auto statistics = ComputeStatistics(*view.model, *values);
  if (statistics) {
    PrintNumbers(out, of, *statistics);
  } else if (statistics.error().code != ErrorCode::kUnsupported && statistics.error().code != ErrorCode::kLimit) {
    return std::move(statistics).error();
  } else {
    Fact(out, "statistics", "none: " + statistics.error().message);
  }
  return Ok();
}

// What a tensor is made of, each part with its values.
Status PrintParts(Output& out, const Style& style, const Model& model, const TensorView& view) {
  for (const TensorPart& part : view.parts) {
    out << style.Bold(EscapeForTerminal(part.name)) << "  " << PartText(part);
    if (part.tensor.data != DataState::kPresent || part.tensor.layout != Layout::kDense) {
      out << fmt::format("  {}\n", DataStateName(part.tensor.data));
      continue;
    }
    PTHVIEW_ASSIGN(TensorWindow window, SliceTensor(part.tensor, {}));
    window.Bind();
    PTHVIEW_ASSIGN(std::string text, ValuesText(model, window));
    out << "\n" << text << "\n";
  }
  return Ok();
}

// Facts, statistics and values of one tensor. Findings about it are shown too.
Status PrintTensor(Output& out, const Style& style, const Model& model, const Tensor& tensor, Index index,
                   const Arguments& arguments) {
  TensorView view;
  ViewTensor(model, tensor, kPartsShown, &view);
  TensorWindow window;
  PTHVIEW_TRY(CheckSlice(model, tensor, view, arguments.Value("slice")));
  if (view.values != nullptr) {  // before anything is printed
    PTHVIEW_ASSIGN(window, SliceTensor(*view.values, arguments.Value("slice")));
    window.Bind();
  }
  PrintFacts(out, style, model, tensor, index);
  for (const Finding& finding : model.findings) {
    if (!finding.where.empty() && finding.where == tensor.path)
      Fact(out, SeverityName(finding.severity), EscapeForTerminal(finding.text));
  }
  if (tensor.data != DataState::kPresent) Fact(out, "data", DataStateName(tensor.data));
  if (!view.note.empty()) Fact(out, "note", EscapeForTerminal(view.note));
  if (view.values == nullptr) return PrintParts(out, style, model, view);
  if (arguments.Flag("hash") && tensor.layout == Layout::kDense) {
    PTHVIEW_ASSIGN(std::string hash, HashTensor(model, tensor));
    Fact(out, "sha256", hash);
  }
  PTHVIEW_ASSIGN(std::string text, ValuesText(*view.model, window));
  PTHVIEW_TRY(PrintParts(out, style, model, view));
  if (!arguments.Value("slice").empty())
    Fact(out, "slice",
         fmt::format("[{}] of shape {}", EscapeForTerminal(arguments.Value("slice")), ShapeText(window.shape)));
  if (view.made) out << style.Bold("dense") << "\n";
  out << text << "\n";
  return PrintStatistics(out, view, window, arguments.Value("slice"));
}

void PrintPlain(Output& out, const Style& style, const PlainValue& plain, bool alone) {
  std::string text = EscapeForTerminal(plain.text);
  std::string path = plain.path.empty() ? "(the file's root)" : EscapeForTerminal(plain.path);
  if (!alone) {
    if (text.size() > 100) text = text.substr(0, 97) + "...";
    out << fmt::format("{} = {}\n", path, text);
    return;
  }
  out << style.Bold(path) << "\n";
  Fact(out, "kind", PlainKindName(plain.kind));
  if (!plain.class_name.empty()) Fact(out, "class", EscapeForTerminal(plain.class_name));
  Fact(out, "value", text);
}

Status PrintHits(const Model& model, const Lookup& lookup, const Arguments& arguments) {
  Output out;
  Style style(UseColor(arguments));
  if (lookup.size() == 1) {
    if (!lookup.plain.empty()) {
      PrintPlain(out, style, model.plain[lookup.plain[0]], true);
      return Ok();
    }
    if (!lookup.components.empty()) {
      return PrintTensor(out, style, model, model.components[lookup.components[0]], kNone, arguments);
    }
    return PrintTensor(out, style, model, model.tensors[lookup.tensors[0]], lookup.tensors[0], arguments);
  }
  if (!lookup.tensors.empty()) {
    Selection selection;
    selection.tensors = lookup.tensors;
    selection.names_collide = true;
    selection.use_path.assign(lookup.tensors.size(), 0);
    for (size_t i = 0; i < selection.tensors.size(); ++i) {
      if (model.tensors[selection.tensors[i]].part != model.tensors[selection.tensors[0]].part) {
        selection.use_path.assign(selection.tensors.size(), 1);
        break;
      }
    }
    PTHVIEW_TRY(PrintOverview(out, style, model, selection, ReadableWidth(arguments)));
  }
  for (Index p : lookup.plain) PrintPlain(out, style, model.plain[p], false);
  for (Index c : lookup.components) {
    const Tensor& component = model.components[c];
    out << fmt::format("{}  {} {}\n", EscapeForTerminal(component.path), DTypeName(component.dtype),
                       ShapeText(component.shape));
  }
  return Ok();
}

Error NothingFound(const Model& model, const std::string& query) {
  std::string hint;
  if (FindByName(model, query).size() != 0) {
    hint = "it is there, but not in what --part, --include and --exclude leave";
  } else if (auto near = SuggestNames(model, query); !near.empty()) {
    for (size_t i = 0; i < near.size(); ++i) {
      hint += fmt::format("{}'{}'", i == 0 ? "did you mean " : i + 1 == near.size() ? " or " : ", ", near[i]);
    }
    hint += '?';
  } else {
    hint = fmt::format("`pthview list --all {}`", ShellWord(model.file));
  }
  return {.code = ErrorCode::kNotFound,
          .message = fmt::format("nothing in it is called '{}'", query),
          .file = model.file,
          .hint = hint};
}

// --slice takes part of one tensor.
Status CheckOneTensor(const Model& model, const Lookup& lookup, const Arguments& arguments) {
  if (!arguments.Flag("slice") || (lookup.size() == 1 && lookup.plain.empty())) return Ok();
  const std::string query = arguments.files.size() > 1 ? arguments.files[1] : "";
  std::string hint = "leave --slice out";
  if (!lookup.tensors.empty()) {
    hint = fmt::format("`pthview show --slice {} {} {}`", ShellWord(arguments.Value("slice")), ShellWord(model.file),
                       ShellWord(model.tensors[lookup.tensors[0]].path));
  }
  return Error{
      .code = ErrorCode::kUsage,
      .message = lookup.tensors.empty()
                     ? fmt::format("--slice takes part of a tensor, and '{}' is none", query)
                     : fmt::format("--slice takes part of one tensor, and {} {} in all",
                                   query.empty() ? "these are" : fmt::format("'{}' fits more:", query), lookup.size()),
      .file = model.file,
      .hint = hint};
}

// --output: the hits' values as a file, all of them or the slice.
Status WriteHits(const Model& model, const Lookup& lookup, const Arguments& arguments) {
  const std::string output = arguments.Value("output");
  PTHVIEW_ASSIGN(ExportFormat format, ExportFormatOf(output));
  PTHVIEW_TRY(RefuseInput(model, output));
  if (lookup.tensors.empty()) {
    return Error{.code = ErrorCode::kUsage,
                 .message = arguments.files.size() < 2
                                ? std::string("the file has no tensors to write")
                                : fmt::format("'{}' is a plain value, not a tensor", arguments.files[1])};
  }
  // Views and windows point into themselves: they are to stay where they are.
  std::deque<TensorView> views;
  std::deque<TensorWindow> windows;
  std::vector<ExportedTensor> tensors;
  for (Index t : lookup.tensors) {
    const Tensor& tensor = model.tensors[t];
    TensorView& view = views.emplace_back();
    ViewTensor(model, tensor, 0, &view);
    if (view.values == nullptr) {
      return Error{.code = ErrorCode::kNotFound,
                   .message = fmt::format("tensor '{}' has no values to write{}", EscapeForTerminal(tensor.path),
                                          view.note.empty() ? "" : ": " + view.note)};
    }
    PTHVIEW_ASSIGN(TensorWindow window, SliceTensor(*view.values, arguments.Value("slice")));
    windows.push_back(std::move(window));
    windows.back().Bind();
    tensors.push_back({view.model, &windows.back().tensor, std::string(tensor.name.empty() ? "value" : tensor.name)});
  }
  PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(output, arguments.Flag("force")));
  std::vector<std::string> notes;
  PTHVIEW_TRY(ExportTensors(tensors, format, out, &notes));
  PTHVIEW_TRY(out.Commit());
  for (const std::string& note : notes) PrintNote(arguments, note);
  return Ok();
}

}  // namespace

int RunShow(const Arguments& arguments) {
  auto model = OpenModel(arguments.files[0]);
  if (!model) {
    PrintError(model.error());
    return kExitError;
  }
  InferModules(*model);
  auto narrowing = Narrowing::Of(*model, arguments);
  if (!narrowing) {
    PrintError(narrowing.error());
    return kExitError;
  }
  Lookup lookup;
  std::vector<std::string> notes;
  if (arguments.files.size() > 1) {
    auto has = [&](const auto& item) { return narrowing->Has(item); };
    lookup = FindByName(*model, arguments.files[1], {.tensors = has, .plain = has});
    if (lookup.size() == 0) {
      PrintError(NothingFound(*model, arguments.files[1]));
      return kExitError;
    }
    if (!lookup.explanation.empty()) notes.push_back(lookup.explanation);
  } else {  // an overview
    auto selection = SelectTensors(*model, arguments);
    if (!selection) {
      PrintError(selection.error());
      return kExitError;
    }
    lookup.tensors = std::move(selection->tensors);
    notes = std::move(selection->notes);
  }
  if (auto fits = CheckOneTensor(*model, lookup, arguments); !fits) {
    PrintError(fits.error());
    return kExitError;
  }
  for (const std::string& note : notes) PrintNote(arguments, note);
  if (arguments.Flag("output")) {
    if (Status written = WriteHits(*model, lookup, arguments); !written) {
      Error error = std::move(written).error();
      PrintError(error.file.empty() ? std::move(error).In(model->file) : std::move(error));
      return kExitError;
    }
    return kExitOk;
  }
  Status status =
      arguments.Flag("json") ? PrintShownJson(*model, lookup, arguments) : PrintHits(*model, lookup, arguments);
  if (!status) {
    PrintError(std::move(status).error().In(model->file));
    return kExitError;
  }
  return kExitOk;
}

}  // namespace pthview
