// pthview list: one row a tensor.

#include <algorithm>
#include <array>
#include <unordered_set>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/progress.h"
#include "lib/formats/format.h"
#include "lib/model/tensor_data.h"
#include "lib/model/tied.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/tensor_table.h"
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

void PrintJson(Output& out, const Model& model, const Selection& selection, std::span<const size_t> order,
               const TensorHashes& hashes) {
  JsonWriter json(&out.buffer());
  json.BeginObject();
  json.Key("schema").String("pthview.list/1");
  json.Key("file").String(model.file);
  json.Key("format").String(model.format);
  json.Key("tensors").BeginArray();
  for (size_t i : order) {
    WriteTensorRow(json, model, model.tensors[selection.tensors[i]], selection.NameOf(model, i),
                   hashes.own.empty() ? "" : hashes.own[i],
                   hashes.components.empty() ? std::span<const std::string>() : hashes.components[i]);
    out.MaybeFlush();
  }
  json.EndArray();
  json.Key("findings");
  WriteFindings(json, model.findings);
  json.EndObject();
  out << "\n";
}

}  // namespace

int RunList(const Arguments& arguments) {
  auto model = OpenModel(arguments.files[0]);
  if (!model) {
    PrintError(model.error());
    return kExitError;
  }
  auto selection = SelectTensors(*model, arguments);
  if (!selection) {
    PrintError(selection.error());
    return kExitError;
  }
  auto order = Order(*model, *selection, arguments);
  if (!order) {
    PrintError(order.error());
    return kExitError;
  }
  bool failed = false;
  TensorHashes hashes;
  if (arguments.Flag("hash")) hashes = Hashes(*model, *selection, &failed);
  Output out;
  if (arguments.Flag("json")) {
    PrintJson(out, *model, *selection, *order, hashes);
  } else {
    PrintTensorTable(out, Style(UseColor(arguments)), *model, *selection, *order, hashes.own);
  }
  out.Flush();  // notes stand behind the table
  for (const std::string& note : selection->notes) PrintNote(arguments, note);
  if (!arguments.Flag("json")) {
    size_t serious = std::count_if(model->findings.begin(), model->findings.end(),
                                   [](const Finding& f) { return f.severity >= Severity::kWarning; });
    if (serious > 0) {
      PrintNote(arguments, fmt::format("{}: {} finding{}; `pthview info {}` shows {}", model->file, serious,
                                       serious == 1 ? "" : "s", ShellWord(model->file), serious == 1 ? "it" : "them"));
    }
  }
  Leave(out, failed ? kExitError : kExitOk);
}

}  // namespace pthview
