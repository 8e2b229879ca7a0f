#include "tools/cli/stats_rows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/analysis/names/suggest.h"
#include "lib/analysis/statistics/figures.h"
#include "lib/base/display_width.h"
#include "lib/base/escape.h"
#include "lib/base/progress.h"
#include "lib/base/threads.h"
#include "tools/cli/csv.h"
#include "tools/cli/histogram_text.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/tensor_columns.h"
#include "tools/cli/tensor_table.h"
#include "tools/cli/text_table.h"

namespace pthview {
namespace {

// What a tensor itself is responsible for stands in its row; what goes wrong with the file fails.
void Take(StatsRow& row, Result<Statistics> result) {
  if (result) {
    row.statistics = std::move(*result);
    return;
  }
  Error error = std::move(result).error();
  row.reason = error.message;
  switch (error.code) {
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotFound:
    case ErrorCode::kLimit: break;
    default: row.failed = std::move(error);
  }
}

// The rows of one tensor a channel each; places are within the tensor.
Status AddChannels(const Model& model, const Selection& selection, size_t i, const StatsQuery& query, StatsRows* rows) {
  const Index t = selection.tensors[i];
  const Tensor& tensor = model.tensors[t];
  StatsRow row{.name = std::string(selection.NameOf(model, i)), .tensor = t};
  auto channels = ComputeChannelStatistics(model, tensor, *query.axis, query.options);
  if (!channels && channels.error().code == ErrorCode::kUsage) {
    row.reason = channels.error().message;
    rows->rows.push_back(std::move(row));
    return Ok();
  }
  if (!channels) {
    Take(row, std::move(channels).error());
    rows->rows.push_back(std::move(row));
    return Ok();
  }
  for (size_t c = 0; c < channels->size(); ++c) {
    rows->rows.push_back(row);
    rows->rows.back().channel = static_cast<int64_t>(c);
    rows->rows.back().statistics = std::move((*channels)[c]);
  }
  return Ok();
}

// Counters of batches and the like would drown the weights in what several tensors have together.
bool CountsTogether(const Model& model, const StatsRow& row) {
  if (!row.statistics || row.tensor == kNone) return false;
  const Tensor& tensor = model.tensors[row.tensor];
  DTypeClass kind = Info(tensor.dtype).kind;
  return tensor.same_as == kNone && kind != DTypeClass::kInteger && kind != DTypeClass::kBool;
}

// Of whatever has figures; what cannot be read was said with them.
void AddHistograms(const Model& model, const StatsQuery& query, StatsRows* rows) {
  for (StatsRow& row : rows->rows) {
    if (!row.statistics) continue;
    const Tensor& tensor = model.tensors[row.tensor];
    auto histogram = ComputeHistogram(model, tensor, *row.statistics, *query.histogram, query.options);
    if (histogram) row.histogram = std::move(*histogram);
  }
}

// Modules in the order in which their first tensor stands; each sums up what is below it.
std::vector<StatsRow> ByModule(const Model& model, std::span<const StatsRow> tensors) {
  std::vector<StatsRow> modules;
  std::map<std::string, size_t, std::less<>> place;
  std::vector<std::vector<const Statistics*>> parts;
  for (const StatsRow& row : tensors) {
    if (!CountsTogether(model, row)) continue;
    std::string_view name = row.name;
    for (size_t dot = name.find('.');; dot = name.find('.', dot + 1)) {
      if (dot == std::string_view::npos) break;
      std::string_view module = name.substr(0, dot);
      auto [at, added] = place.try_emplace(std::string(module), modules.size());
      if (added) {
        modules.push_back({.name = std::string(module), .tensors = 0});
        parts.emplace_back();
      }
      ++modules[at->second].tensors;
      parts[at->second].push_back(&*row.statistics);
    }
  }
  for (size_t i = 0; i < modules.size(); ++i) modules[i].statistics = MergeStatistics(parts[i]);
  return modules;
}

constexpr uint64_t kDeepByItself = uint64_t{256} << 20;  // bytes that are read once more without being asked to

// Spectra of the matrices, the cheapest first, until what they may take is spent.
void AddSpectra(const Model& model, const StatsQuery& query, StatsRows* rows) {
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < rows->rows.size(); ++i) {
    const Tensor& tensor = model.tensors[rows->rows[i].tensor];
    auto shape = MatrixShapeOf(tensor);
    if (shape && rows->rows[i].statistics && Info(tensor.dtype).kind == DTypeClass::kFloat) {
      order.emplace_back(SpectrumCost(shape->rows, shape->columns), i);
    }
  }
  std::ranges::sort(order);
  double spent = 0;
  size_t fits = 0;
  while (fits < order.size() && spent + order[fits].first <= query.max_cost) spent += order[fits++].first;
  ParallelFor(fits, [&](size_t i) {
    StatsRow& row = rows->rows[order[i].second];
    auto spectrum = ComputeSpectrum(model, model.tensors[row.tensor], query.max_cost);
    if (spectrum) row.spectrum = std::move(*spectrum);
  });
  if (fits < order.size()) {
    rows->notes.push_back(fmt::format("{} spectra left out: they take more than --max-cost {:g} multiplications",
                                      order.size() - fits, query.max_cost));
  }
}

// What reads tensors once more: rows of weights, states of the optimizer.
void Judge(const Model& model, const StatsQuery& query, StatsRows* rows) {
  std::map<Index, StatsRow*> by_tensor;
  uint64_t weights = 0;
  for (StatsRow& row : rows->rows) {
    by_tensor.try_emplace(row.tensor, &row);
    weights += model.tensors[row.tensor].nbytes();
  }
  std::vector<StateOfParameter> states = JoinOptimizerStates(model);
  std::erase_if(states, [&](const StateOfParameter& state) { return !by_tensor.contains(state.parameter); });
  uint64_t of_states = 0;
  for (const StateOfParameter& state : states) {
    for (Index t : state.tensors) of_states += model.tensors[t].nbytes();
  }
  if (query.deep || of_states <= kDeepByItself) {
    std::vector<Result<UpdateFigures>> updates(states.size());
    ParallelFor(states.size(), [&](size_t i) { updates[i] = ComputeUpdate(model, states[i]); });
    std::map<std::pair<std::string, std::string>, size_t> assumed;
    for (size_t i = 0; i < states.size(); ++i) {
      std::optional<UpdateFigures>& to = by_tensor[states[i].parameter]->update;
      if (to || !updates[i] || updates[i]->kind.empty()) continue;  // an optimizer's state before a stored gradient
      ++assumed[{updates[i]->kind, updates[i]->assumed}];
      to = std::move(*updates[i]);
    }
    for (const auto& [what, count] : assumed) {
      if (what.second.empty()) continue;
      rows->notes.push_back(fmt::format("gradient and update_ratio of {} tensor{} ({}); assumed: {}", count,
                                        count == 1 ? "" : "s", what.first, what.second));
    }
  } else {
    rows->notes.emplace_back("the optimizer's states were not read; --deep reads them");
  }
  const bool deep = query.deep || weights <= kDeepByItself;
  if (!deep) rows->notes.emplace_back("rows of weights were not looked at one by one; --deep does");
  std::vector<std::vector<Statistics>> channels(rows->rows.size());
  if (deep) {
    ParallelFor(rows->rows.size(), [&](size_t i) {
      const Tensor& tensor = model.tensors[rows->rows[i].tensor];
      bool weight = tensor.kind == TensorKind::kParameter && Info(tensor.dtype).kind == DTypeClass::kFloat &&
                    tensor.shape.size() >= 2 && tensor.layout == Layout::kDense;
      if (!weight || !rows->rows[i].statistics) return;
      auto computed = ComputeChannelStatistics(model, tensor, 0);
      if (computed) channels[i] = std::move(*computed);
    });
  }
  std::vector<HealthSubject> subjects;
  for (size_t i = 0; i < rows->rows.size(); ++i) {
    const StatsRow& row = rows->rows[i];
    subjects.push_back({.tensor = row.tensor,
                        .statistics = row.statistics ? &*row.statistics : nullptr,
                        .rows = channels[i],
                        .spectrum = row.spectrum ? &*row.spectrum : nullptr,
                        .update = row.update ? &*row.update : nullptr});
  }
  rows->warnings = JudgeHealth(model, subjects);
}

Statistics TotalOf(const Model& model, std::span<const StatsRow> rows) {
  std::vector<const Statistics*> parts;
  for (const StatsRow& row : rows) {
    if (CountsTogether(model, row)) parts.push_back(&*row.statistics);
  }
  return MergeStatistics(parts);
}

Status Sort(std::vector<StatsRow>& rows, const Model& model, const StatsQuery& query) {
  auto by_number = [&](auto value) {
    // Rows without the figure come last, whichever way round.
    std::stable_sort(rows.begin(), rows.end(), [&](const StatsRow& a, const StatsRow& b) {
      double x = value(a);
      double y = value(b);
      if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
      return query.reverse ? y < x : x < y;
    });
  };
  if (query.sort.empty()) {
    if (query.reverse) std::ranges::reverse(rows);
    return Ok();
  }
  if (query.sort == "name") {
    std::ranges::stable_sort(rows, {}, &StatsRow::name);
    if (query.reverse) std::ranges::reverse(rows);
    return Ok();
  }
  if (query.sort == "dtype" || query.sort == "shape") {
    auto less = RowOrder(query.sort);
    if (!less) return std::move(less).error();
    std::stable_sort(rows.begin(), rows.end(), [&](const StatsRow& a, const StatsRow& b) {
      if (a.tensor == kNone || b.tensor == kNone) return false;
      return (*less)(model.tensors[a.tensor], model.tensors[b.tensor]);
    });
    if (query.reverse) std::ranges::reverse(rows);
    return Ok();
  }
  using Extra = double (*)(const StatsRow&);
  static constexpr std::pair<std::string_view, Extra> kExtras[] = {
      {"stable_rank", [](const StatsRow& row) { return row.spectrum ? row.spectrum->stable_rank : Statistics::kNone; }},
      {"condition", [](const StatsRow& row) { return row.spectrum ? row.spectrum->condition : Statistics::kNone; }},
      {"alpha", [](const StatsRow& row) { return row.spectrum ? row.spectrum->alpha : Statistics::kNone; }},
      {"gradient", [](const StatsRow& row) { return row.update ? row.update->gradient : Statistics::kNone; }},
      {"update_ratio", [](const StatsRow& row) { return row.update ? row.update->ratio : Statistics::kNone; }},
  };
  for (const auto& [name, value] : kExtras) {
    if (query.sort != name) continue;
    by_number(value);
    return Ok();
  }
  const Figure* figure = FigureByName(query.sort);
  if (figure == nullptr) {
    std::string known = "name, dtype, shape";
    for (const Figure& one : Figures()) known += fmt::format(", {}", one.name);
    for (const auto& [name, value] : kExtras) known += fmt::format(", {}", name);
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("there is no column '{}'", query.sort),
                 .hint = "columns are " + known};
  }
  by_number(
      [&](const StatsRow& row) { return row.statistics ? ValueOf(*figure, *row.statistics) : Statistics::kNone; });
  return Ok();
}

std::string NameOf(const StatsRow& row, const StatsQuery& query) {
  if (row.channel < 0) return row.name;
  std::string before;
  for (int64_t d = 0; d < *query.axis; ++d) before += ":, ";
  return fmt::format("{}[{}{}]", row.name, *query.axis < 0 ? "..., " : before, row.channel);
}

std::string Share(int64_t part, int64_t all) { return part == 0 ? "0" : PercentText(part, all); }

std::string ReasonCell(const StatsRow& row) { return row.statistics ? "" : EscapeForTerminal(row.reason); }

}  // namespace

Result<StatsRows> MakeStatsRows(const Model& model, const Selection& selection, const StatsQuery& query) {
  if (query.by != "tensor" && query.by != "module" && query.by != "file") {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("--by takes tensor, module or file, not '{}'", query.by)};
  }
  StatsRows rows;
  uint64_t bytes = 0;
  std::vector<const Tensor*> tensors;
  for (Index t : selection.tensors) {
    tensors.push_back(&model.tensors[t]);
    bytes += model.tensors[t].nbytes();
  }
  Progress progress("reading", bytes);
  if (query.histogram && (query.axis || query.by != "tensor")) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "--histogram is of tensors, not of channels, modules or files",
                 .hint = "leave --axis and --by out"};
  }
  StatsQuery told = query;
  // The width of bins follows from the quartiles.
  told.options.percentiles = query.options.percentiles || query.histogram;
  told.options.advance = [&](uint64_t more) { progress.Advance(more); };
  if (query.axis) {
    for (size_t i = 0; i < tensors.size(); ++i) PTHVIEW_TRY(AddChannels(model, selection, i, told, &rows));
  } else {
    auto results = ComputeAllStatistics(model, tensors, told.options);
    for (size_t i = 0; i < tensors.size(); ++i) {
      rows.rows.push_back({.name = std::string(selection.NameOf(model, i)), .tensor = selection.tensors[i]});
      Take(rows.rows.back(), std::move(results[i]));
    }
  }
  rows.total = TotalOf(model, rows.rows);
  if (!query.axis) {
    if (query.spectra) AddSpectra(model, query, &rows);
    Judge(model, query, &rows);
    if (query.histogram) AddHistograms(model, query, &rows);
  }
  if (query.by == "module") rows.rows = ByModule(model, rows.rows);
  if (query.by == "file") {
    auto counted =
        static_cast<int64_t>(std::ranges::count_if(rows.rows, [](const StatsRow& r) { return !!r.statistics; }));
    rows.rows = {{.name = model.file, .tensors = counted, .statistics = rows.total}};
  }
  PTHVIEW_TRY(Sort(rows.rows, model, query));
  return rows;
}

void PrintStatsTable(Output& out, const Style& style, const Model& model, const StatsRows& rows,
                     const StatsQuery& query, bool recorded, size_t width) {
  ColumnFacts facts;
  for (const StatsRow& row : rows.rows) {
    if (row.tensor != kNone) facts.Add(model.tensors[row.tensor], row.name, 0);
  }
  const std::string grad = facts.rows == 0 ? "" : GradInPlaceOfColumn(facts, recorded);
  std::vector<TextColumn> columns = {{.title = query.by == "tensor" ? "name" : query.by}};
  // What is given up first says least of whether something is wrong.
  columns.push_back({.title = "shape", .idle = "", .give_up = 5});
  for (auto [title, give_up] : {std::pair("mean", 1), std::pair("std", 0), std::pair("min", 3), std::pair("max", 2),
                                std::pair("l2", 6), std::pair("skewness", 9), std::pair("kurtosis", 8)}) {
    columns.push_back({.title = title, .right = true, .give_up = give_up});
  }
  for (auto [title, give_up] :
       {std::pair("zeros", 1), std::pair("near_zeros", 7), std::pair("nans", 0), std::pair("infinities", 0)}) {
    columns.push_back({.title = title, .right = true, .idle = "0", .give_up = give_up});
  }
  columns.push_back({.title = "distinct", .right = true, .idle = "", .give_up = 4});
  if (query.options.percentiles) {
    for (const char* title : {"p1", "p5", "p25", "p50", "p75", "p95", "p99"}) {
      columns.push_back({.title = title, .right = true, .idle = "-", .give_up = 1});
    }
  }
  for (const char* title : {"rank", "stable_rank", "condition", "alpha", "gradient", "update_ratio"}) {
    columns.push_back({.title = title, .right = true, .idle = "-", .give_up = 1});
  }
  columns.push_back({.title = "requires_grad", .idle = "-", .give_up = 4});
  columns.push_back({.title = "histogram", .idle = ""});
  columns.push_back({.title = "", .idle = ""});
  for (TextColumn& column : columns) {
    if (column.title == query.sort) column.give_up = 0;
  }
  TextTable table(columns);
  for (const StatsRow& row : rows.rows) {
    const Statistics s = row.statistics.value_or(Statistics{});
    const Tensor* tensor = row.tensor == kNone ? nullptr : &model.tensors[row.tensor];
    std::vector<std::string> cells = {EscapeForTerminal(NameOf(row, query)),
                                      tensor == nullptr || row.channel >= 0 ? "" : ShapeText(tensor->shape)};
    for (double value : {s.mean, s.std, s.min, s.max, s.l2, s.skewness, s.kurtosis})
      cells.push_back(ShortNumber(value));
    cells.push_back(Share(s.zeros, s.count));
    cells.push_back(Share(s.near_zeros, s.count));
    cells.push_back(WithCommas(static_cast<uint64_t>(s.nans)));
    cells.push_back(WithCommas(static_cast<uint64_t>(s.infinities)));
    cells.push_back(s.distinct && *s.distinct <= 16 && s.count > 16 ? std::to_string(*s.distinct) : "");
    if (query.options.percentiles) {
      for (size_t p = 0; p < kPercentiles.size(); ++p) {
        cells.push_back(p < s.percentiles.size() ? ShortNumber(s.percentiles[p]) : "-");
      }
    }
    const Spectrum spectrum = row.spectrum.value_or(Spectrum{});
    cells.push_back(row.spectrum ? std::to_string(spectrum.rank) : "-");
    for (double value : {spectrum.stable_rank, spectrum.condition, spectrum.alpha}) cells.push_back(ShortNumber(value));
    const UpdateFigures update = row.update.value_or(UpdateFigures{});
    for (double value : {update.gradient, update.ratio}) cells.push_back(ShortNumber(value));
    cells.push_back(tensor == nullptr || !grad.empty() ? "-" : std::string(GradText(*tensor)));
    cells.push_back(row.histogram ? HistogramLine(*row.histogram) : "");
    cells.push_back(ReasonCell(row));
    table.Add(cells);
  }
  table.Print(out, style, width, grad);
  const Statistics& t = rows.total;
  const std::string last = fmt::format(
      "{} values that are no integers, mean {}, std {}, l2 {}; zeros {}, near zero {} (nearer than {:g} x std of the "
      "tensor)",
      WithCommas(static_cast<uint64_t>(t.count)), ShortNumber(t.mean), ShortNumber(t.std), ShortNumber(t.l2),
      Share(t.zeros, t.count), Share(t.near_zeros, t.count), query.options.near_zero);
  out << WrapText(last, width, 0, 0) << "\n";
  if (rows.rows.size() != 1 || !rows.rows[0].histogram) return;
  out << "\n";
  const size_t most = query.histogram->bins > 0 ? SIZE_MAX : kMostBarsByThemselves;
  for (const std::string& line : HistogramBars(*rows.rows[0].histogram, most)) out << line << "\n";
}

void PrintStatsCsv(Output& out, const Model& model, const StatsRows& rows, const StatsQuery& query) {
  CsvWriter csv(out);
  for (const char* title : {"name", "dtype", "shape", "requires_grad"}) csv.Raw(title);
  auto written = [&](const Figure& figure) { return !figure.percentile || query.options.percentiles; };
  for (const Figure& figure : Figures()) {
    if (written(figure)) csv.Raw(figure.name);
  }
  if (query.histogram) csv.Raw("histogram_low").Raw("histogram_high").Raw("histogram");
  csv.EndRow();
  for (const StatsRow& row : rows.rows) {
    const Tensor* tensor = row.tensor == kNone ? nullptr : &model.tensors[row.tensor];
    csv.Text(NameOf(row, query)).Raw(tensor == nullptr ? "" : DTypeName(tensor->dtype));
    csv.Text(tensor == nullptr ? "" : ShapeText(tensor->shape));
    csv.Raw(tensor == nullptr || !tensor->requires_grad ? "" : GradText(*tensor));
    for (const Figure& figure : Figures()) {
      if (written(figure)) csv.Raw(row.statistics ? FigureText(figure, *row.statistics) : "");
    }
    if (query.histogram) {
      const Histogram histogram = row.histogram.value_or(Histogram{});
      csv.Raw(row.histogram ? fmt::format("{}", histogram.low) : "");
      csv.Raw(row.histogram ? fmt::format("{}", histogram.high) : "");
      csv.Raw(fmt::format("{}", fmt::join(histogram.counts, " ")));
    }
    csv.EndRow();
  }
}

void PrintStatsJson(Output& out, const Model& model, const StatsRows& rows, const StatsQuery& query) {
  JsonWriter json(&out.buffer());
  json.BeginObject().Key("schema").String("pthview.stats/1");
  json.Key("file").String(model.file).Key("format").String(model.format);
  json.Key("near_zero").Double(query.options.near_zero).Key("by").String(query.by);
  json.Key("rows").BeginArray();
  for (const StatsRow& row : rows.rows) {
    json.BeginObject().Key("name").String(row.name);
    if (row.tensor != kNone) {
      const Tensor& tensor = model.tensors[row.tensor];
      json.Key("path").String(tensor.path).Key("dtype").String(DTypeName(tensor.dtype));
      json.Key("shape").BeginArray(true);
      for (int64_t size : tensor.shape) json.Int(size);
      json.EndArray().Key("requires_grad");
      tensor.requires_grad ? json.Bool(*tensor.requires_grad) : json.Null();
    } else {
      json.Key("tensors").Int(row.tensors);
    }
    auto real = [&](std::string_view key, double value) {
      json.Key(key);
      std::isnan(value) ? json.Null() : json.Double(value);
    };
    if (row.spectrum) {
      json.Key("spectrum").BeginObject().Key("rows").Int(row.spectrum->rows).Key("columns").Int(row.spectrum->columns);
      json.Key("rank").Int(row.spectrum->rank);
      real("stable_rank", row.spectrum->stable_rank);
      real("condition", row.spectrum->condition);
      real("alpha", row.spectrum->alpha);
      real("alpha_from", row.spectrum->alpha_from);
      json.Key("singular_values").BeginArray(true);
      for (double value : row.spectrum->values) json.Double(value);
      json.EndArray().EndObject();
    }
    if (row.update) {
      json.Key("optimizer").BeginObject().Key("kind").String(row.update->kind);
      real("gradient", row.update->gradient);
      real("agreement", row.update->noise);
      real("update", row.update->update);
      real("weight", row.update->weight);
      real("update_ratio", row.update->ratio);
      real("learning_rate", row.update->learning_rate);
      json.Key("assumed").String(row.update->assumed);
      json.EndObject();
    }
    if (row.channel >= 0) json.Key("axis").Int(*query.axis).Key("channel").Int(row.channel);
    json.Key("statistics");
    if (row.statistics) {
      json.BeginObject();
      WriteFigures(json, *row.statistics);
      json.EndObject();
    } else {
      json.Null().Key("reason").String(row.reason);
    }
    if (row.histogram) {
      json.Key("histogram").BeginObject();
      real("low", row.histogram->low);
      real("high", row.histogram->high);
      json.Key("log").Bool(row.histogram->log).Key("counts").BeginArray(true);
      for (int64_t count : row.histogram->counts) json.Int(count);
      json.EndArray().EndObject();
    }
    json.EndObject();
    out.MaybeFlush();
  }
  json.EndArray().Key("total").BeginObject();
  WriteFigures(json, rows.total);
  json.EndObject().Key("warnings").BeginArray();
  for (const HealthWarning& warning : rows.warnings) {
    json.BeginObject().Key("code").String(warning.code).Key("path").String(model.tensors[warning.tensor].path);
    json.Key("why").String(warning.why).Key("meaning").String(warning.meaning).EndObject();
  }
  json.EndArray().Key("findings");
  WriteFindings(json, model.findings);
  json.EndObject();
  out << "\n";
}

}  // namespace pthview
