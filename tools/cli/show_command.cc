// pthview show: one tensor or plain value in full, or a list of what the name fits.
#include <algorithm>

#include <fmt/format.h>

#include "lib/analysis/name_lookup.h"
#include "lib/analysis/statistics.h"
#include "lib/analysis/structure.h"
#include "lib/base/distant_source.h"
#include "lib/base/escape.h"
#include "lib/formats/format.h"
#include "lib/model/tensor_data.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/slice.h"
#include "tools/cli/tensor_table.h"
#include "tools/cli/value_text.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

constexpr int64_t kValuesInJson = 10000;

void Fact(Output& out, std::string_view label, std::string_view text) {
  out << fmt::format("  {:<14}{}\n", label, text);
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

void PrintFacts(Output& out, const Style& style, const Model& model, const Tensor& tensor) {
  out << style.Bold(EscapeForTerminal(tensor.name.empty() ? "(the file's root)" : tensor.name)) << "\n";
  if (tensor.path != tensor.name) Fact(out, "path", EscapeForTerminal(tensor.path));
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
  if (!tensor.class_name.empty()) Fact(out, "class", EscapeForTerminal(tensor.class_name));
  if (tensor.conj || tensor.neg)
    Fact(out, "view", tensor.conj && tensor.neg ? "conjugated and negated" : tensor.conj ? "conjugated" : "negated");
  if (tensor.quantization != kNone) {
    const Quantization& q = model.quantizations[tensor.quantization];
    Fact(out, "quantized",
         q.per_channel ? fmt::format("per channel, axis {}", q.axis)
                       : fmt::format("per tensor, scale {}, zero point {}", q.scale, q.zero_point));
  }
  if (tensor.same_as != kNone) Fact(out, "same as", EscapeForTerminal(model.tensors[tensor.same_as].path));
  if (tensor.layout == Layout::kDense) Fact(out, "storage", WhereText(model, tensor));
  for (const Component& component : model.ComponentsOf(tensor)) {
    const Tensor& inner = model.components[component.tensor];
    Fact(out, EscapeForTerminal(component.name), fmt::format("{} {}", DTypeName(inner.dtype), ShapeText(inner.shape)));
  }
}

void PrintStatistics(Output& out, const Statistics& s) {
  std::string others;
  if (s.nans > 0) others += fmt::format(", {} NaN", WithCommas(static_cast<uint64_t>(s.nans)));
  if (s.infinities > 0) others += fmt::format(", {} infinite", WithCommas(static_cast<uint64_t>(s.infinities)));
  if (s.finite == 0) {
    Fact(out, "statistics", s.count == 0 ? "none: it has no elements" : "no finite values" + others);
    return;
  }
  double share = s.count > 0 ? 100.0 * static_cast<double>(s.zeros) / static_cast<double>(s.count) : 0;
  Fact(out, "statistics",
       fmt::format("min {:.6g}, max {:.6g}, mean {:.6g}, std {:.6g}, zeros {} ({:.2g}%){}", s.min, s.max, s.mean, s.std,
                   WithCommas(static_cast<uint64_t>(s.zeros)), share, others));
}

// Facts, statistics and values of one tensor. Findings about it are shown too.
Status PrintTensor(Output& out, const Style& style, const Model& model, const Tensor& tensor,
                   const Arguments& arguments) {
  bool readable = tensor.layout == Layout::kDense && tensor.data == DataState::kPresent;
  TensorWindow window;
  if (readable) {  // before anything is printed
    PTHVIEW_ASSIGN(window, SliceTensor(tensor, arguments.Value("slice")));
    window.Bind();
  }
  PrintFacts(out, style, model, tensor);
  for (const Finding& finding : model.findings) {
    if (!finding.where.empty() && finding.where == tensor.path)
      Fact(out, SeverityName(finding.severity), EscapeForTerminal(finding.text));
  }
  if (!readable) {
    if (tensor.data != DataState::kPresent) Fact(out, "data", DataStateName(tensor.data));
    return Ok();
  }
  if (arguments.Flag("hash")) {
    PTHVIEW_ASSIGN(std::string hash, HashTensor(model, tensor));
    Fact(out, "sha256", hash);
  }
  auto statistics = ComputeStatistics(model, tensor);
  if (statistics) {
    PrintStatistics(out, *statistics);
  } else if (statistics.error().code != ErrorCode::kUnsupported && statistics.error().code != ErrorCode::kLimit) {
    return std::move(statistics).error();
  } else {
    Fact(out, "statistics", "none: " + statistics.error().message);
  }
  PTHVIEW_ASSIGN(std::string text, ValuesText(model, window));
  if (!arguments.Value("slice").empty())
    Fact(out, "slice",
         fmt::format("[{}] of shape {}", EscapeForTerminal(arguments.Value("slice")), ShapeText(window.shape)));
  out << text << "\n";
  return Ok();
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

void WriteStatistics(JsonWriter& json, const Statistics& s) {
  json.BeginObject();
  json.Key("count").Int(s.count).Key("min").Double(s.min).Key("max").Double(s.max).Key("mean").Double(s.mean);
  json.Key("std").Double(s.std).Key("zeros").Int(s.zeros).Key("nans").Int(s.nans).Key("infinities").Int(s.infinities);
  json.EndObject();
}

// The values of a hit stand in `values` as texts in row-major order: numbers that JSON cannot hold stay exact.
Status WriteTensor(JsonWriter& json, const Model& model, const Tensor& tensor, bool alone, const Arguments& arguments) {
  bool readable = tensor.layout == Layout::kDense && tensor.data == DataState::kPresent;
  std::string hash;
  if (arguments.Flag("hash") && readable) {
    PTHVIEW_ASSIGN(hash, HashTensor(model, tensor));
  }
  json.BeginObject().Key("tensor");
  WriteTensorRow(json, model, tensor, tensor.name, hash);
  if (alone && readable) {
    PTHVIEW_ASSIGN(TensorWindow window, SliceTensor(tensor, arguments.Value("slice")));
    window.Bind();
    PTHVIEW_ASSIGN(std::vector<std::string> values, FlatValues(model, window, kValuesInJson));
    json.Key("slice").String(arguments.Value("slice"));
    json.Key("shape").BeginArray(true);
    for (int64_t size : window.shape) json.Int(size);
    json.EndArray();
    json.Key("values").BeginArray(true);
    for (const std::string& value : values) json.String(value);
    json.EndArray();
    json.Key("truncated").Bool(static_cast<int64_t>(values.size()) < window.tensor.numel);
    if (auto statistics = ComputeStatistics(model, tensor)) {
      json.Key("statistics");
      WriteStatistics(json, *statistics);
    }
  }
  json.EndObject();
  return Ok();
}

Status PrintJson(const Model& model, const Lookup& lookup, const Arguments& arguments) {
  Output out;
  JsonWriter json(&out.buffer());
  json.BeginObject()
      .Key("schema")
      .String("pthview.show/1")
      .Key("file")
      .String(model.file)
      .Key("format")
      .String(model.format);
  json.Key("query").String(arguments.files[1]).Key("match").String(lookup.explanation);
  json.Key("hits").BeginArray();
  for (Index t : lookup.tensors) {
    auto written = WriteTensor(json, model, model.tensors[t], lookup.size() == 1, arguments);
    if (!written) {
      out.buffer().clear();
      return written;
    }
    if (lookup.size() > 1) out.MaybeFlush();
  }
  json.EndArray().Key("plain").BeginArray();
  for (Index p : lookup.plain) {
    const PlainValue& plain = model.plain[p];
    json.BeginObject().Key("path").String(plain.path).Key("kind").String(PlainKindName(plain.kind));
    json.Key("text").String(plain.text).Key("class").String(plain.class_name).EndObject();
  }
  json.EndArray().Key("findings");
  WriteFindings(json, model.findings);
  json.EndObject();
  out << "\n";
  return Ok();
}

Status PrintHits(const Model& model, const Lookup& lookup, const Arguments& arguments) {
  Output out;
  Style style(UseColor(arguments));
  if (lookup.size() == 1) {
    if (lookup.tensors.empty()) {
      PrintPlain(out, style, model.plain[lookup.plain[0]], true);
      return Ok();
    }
    auto printed = PrintTensor(out, style, model, model.tensors[lookup.tensors[0]], arguments);
    return printed;
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
    std::vector<size_t> order(selection.tensors.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    PrintTensorTable(out, style, model, selection, order, {});
  }
  for (Index p : lookup.plain) PrintPlain(out, style, model.plain[p], false);
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

}  // namespace

int RunShow(const Arguments& arguments) {
  auto model = OpenModel(arguments.files[0]);
  if (!model) {
    PrintError(model.error());
    return kExitError;
  }
  InferModules(*model);
  const std::string& query = arguments.files[1];
  auto narrowing = Narrowing::Of(*model, arguments);
  if (!narrowing) {
    PrintError(narrowing.error());
    return kExitError;
  }
  auto has = [&](const auto& item) { return narrowing->Has(item); };
  Lookup lookup = FindByName(*model, query, {.tensors = has, .plain = has});
  if (lookup.size() == 0) {
    PrintError(NothingFound(*model, query));
    return kExitError;
  }
  if (!lookup.explanation.empty()) PrintNote(arguments, lookup.explanation);
  Status status = arguments.Flag("json") ? PrintJson(*model, lookup, arguments) : PrintHits(*model, lookup, arguments);
  if (!status) {
    PrintError(std::move(status).error().In(model->file));
    return kExitError;
  }
  return kExitOk;
}

}  // namespace pthview
