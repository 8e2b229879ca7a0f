#include "tools/query/tables.h"

#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "lib/analysis/statistics/figures.h"
#include "lib/base/json.h"
#include "lib/model/tied.h"

namespace pthview::query {
namespace {

constexpr std::string_view kText = "TEXT";
constexpr std::string_view kInteger = "INTEGER";
constexpr std::string_view kReal = "REAL";

const Tensor& TensorOf(const Row& row) { return row.model().tensors[row.row]; }
const Module& ModuleOf(const Row& row) { return row.model().modules[row.row]; }
const PlainValue& PlainOf(const Row& row) { return row.model().plain[row.row]; }
const Finding& FindingOf(const Row& row) { return row.model().findings[row.row]; }

void PutFile(const Row& row, Cell& cell) { cell.Text(row.model().file); }

void PutPart(const Model& model, Index part, Cell& cell) {
  if (part != kNone) cell.Text(model.parts[part].path);
}

void PutPartKind(const Model& model, Index part, Cell& cell) {
  if (part != kNone) cell.Text(PartKindName(model.parts[part].kind));
}

// As a JSON array, so that json_extract(shape, '$[0]') takes it apart.
std::string NumbersText(std::span<const int64_t> numbers) {
  std::string text = "[";
  for (size_t i = 0; i < numbers.size(); ++i) {
    char digits[24];
    if (i > 0) text += ", ";
    text.append(digits, std::to_chars(digits, digits + sizeof(digits), numbers[i]).ptr);
  }
  return text + "]";
}

// The name without its last step: what module a tensor stands in.
std::string_view ModulePathOf(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

// Where a tensor's first element is in a file that can be named.
std::optional<uint64_t> FileOffset(const Model& model, const Tensor& tensor) {
  if (tensor.storage == kNone || tensor.data != DataState::kPresent) return std::nullopt;
  const Storage& storage = model.storages[tensor.storage];
  const DTypeInfo& info = Info(tensor.dtype);
  if (storage.source == kNone || info.items_per_byte != 1 || tensor.offset < 0) return std::nullopt;
  return storage.offset + static_cast<uint64_t>(tensor.offset) * info.item_size;
}

std::vector<Column> TensorColumns() {
  return {
      {"file", kText, "", "the file, as it was named", PutFile},
      {"name", kText, "", "PyTorch's name: conv1.weight", [](const Row& r, Cell& c) { c.Text(TensorOf(r).name); },
       true},
      {"path", kText, "", "where it stands in the file: state_dict.conv1.weight",
       [](const Row& r, Cell& c) { c.Text(TensorOf(r).path); }, true},
      {"module", kText, "", "the name without its last step: conv1",
       [](const Row& r, Cell& c) { c.Text(ModulePathOf(TensorOf(r).name)); }, true},
      {"part", kText, "", "the section of the file: state_dict",
       [](const Row& r, Cell& c) { PutPart(r.model(), TensorOf(r).part, c); }},
      {"part_kind", kText, "", "what that section is: model, ema, optimizer, scheduler or other",
       [](const Row& r, Cell& c) { PutPartKind(r.model(), TensorOf(r).part, c); }},
      {"kind", kText, "", "parameter, buffer, constant or state",
       [](const Row& r, Cell& c) { c.Text(KindName(TensorOf(r).kind)); }},
      {"dtype", kText, "", "as torch prints it: float32",
       [](const Row& r, Cell& c) { c.Text(DTypeName(TensorOf(r).dtype)); }},
      {"shape", kText, "", "as JSON: [64, 3, 7, 7]",
       [](const Row& r, Cell& c) { c.Made(NumbersText(TensorOf(r).shape)); }},
      {"dims", kInteger, "", "how many dimensions",
       [](const Row& r, Cell& c) { c.Integer(static_cast<int64_t>(TensorOf(r).shape.size())); }},
      {"numel", kInteger, "elements", "elements: the product of the shape",
       [](const Row& r, Cell& c) { c.Integer(TensorOf(r).numel); }},
      {"nbytes", kInteger, "bytes", "what its elements take in memory",
       [](const Row& r, Cell& c) { c.Integer(static_cast<int64_t>(TensorOf(r).nbytes())); }},
      {"stored_nbytes", kInteger, "bytes", "what the file holds for it (sparse, quantized: of all its pieces)",
       [](const Row& r, Cell& c) { c.Integer(static_cast<int64_t>(StoredBytes(r.model(), TensorOf(r)))); }},
      {"device", kText, "", "cpu, cuda:0; NULL where the file does not say",
       [](const Row& r, Cell& c) {
         if (!TensorOf(r).device.empty()) c.Text(TensorOf(r).device);
       }},
      {"requires_grad", kInteger, "", "1 or 0; NULL where the file does not say",
       [](const Row& r, Cell& c) {
         if (TensorOf(r).requires_grad) c.Integer(*TensorOf(r).requires_grad ? 1 : 0);
       }},
      {"layout", kText, "", "strided, sparse_coo, ...",
       [](const Row& r, Cell& c) { c.Text(LayoutName(TensorOf(r).layout)); }},
      {"strides", kText, "elements", "as JSON; NULL for layouts other than strided",
       [](const Row& r, Cell& c) {
         if (TensorOf(r).layout == Layout::kDense) c.Made(NumbersText(TensorOf(r).strides));
       }},
      {"storage", kText, "", "the file's name for the bytes it lies in; tensors that share them have the same",
       [](const Row& r, Cell& c) {
         if (TensorOf(r).storage != kNone) c.Text(r.model().storages[TensorOf(r).storage].key);
       }},
      {"file_offset", kInteger, "bytes", "where its first element stands in what is read; NULL without data",
       [](const Row& r, Cell& c) {
         if (auto offset = FileOffset(r.model(), TensorOf(r))) c.Integer(static_cast<int64_t>(*offset));
       }},
      {"data", kText, "", "present, missing, oob (outside of its storage) or meta",
       [](const Row& r, Cell& c) { c.Text(DataStateName(TensorOf(r).data)); }},
      {"tied_to", kText, "", "path of the first tensor that is the same values; NULL for that one and others",
       [](const Row& r, Cell& c) {
         const Tensor& tensor = TensorOf(r);
         const Index first = tensor.same_as != kNone ? tensor.same_as : tensor.tied;
         if (first != kNone && first != static_cast<Index>(r.row)) c.Text(r.model().tensors[first].path);
       }},
      {"state_of", kText, "", "of an optimizer's state: path of its parameter",
       [](const Row& r, Cell& c) {
         if (TensorOf(r).state_of != kNone) c.Text(r.model().tensors[TensorOf(r).state_of].path);
       }},
      {"class", kText, "", "of a tensor subclass",
       [](const Row& r, Cell& c) {
         if (!TensorOf(r).class_name.empty()) c.Text(TensorOf(r).class_name);
       }},
  };
}

std::string AttributesJson(const Module& module) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  for (const Attribute& attribute : module.attributes) json.Key(attribute.name).String(attribute.text);
  json.EndObject();
  return text;
}

const ModuleCounts& CountsOf(const Row& row) { return row.session.CountsOf(row.file, static_cast<Index>(row.row)); }

std::vector<Column> ModuleColumns() {
  return {
      {"file", kText, "", "the file, as it was named", PutFile},
      {"part", kText, "", "the section of the file that it is of",
       [](const Row& r, Cell& c) { PutPart(r.model(), CountsOf(r).part, c); }},
      {"path", kText, "", "PyTorch's name: layer1.0.conv1; empty for the whole model",
       [](const Row& r, Cell& c) { c.Text(ModuleOf(r).path); }, true},
      {"name", kText, "", "its last step", [](const Row& r, Cell& c) { c.Text(ModuleOf(r).name); }},
      {"parent", kText, "", "the path one step up; NULL for the whole model",
       [](const Row& r, Cell& c) {
         if (ModuleOf(r).parent != kNone) c.Text(r.model().modules[ModuleOf(r).parent].path);
       },
       true},
      {"depth", kInteger, "steps", "0 for the whole model",
       [](const Row& r, Cell& c) { c.Integer(CountsOf(r).depth); }},
      {"class", kText, "", "its class; NULL where it is not known",
       [](const Row& r, Cell& c) {
         if (!ModuleOf(r).class_name.empty()) c.Text(ModuleOf(r).class_name);
       }},
      {"origin", kText, "", "recorded: the class is in the file; inferred: from names and shapes",
       [](const Row& r, Cell& c) { c.Text(OriginName(ModuleOf(r).origin)); }},
      {"training", kInteger, "", "1 or 0; NULL where the file does not say",
       [](const Row& r, Cell& c) {
         if (ModuleOf(r).training) c.Integer(*ModuleOf(r).training ? 1 : 0);
       }},
      {"children", kInteger, "modules", "modules directly below it",
       [](const Row& r, Cell& c) { c.Integer(static_cast<int64_t>(ModuleOf(r).children.size())); }},
      {"tensors", kInteger, "tensors", "its own",
       [](const Row& r, Cell& c) { c.Integer(static_cast<int64_t>(ModuleOf(r).tensors.size())); }},
      {"all_tensors", kInteger, "tensors", "its own and those below it",
       [](const Row& r, Cell& c) { c.Integer(CountsOf(r).tensors_below); }},
      {"parameters", kInteger, "elements", "elements of its own parameters",
       [](const Row& r, Cell& c) { c.Integer(CountsOf(r).own); }},
      {"all_parameters", kInteger, "elements", "the same with those below it; tied ones under each name",
       [](const Row& r, Cell& c) { c.Integer(CountsOf(r).below); }},
      {"attributes", kText, "", "as a JSON object of texts: json_extract(attributes, '$.kernel_size')",
       [](const Row& r, Cell& c) { c.Made(AttributesJson(ModuleOf(r))); }},
  };
}

void PutNumber(const PlainValue& plain, Cell& cell) {
  const char* begin = plain.text.data();
  const char* end = begin + plain.text.size();
  if (plain.kind == PlainKind::kBool) {
    cell.Integer(plain.text == "True" ? 1 : 0);
  } else if (plain.kind == PlainKind::kInt) {
    int64_t value = 0;
    if (auto [at, error] = std::from_chars(begin, end, value); error == std::errc() && at == end) cell.Integer(value);
  } else if (plain.kind == PlainKind::kFloat) {
    double value = 0;
    if (auto [at, error] = std::from_chars(begin, end, value); error == std::errc() && at == end) cell.Real(value);
  }
}

std::vector<Column> PlainColumns() {
  return {
      {"file", kText, "", "the file, as it was named", PutFile},
      {"path", kText, "", "where it stands in the file: optimizer.param_groups[0].lr",
       [](const Row& r, Cell& c) { c.Text(PlainOf(r).path); }, true},
      {"part", kText, "", "the section of the file",
       [](const Row& r, Cell& c) { PutPart(r.model(), PlainOf(r).part, c); }},
      {"kind", kText, "", "none, bool, int, float, string, bytes, sequence, empty or object",
       [](const Row& r, Cell& c) { c.Text(PlainKindName(PlainOf(r).kind)); }},
      {"text", kText, "", "as Python writes it, without quotes around strings",
       [](const Row& r, Cell& c) { c.Text(PlainOf(r).text); }},
      {"number", kReal, "", "of int, float and bool: the number; else NULL",
       [](const Row& r, Cell& c) { PutNumber(PlainOf(r), c); }},
      {"class", kText, "", "of an object: its class",
       [](const Row& r, Cell& c) {
         if (!PlainOf(r).class_name.empty()) c.Text(PlainOf(r).class_name);
       }},
  };
}

std::vector<Column> FindingColumns() {
  return {
      {"file", kText, "", "the file, as it was named", PutFile},
      {"severity", kText, "", "info, warning, error or danger",
       [](const Row& r, Cell& c) { c.Text(SeverityName(FindingOf(r).severity)); }},
      {"code", kText, "", "stable: storage-missing", [](const Row& r, Cell& c) { c.Text(FindingOf(r).code); }},
      {"place", kText, "", "a path in the file, or a record of it",
       [](const Row& r, Cell& c) { c.Text(FindingOf(r).where); }},
      {"text", kText, "", "one sentence", [](const Row& r, Cell& c) { c.Text(FindingOf(r).text); }},
  };
}

std::string_view UnitOf(const Figure& figure) {
  if (figure.name == "min_at" || figure.name == "max_at") return "elements";
  if (figure.name == "skewness" || figure.name == "kurtosis") return "";
  return figure.real != nullptr || figure.percentile ? "of values" : "values";
}

std::vector<Column> StatisticsColumns() {
  std::vector<Column> columns = {
      {"file", kText, "", "the file, as it was named", PutFile},
      {"name", kText, "", "as in tensors", [](const Row& r, Cell& c) { c.Text(TensorOf(r).name); }, true},
      {"path", kText, "", "as in tensors", [](const Row& r, Cell& c) { c.Text(TensorOf(r).path); }, true},
  };
  for (const Figure& figure : Figures()) {
    const bool real = figure.real != nullptr || figure.percentile;
    std::string meaning(figure.meaning);
    if (figure.percentile) meaning = fmt::format("percentile {}", figure.name.substr(1));
    if (figure.name == "mean") meaning = "of the finite values";
    if (figure.name == "min") meaning = "the smallest";
    if (figure.name == "max") meaning = "the largest";
    if (figure.name == "nans") meaning = "NaN";
    if (figure.name == "infinities") meaning = "infinite";
    if (figure.name == "near_limit") meaning = "0.001 times std";
    columns.push_back(
        {.name = figure.name,
         .type = real ? kReal : kInteger,
         .unit = UnitOf(figure),
         .meaning = meaning,
         .value =
             [&figure, real](const Row& r, Cell& c) {
               const TensorFigures& of = r.session.FiguresOf(r.file, static_cast<Index>(r.row), r.percentiles);
               if (!of.statistics) return;
               const double value = ValueOf(figure, *of.statistics);
               if (std::isnan(value)) return;
               if (real) {
                 c.Real(value);
               } else {
                 c.Integer(figure.whole != nullptr ? (*of.statistics).*figure.whole : static_cast<int64_t>(value));
               }
             },
         .percentile = figure.percentile.has_value()});
  }
  columns.push_back({"reason", kText, "", "why there are no figures; NULL where there are", [](const Row& r, Cell& c) {
                       const TensorFigures& of = r.session.FiguresOf(r.file, static_cast<Index>(r.row), r.percentiles);
                       if (!of.statistics) c.Text(of.reason);
                     }});
  return columns;
}

// The columns of all tables, for the table `columns`.
struct Described {
  std::string_view table;
  const Column* column;
};
const std::vector<Described>& AllColumns() {
  static const std::vector<Described> all = [] {
    std::vector<Described> rows;
    for (const Table& table : Tables()) {
      for (const Column& column : table.columns) rows.push_back({table.name, &column});
    }
    return rows;
  }();
  return all;
}

std::vector<Column> ColumnColumns() {
  return {
      {"in_table", kText, "", "the table", [](const Row& r, Cell& c) { c.Text(AllColumns()[r.row].table); }, true},
      {"name", kText, "", "the column", [](const Row& r, Cell& c) { c.Text(AllColumns()[r.row].column->name); }},
      {"type", kText, "", "TEXT, INTEGER or REAL",
       [](const Row& r, Cell& c) { c.Text(AllColumns()[r.row].column->type); }},
      {"unit", kText, "", "what a number counts, or is measured in",
       [](const Row& r, Cell& c) { c.Text(AllColumns()[r.row].column->unit); }},
      {"meaning", kText, "", "what it is", [](const Row& r, Cell& c) { c.Text(AllColumns()[r.row].column->meaning); }},
  };
}

size_t TensorRows(Session& session, size_t file) { return session.model(file).tensors.size(); }

}  // namespace

std::span<const Table> Tables() {
  static const std::vector<Table> tables = [] {
    std::vector<Table> all;
    all.push_back({"tensors", "every tensor of the file, also those of optimizers", TensorColumns(), TensorRows});
    all.push_back({"modules", "the modules of the models in it", ModuleColumns(), [](Session& session, size_t file) {
                     session.InferAllModules();
                     return session.model(file).modules.size();
                   }});
    all.push_back({"values", "plain values: epoch, learning rate, options", PlainColumns(),
                   [](Session& session, size_t file) { return session.model(file).plain.size(); }});
    all.push_back(
        {"findings", "what is odd, missing, assumed or dangerous", FindingColumns(), [](Session& session, size_t file) {
           session.InferAllModules();
           return session.model(file).findings.size();
         }});
    all.push_back({"statistics",
                   "figures of each tensor's values, read from the file only for rows that a query asks for",
                   StatisticsColumns(), TensorRows});
    all.push_back({"columns", "these tables and their columns", ColumnColumns(),
                   [](Session&, size_t) { return AllColumns().size(); }, false});
    return all;
  }();
  return tables;
}

}  // namespace pthview::query
