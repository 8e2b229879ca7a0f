#include "converters/onnx/metadata.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "converters/common/output_paths.h"
#include "converters/onnx/unique_names.h"
#include "lib/analysis/summary/written_values.h"

namespace pthview {
namespace {

constexpr size_t kPlainValues = 500;
constexpr size_t kTextBytes = 1000;         // of one plain value
constexpr size_t kAssumptionBytes = 16000;  // of all assumptions

// The first `limit` bytes, not inside a character.
std::string Shortened(std::string_view text, size_t limit) {
  if (text.size() <= limit) return ValidUtf8(text);
  while (limit > 0 && (static_cast<uint8_t>(text[limit]) & 0xC0) == 0x80) --limit;
  return ValidUtf8(text.substr(0, limit)) + "...";
}

// Python's own mark: "lstm._all_weights[0]".
bool IsPrivate(std::string_view path) {
  return path.find("._") != std::string_view::npos && path.find(".__") == std::string_view::npos;
}

std::string Assumptions(const Model& model) {
  std::string text;
  for (const Finding& finding : model.findings) {
    if (!finding.code.starts_with("inferred-")) continue;
    std::string line = finding.where.empty() ? finding.text : fmt::format("{}: {}", finding.where, finding.text);
    if (text.size() + line.size() > kAssumptionBytes) return text + "\n...";
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
}

}  // namespace

void AddMetadata(const Model& model, std::string_view graph, pthview_onnx::ModelProto& proto,
                 std::vector<std::string>& notes) {
  UniqueNames keys;
  auto add = [&](std::string_view key, std::string value) {
    auto& entry = *proto.add_metadata_props();
    entry.set_key(keys.Claim(ValidUtf8(key)));
    entry.set_value(std::move(value));
  };
  add("pthview.graph", std::string(graph));
  add("pthview.runs", "no: it is for viewing");
  add("pthview.version", PTHVIEW_VERSION);
  if (graph == "inferred") add("pthview.assumptions", ValidUtf8(Assumptions(model)));
  add("pthview.source", Shortened(BaseName(model.file), kTextBytes));
  add("pthview.source.format", ValidUtf8(model.format_text.empty() ? model.format : model.format_text));
  if (!model.producer.empty()) add("pthview.source.producer", ValidUtf8(model.producer));
  size_t left_out = 0;
  size_t shortened = 0;
  size_t written = 0;
  for (const RankedValue& row : RankValues(model)) {
    const PlainValue& plain = model.plain[row.plain];
    if (row.rank == ValueRank::kBookkeeping || IsPrivate(plain.path)) continue;
    if (plain.kind == PlainKind::kEmpty || plain.kind == PlainKind::kObject || plain.kind == PlainKind::kNone) continue;
    if (++written > kPlainValues || plain.path.size() > kTextBytes) {
      ++left_out;
      continue;
    }
    shortened += plain.text.size() > kTextBytes ? 1 : 0;
    add(plain.path, Shortened(plain.text, kTextBytes));
  }
  if (left_out > 0) notes.push_back(fmt::format("{} plain values are left out of the metadata", left_out));
  if (shortened > 0) notes.push_back(fmt::format("{} long plain values are cut short in the metadata", shortened));
}

}  // namespace pthview
