#include "tools/cli/info_text.h"

#include <algorithm>
#include <map>
#include <unordered_set>

#include <fmt/format.h>

#include "lib/analysis/summary/what_it_is.h"
#include "lib/analysis/summary/written_values.h"
#include "lib/base/display_width.h"
#include "lib/base/text_hash.h"
#include "tools/cli/info_facts.h"
#include "tools/cli/info_graphs.h"
#include "tools/cli/terminal.h"

namespace pthview {
namespace {

constexpr size_t kValuesShown = 20;
constexpr size_t kFindingsShown = 10;
constexpr size_t kLabel = 14;  // columns, with the two before it
constexpr size_t kLongestValue = 200;
constexpr size_t kUsualWidth = 80;

// Lines of a label and what it says, the second and later ones indented.
class Lines {
 public:
  Lines(Output& out, size_t width) : out_(out), width_(width) {}

  void Put(std::string_view label, std::string_view text) {
    const size_t indent = std::min(kLabel + 2, width_ / 4);
    out_ << fmt::format("  {:<{}}", label, kLabel - 2) << WrapText(text, width_, kLabel, indent) << "\n";
  }
  // Without a second line.
  void PutCut(std::string_view label, std::string_view text, size_t most) {
    const size_t room = width_ == kNoWidthLimit ? most : width_ > kLabel + 8 ? width_ - kLabel : 8;
    out_ << fmt::format("  {:<{}}", label, kLabel - 2) << CutText(text, room) << "\n";
  }
  size_t width() const { return width_; }

 private:
  Output& out_;
  size_t width_;
};

std::string Counts(const std::map<std::string_view, uint64_t>& counts) {
  std::vector<std::pair<uint64_t, std::string_view>> order;
  order.reserve(counts.size());
  for (const auto& [name, count] : counts) order.emplace_back(count, name);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [count, name] : order) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", EscapeForTerminal(name), WithCommas(count));
  }
  return text;
}

// "25,557,032: all trainable"; of the models, or of their averages where the file has nothing else.
void PutParameters(Lines& lines, const Model& model, const Facts& facts) {
  for (PartKind kind : {PartKind::kModel, PartKind::kEma}) {
    ParameterCounts sum{.says_trainable = true};
    for (size_t p = 0; p < facts.parts.size(); ++p) {
      const ParameterCounts& counts = facts.parts[p].parameters;
      if (model.parts[p].kind != kind || counts.all + counts.tied == 0) continue;
      sum.all += counts.all;
      sum.trainable += counts.trainable;
      sum.frozen += counts.frozen;
      sum.tied += counts.tied;
      sum.says_trainable = sum.says_trainable && counts.says_trainable;
    }
    if (sum.all == 0) continue;
    std::string text = WithCommas(sum.all);
    if (!sum.says_trainable) {
      text += " (a state_dict does not say which are trainable)";
    } else if (sum.frozen == 0) {
      text += ", all trainable";
    } else if (sum.trainable == 0) {
      text += ", all frozen";
    } else {
      text += fmt::format(": {} trainable, {} frozen", WithCommas(sum.trainable), WithCommas(sum.frozen));
    }
    if (sum.tied > 0) {
      text += fmt::format("; {} more name{} for tied ones, which are counted once", WithCommas(sum.tied),
                          sum.tied == 1 ? "" : "s");
    }
    return lines.Put("parameters", text);
  }
}

// The attributes of tensors stand below their paths: there may be many of each, so they come with the tensor only.
class TensorAttributes {
 public:
  explicit TensorAttributes(const Model& model) {
    for (const Tensor& tensor : model.tensors) {
      if (!tensor.class_name.empty() || tensor.component_count > 0) paths_.insert(tensor.path);
    }
  }
  bool Has(const PlainValue& plain) const {
    for (size_t dot = plain.path.find('.'); dot != std::string_view::npos && !paths_.empty();
         dot = plain.path.find('.', dot + 1)) {
      if (paths_.contains(plain.path.substr(0, dot))) return true;
    }
    return false;
  }

 private:
  std::unordered_set<std::string_view, TextHash> paths_;
};

// Without --all: short paths, near the top of the file.
bool IsNearTheTop(const PlainValue& plain) {
  return std::count(plain.path.begin(), plain.path.end(), '[') <= 1 && plain.path.size() < 100;
}

std::string_view Above(std::string_view path) { return path.substr(0, std::min(path.rfind('.'), path.size())); }

std::string ValueText(const PlainValue& plain) { return EscapeForTerminal(plain.text.substr(0, kLongestValue)); }

// Options of an optimizer, which are many and short: those of a group stand together. Returns how many.
size_t PutOptions(Lines& lines, std::string_view label, const Model& model, std::span<const RankedValue> values) {
  const std::string_view above = Above(model.plain[values[0].plain].path);
  std::string text = EscapeForTerminal(above) + ":";
  size_t count = 0;
  for (const RankedValue& value : values) {
    const PlainValue& plain = model.plain[value.plain];
    if (value.rank != ValueRank::kOptimizer || Above(plain.path) != above) break;
    std::string_view name = plain.path.substr(std::min(above.size() + 1, plain.path.size()));
    text += fmt::format("{} {} {}", count == 0 ? "" : ",", EscapeForTerminal(name.empty() ? plain.path : name),
                        ValueText(plain));
    ++count;
  }
  lines.Put(label, text);
  return count;
}

void PutValues(Lines& lines, const Model& model, const Narrowing& narrowing, bool all) {
  const TensorAttributes of_tensors(model);
  std::vector<RankedValue> values;
  size_t hidden = 0;
  for (const RankedValue& value : RankValues(model)) {
    const PlainValue& plain = model.plain[value.plain];
    if (!narrowing.Has(plain)) continue;
    const bool shown = all || (value.rank != ValueRank::kBookkeeping && IsNearTheTop(plain) && !of_tensors.Has(plain));
    if (shown) {
      values.push_back(value);
    } else {
      ++hidden;
    }
  }
  std::string_view label = "values";
  size_t rows = 0;
  for (size_t i = 0; i < values.size();) {
    if (!all && rows == kValuesShown) {
      hidden += values.size() - i;
      break;
    }
    const PlainValue& plain = model.plain[values[i].plain];
    if (values[i].rank == ValueRank::kOptimizer && !all) {
      i += PutOptions(lines, label, model, std::span(values).subspan(i));
    } else {
      lines.PutCut(label,
                   fmt::format("{} = {}", plain.path.empty() ? "(the file's root)" : EscapeForTerminal(plain.path),
                               ValueText(plain)),
                   all ? kNoWidthLimit : kUsualWidth + kUsualWidth / 2);
      ++i;
    }
    label = "";
    ++rows;
  }
  if (hidden > 0) {
    const std::string_view kind = rows == 0 ? " of bookkeeping" : " more";
    lines.Put(label, fmt::format("{}{}; --all shows {}", WithCommas(hidden), kind, hidden == 1 ? "it" : "them"));
  }
}

void PutParts(Lines& lines, const Model& model, const Narrowing& narrowing, const Facts& facts) {
  auto name = [](const Part& part) {
    return part.path.empty() ? std::string("(whole file)") : EscapeForTerminal(part.path);
  };
  size_t width = 4;
  for (const Part& part : model.parts) width = std::max(width, DisplayWidth(name(part)));
  if (lines.width() != kNoWidthLimit) width = std::min(width, std::max<size_t>(lines.width() / 3, 4));
  std::string_view label = "parts";
  for (size_t p = 0; p < model.parts.size(); ++p) {
    const Part& part = model.parts[p];
    const PartFacts& f = facts.parts[p];
    if (!narrowing.Has(part) && f.tensors == 0) continue;
    if (part.path.empty() && f.tensors == 0 && model.parts.size() > 1) continue;  // only plain values, shown above
    std::string text = FitText(name(part), width);
    text.append(width - DisplayWidth(text), ' ');
    text +=
        fmt::format("  {:<9}  {} tensor{}", PartKindName(part.kind), WithCommas(f.tensors), f.tensors == 1 ? "" : "s");
    if (f.parameters.all > 0) text += fmt::format(", {} parameters", WithCommas(f.parameters.all));
    if (f.tensors > 0) text += fmt::format(", {}", HumanBytes(f.bytes));
    if (!part.prefix.empty()) text += fmt::format("; all names begin with '{}'", EscapeForTerminal(part.prefix));
    lines.Put(label, text);
    label = "";
  }
}

void PutFindings(Lines& lines, const Style& style, const Model& model, bool all) {
  std::string_view label = "findings";
  std::vector<const Finding*> order;
  order.reserve(model.findings.size());
  for (const Finding& finding : model.findings) order.push_back(&finding);
  std::stable_sort(order.begin(), order.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  const size_t most = all ? order.size() : kFindingsShown;
  for (size_t i = 0; i < order.size() && i < most; ++i) {
    const Finding& finding = *order[i];
    std::string severity(SeverityName(finding.severity));
    std::string shown = finding.severity >= Severity::kError     ? style.Red(severity)
                        : finding.severity == Severity::kWarning ? style.Yellow(severity)
                                                                 : severity;
    lines.Put(label,
              fmt::format("{}: {}{}", shown, finding.where.empty() ? "" : EscapeForTerminal(finding.where) + ": ",
                          EscapeForTerminal(finding.text)));
    label = "";
  }
  if (order.size() > most) {
    lines.Put("", fmt::format("{} more; --all shows them", WithCommas(order.size() - most)));
  }
}

}  // namespace

void PrintInfo(Output& out, const Model& model, const Narrowing& narrowing, const Arguments& arguments) {
  const Style style(UseColor(arguments));
  const bool all = arguments.Flag("all");
  Lines lines(out, OutputWidth(arguments) == kNoWidthLimit ? kNoWidthLimit : ReadableWidth(arguments));
  const Facts facts = FactsOf(model, narrowing);
  out << style.Bold(EscapeForTerminal(model.file)) << "\n";
  lines.Put("what", EscapeForTerminal(WhatItIs(model)));
  PutParameters(lines, model, facts);
  PutValues(lines, model, narrowing, all);
  PutParts(lines, model, narrowing, facts);
  std::string_view graph = "graph";
  for (const std::string& line : GraphLines(model)) {
    lines.Put(graph, line);
    graph = "";
  }
  if (!facts.dtypes.empty()) lines.Put("dtypes", Counts(facts.dtypes));
  if (!facts.devices.empty()) lines.Put("devices", Counts(facts.devices));
  if (facts.again > 0) {
    lines.Put("shared", fmt::format("{} more name{} for tensors listed before", WithCommas(facts.again),
                                    facts.again == 1 ? "" : "s"));
  }
  lines.Put("format", fmt::format("{}{}", EscapeForTerminal(model.format_text),
                                  model.producer.empty() ? "" : " (" + EscapeForTerminal(model.producer) + ")"));
  lines.Put("size", BytesText(facts.file_bytes));
  PutFindings(lines, style, model, all);
  const std::string file = ShellWord(model.file);
  out << fmt::format("  {:<{}}pthview list {}\n", "next", kLabel - 2, file);
  out << fmt::format("  {:<{}}pthview serve {}\n", "", kLabel - 2, file);
}

}  // namespace pthview
