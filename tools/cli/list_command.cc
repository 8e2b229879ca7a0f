// pthview list: one row a tensor.

#include <algorithm>
#include <array>
#include <unordered_set>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/named_source.h"
#include "lib/base/progress.h"
#include "lib/formats/format.h"
#include "lib/model/tensor_data.h"
#include "lib/model/tied.h"
#include "tools/cli/console.h"
#include "tools/cli/csv.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/tensor_columns.h"
#include "tools/cli/tensor_table.h"
#include "tools/cli/terminal.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

// By position of the chosen tensors; empty where there is nothing to hash.
struct TensorHashes {
  std::vector<std::string> own;
  std::vector<std::vector<std::string>> components;
};

// Errors are printed and counted.
TensorHashes Hashes(const Model& model, const Selection& selection, bool* failed) {
  uint64_t total = 0;
  for (Index i : selection.tensors) total += StoredBytes(model, model.tensors[i]);
  Progress progress("hashing", total);
  TensorHashes hashes{std::vector<std::string>(selection.tensors.size()),
                      std::vector<std::vector<std::string>>(selection.tensors.size())};
  auto keep = [&](auto result, auto& to) {
    if (result) {
      to = std::move(*result);
    } else {
      PrintError(std::move(result).error().In(model.file));
      *failed = true;
    }
  };
  for (size_t i = 0; i < selection.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[selection.tensors[i]];
    if (tensor.layout == Layout::kDense && tensor.data == DataState::kPresent) {
      keep(HashTensor(model, tensor), hashes.own[i]);
    }
    if (tensor.component_count > 0) keep(HashComponents(model, tensor), hashes.components[i]);
    progress.Advance(StoredBytes(model, tensor));
  }
  return hashes;
}

// The rows' order: positions in the selection.
Result<std::vector<size_t>> Order(const Model& model, const Selection& selection, const Arguments& arguments) {
  std::vector<size_t> order(selection.tensors.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::string column = arguments.Value("sort");
  if (!column.empty()) {
    auto less = RowOrder(column);
    if (!less) return std::move(less).error();
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return (*less)(model.tensors[selection.tensors[a]], model.tensors[selection.tensors[b]]);
    });
  }
  if (arguments.Flag("reverse")) std::reverse(order.begin(), order.end());
  return order;
}

// The members of the document of one file.
void WriteList(JsonWriter& json, Output& out, const Model& model, const Selection& selection,
               std::span<const size_t> order, const TensorHashes& hashes) {
  json.Key("file").String(model.file);
  json.Key("format").String(model.format);
  const WeightUses uses(model);
  json.Key("tensors").BeginArray();
  for (size_t i : order) {
    WriteTensorRow(json, model, model.tensors[selection.tensors[i]], selection.NameOf(model, i),
                   hashes.own.empty() ? "" : hashes.own[i],
                   hashes.components.empty() ? std::span<const std::string>() : hashes.components[i],
                   uses.Of(selection.tensors[i]));
    out.MaybeFlush();
  }
  json.EndArray();
  json.Key("findings");
  WriteFindings(json, model.findings);
}

// The columns are the fields of a row of JSON.
void WriteCsvTitles(CsvWriter& csv, bool hashes) {
  for (const char* title : {"file", "name", "path", "part", "kind", "dtype", "shape", "strides", "offset", "numel",
                            "nbytes", "device", "requires_grad", "layout", "data"}) {
    csv.Raw(title);
  }
  if (hashes) csv.Raw("sha256");
  csv.EndRow();
}

void WriteCsvRows(Output& out, CsvWriter& csv, const Model& model, const Selection& selection,
                  std::span<const size_t> order, const TensorHashes* hashes) {
  for (size_t i : order) {
    const Tensor& tensor = model.tensors[selection.tensors[i]];
    csv.Text(model.file).Text(selection.NameOf(model, i)).Text(tensor.path);
    csv.Text(tensor.part == kNone ? std::string_view() : model.parts[tensor.part].path);
    csv.Raw(KindName(tensor.kind)).Raw(DTypeName(tensor.dtype)).Text(ShapeText(tensor.shape));
    csv.Text(tensor.layout == Layout::kDense ? ShapeText(tensor.strides) : "");
    csv.Raw(std::to_string(tensor.offset)).Raw(std::to_string(tensor.numel)).Raw(std::to_string(tensor.nbytes()));
    csv.Text(tensor.device).Raw(tensor.requires_grad ? GradText(tensor) : "").Raw(LayoutName(tensor.layout));
    csv.Raw(DataStateName(tensor.data));
    if (hashes != nullptr) csv.Raw(hashes->own.empty() ? "" : hashes->own[i]);
    csv.EndRow();
    out.MaybeFlush();
  }
}

struct Listing {
  Model model;
  Selection selection;
  std::vector<size_t> order;
  TensorHashes hashes;
};

Result<Listing> Prepare(const std::string& file, const Arguments& arguments, bool* failed) {
  Listing listing;
  PTHVIEW_ASSIGN(listing.model, OpenModel(file));
  PTHVIEW_ASSIGN(listing.selection, SelectTensors(listing.model, arguments));
  PTHVIEW_ASSIGN(listing.order, Order(listing.model, listing.selection, arguments));
  if (arguments.Flag("hash")) listing.hashes = Hashes(listing.model, listing.selection, failed);
  return listing;
}

// What was left out, and that there are findings.
void PrintNotes(const Listing& listing, const Arguments& arguments) {
  for (const std::string& note : listing.selection.notes) PrintNote(arguments, note);
  if (arguments.Flag("json")) return;
  const Model& model = listing.model;
  size_t serious = std::count_if(model.findings.begin(), model.findings.end(),
                                 [](const Finding& f) { return f.severity >= Severity::kWarning; });
  if (serious == 0) return;
  PrintNote(arguments, fmt::format("{}: {} finding{}; `pthview info {}` shows {}", model.file, serious,
                                   serious == 1 ? "" : "s", ShellWord(model.file), serious == 1 ? "it" : "them"));
}

}  // namespace

int RunList(const Arguments& arguments) {
  const bool as_json = arguments.Flag("json");
  const bool several = arguments.files.size() > 1;
  const Style style(UseColor(arguments));
  Output out;
  const bool as_csv = arguments.Flag("csv") && !as_json;
  JsonWriter json(&out.buffer());
  CsvWriter csv(out);
  bool failed = false;
  bool first = true;
  if (as_csv) WriteCsvTitles(csv, arguments.Flag("hash"));
  if (as_json && several) {
    json.BeginObject().Key("schema").String("pthview.list/1").Key("files").BeginArray();
  }
  for (const std::string& file : arguments.files) {
    auto listing = Prepare(file, arguments, &failed);
    if (!listing) {
      failed = true;
      if (!(as_json && several)) out.Flush();
      PrintError(listing.error());
      if (as_json && several) {
        json.BeginObject().Key("file").String(DisplayName(file)).Key("error");
        WriteError(json, listing.error());
        json.EndObject();
      }
      continue;
    }
    const Listing& l = *listing;
    if (as_json) {
      json.BeginObject();
      if (!several) json.Key("schema").String("pthview.list/1");
      WriteList(json, out, l.model, l.selection, l.order, l.hashes);
      json.EndObject();
    } else if (as_csv) {
      WriteCsvRows(out, csv, l.model, l.selection, l.order, arguments.Flag("hash") ? &l.hashes : nullptr);
    } else {
      if (several) out << (first ? "" : "\n") << style.Bold(EscapeForTerminal(l.model.file)) << "\n";
      PrintTensorTable(out, style, l.model, l.selection, l.order, l.hashes.own,
                       {ReadableWidth(arguments), arguments.Value("sort")});
    }
    first = false;
    if (!(as_json && several)) {
      if (as_json) out << "\n";
      out.Flush();  // notes stand behind the table
    }
    PrintNotes(l, arguments);
    if (!several) Leave(out, failed ? kExitError : kExitOk);
  }
  if (as_json && several) {
    json.EndArray().EndObject();
    out << "\n";
  }
  Leave(out, failed ? kExitError : kExitOk);
}

}  // namespace pthview
