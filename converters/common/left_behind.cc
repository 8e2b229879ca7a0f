#include "converters/common/left_behind.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/container/zip.h"

namespace pthview {
namespace {

constexpr size_t kMost = 10'000;  // losses of one kind; what follows is counted

// Records that say how an archive is written, or where its tensors are. The output has its own, or needs none.
constexpr std::string_view kOfContainer[] = {
    "version",       "byteorder",       ".format_version", ".storage_alignment",   ".data/serialization_id",
    ".data/version", "archive_version", "archive_format",  ".data/extern_modules", ".data/python_version",
};
constexpr std::string_view kOfTensors[] = {
    "weights_config.json",          "constants_config.json",   "serialized_state_dict.pt",
    "serialized_state_dict.json",   "serialized_constants.pt", "serialized_constants.json",
    "serialized_example_inputs.pt",
};

// One of these stands in every archive that torch writes; other archives are bags of files.
constexpr std::string_view kOfTorch[] = {"data.pkl", "model.json", "archive_format", ".data/version", "version"};

// What a record is, by its name.
struct Kind {
  std::string_view contains;
  std::string_view ends;
  std::string_view text;
  bool in_json;  // annotated JSON tells of it
};
constexpr Kind kKinds[] = {
    {"", ".debug_pkl", "which lines of Python its code came from", false},
    {"code/", ".py", "the code of a TorchScript program", true},
    {"", "constants.pkl", "constants of a TorchScript program; those that are tensors are taken along", false},
    {"", "attributes.pkl", "attributes of modules; those that are tensors are taken along", false},
    {"", "bytecode.pkl", "the instructions of a mobile program", false},
    {"mobile", ".pkl", "the instructions of a mobile program", false},
    {"", ".pkl", "objects of a program; those that are tensors are taken along", true},
    {"models/", ".json", "an exported program with its graph", true},
    {"", "model.json", "how an old TorchScript program is made of modules", true},
    {"", "serialized_exported_program.json", "an exported program with its graph", true},
    {"aotinductor/", "", "part of a program that was compiled ahead of time", false},
    {"", ".so", "compiled code", false},
    {"", ".py", "Python code that comes with it", false},
    {"", "", "a record that no tensor and no value comes from", false},
};

const Kind& KindOfRecord(std::string_view name) {
  return *std::ranges::find_if(kKinds, [&](const Kind& kind) {
    return name.find(kind.contains) != std::string_view::npos && name.ends_with(kind.ends);
  });
}

void Add(std::vector<Loss>& losses, size_t& count, Loss loss) {
  if (++count <= kMost) losses.push_back(std::move(loss));
}

void AddRest(std::vector<Loss>& losses, size_t count, std::string_view code, std::string_view what) {
  if (count <= kMost) return;
  losses.push_back({Loss::kDropped, std::string(code), "", fmt::format("{} more {}", count - kMost, what)});
}

// The first bytes of tensors' values in one source, in order.
std::vector<uint64_t> Starts(const Model& model, Index source) {
  std::vector<uint64_t> starts;
  for (const Storage& storage : model.storages) {
    if (storage.source == source) starts.push_back(storage.offset);
  }
  std::sort(starts.begin(), starts.end());
  return starts;
}

// Values that are compressed have sources of their own: their records are told by their names.
bool HoldsPackedValues(const ZipRecord& record) {
  if (record.method == 0) return false;
  const std::string_view name = record.name;
  const size_t slash = name.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : name.substr(0, slash);
  const bool of_values = std::ranges::any_of(std::array<std::string_view, 4>{"data", "constants", "weights", "tensors"},
                                             [&](std::string_view ending) { return folder.ends_with(ending); });
  return of_values && name.find('.', slash) == std::string_view::npos;
}

// Whether modules carry the text of a class that stands in this file of code: functions have no place in the model.
bool HasClassOf(const Model& model, std::string_view record) {
  std::string of(record.substr(record.rfind("code/") + 5));
  of.resize(of.size() - 2);  // "py"
  std::ranges::replace(of, '/', '.');
  return std::ranges::any_of(model.modules,
                             [&](const Module& m) { return !m.source.empty() && m.class_name.starts_with(of); });
}

void AddRecords(const Model& model, Index source, bool described, std::vector<Loss>& losses, size_t& count) {
  auto head = model.sources[source]->Read(0, std::min<uint64_t>(4, model.sources[source]->size()));
  if (!head || !LooksLikeZip(*head)) return;
  Findings ignored;
  auto zip = ZipArchive::Open(*model.sources[source], &ignored);
  if (!zip) return;
  auto below = [&](std::string_view name) {
    const std::string_view prefix = zip->prefix();
    return !prefix.empty() && name.starts_with(prefix) && name.size() > prefix.size() ? name.substr(prefix.size() + 1)
                                                                                      : name;
  };
  auto is_one_of = [&](std::string_view name, std::span<const std::string_view> names) {
    return std::ranges::find(names, below(name)) != names.end();
  };
  auto any = [&](auto test) { return std::ranges::any_of(zip->records(), test); };
  if (!any([&](const ZipRecord& r) { return is_one_of(r.name, kOfTorch); })) return;
  // A pickle of nothing but tensors and values is all in the model's tables; that of a program is not.
  const bool program = any([&](const ZipRecord& r) { return r.name.ends_with("constants.pkl"); });
  const std::vector<uint64_t> starts = Starts(model, source);
  std::unordered_set<std::string_view> keys;  // values that are turned to our byte order have sources of their own
  for (const Storage& storage : model.storages) keys.insert(storage.key);
  std::unordered_set<std::string_view> texts;  // files beside a program that were read as plain values
  for (const PlainValue& value : model.plain) {
    if (value.path.starts_with("extra.")) texts.insert(value.path.substr(6));
  }
  for (const ZipRecord& record : zip->records()) {
    if (is_one_of(record.name, kOfContainer) || HoldsPackedValues(record)) continue;
    if (!program && below(record.name) == "data.pkl") continue;
    if (std::ranges::any_of(kOfTensors, [&](std::string_view ending) { return record.name.ends_with(ending); }))
      continue;
    const size_t extra = record.name.find("extra/");
    if (extra != std::string_view::npos && texts.contains(record.name.substr(extra + 6))) continue;
    auto value = std::lower_bound(starts.begin(), starts.end(), record.offset);
    if (value != starts.end() && *value < record.offset + std::max<uint64_t>(record.stored, 1)) continue;
    if (keys.contains(record.name.substr(record.name.rfind('/') + 1))) continue;
    const Kind& kind = KindOfRecord(record.name);
    const bool told = described && kind.in_json && (kind.contains != "code/" || HasClassOf(model, record.name));
    Add(losses, count,
        {told ? Loss::kDescribed : Loss::kDropped, "record", EscapeName(record.name),
         fmt::format("{} ({} bytes)", kind.text, record.size)});
  }
}

}  // namespace

std::vector<Loss> ValuesLeftBehind(const Model& model) {
  std::vector<Loss> losses;
  size_t count = 0;
  for (const PlainValue& value : model.plain) {
    Add(losses, count,
        {Loss::kDropped, "value", std::string(value.path),
         fmt::format("a plain value: {}", value.text.substr(0, 200))});
  }
  AddRest(losses, count, "value", "plain values");
  return losses;
}

std::vector<Loss> ProgramLeftBehind(const Model& model, bool described) {
  std::vector<Loss> losses;
  size_t others = 0;
  if (!described) {
    for (Index root : model.graph_roots) {
      const Graph& graph = model.graphs[root];
      if (graph.origin != Origin::kRecorded) continue;
      Add(losses, others,
          {Loss::kDropped, "graph", graph.name, fmt::format("a recorded graph of {} nodes", graph.nodes.size())});
    }
  }
  size_t records = 0;
  // Chunks of a distributed checkpoint were put together elsewhere.
  for (Index source = 0; source < model.sources.size() && model.format != "dcp"; ++source) {
    AddRecords(model, source, described, losses, records);
  }
  AddRest(losses, records, "record", "records");
  // Of an archive, records have the texts already.
  if (!described && records == 0) {
    std::set<std::string_view> classes;
    for (const Module& module : model.modules) {
      if (module.source.empty() || !classes.insert(module.class_name).second) continue;
      Add(losses, others,
          {Loss::kDropped, "source", std::string(module.class_name), "the text of the class, which came with it"});
    }
  }
  if (model.format == "mobile-flatbuffer") {
    losses.push_back({Loss::kDropped, "record", "", "the instructions of a mobile program"});
  }
  return losses;
}

}  // namespace pthview
