// .pt2 archives of torch.export, since torch 2.8:
//
//   <root>/archive_format                         "pt2"
//   <root>/models/NAME.json                       the exported program: graph, signature
//   <root>/data/weights/NAME_weights_config.json  {"config": {fqn: {"path_name": "weight_0", "is_param", "use_pickle",
//                                                 "tensor_meta"}}}, and the records weight_N: raw storages
//   <root>/data/constants/NAME_constants_config.json  the same with tensor_N and custom_obj_N
//   <root>/data/sample_inputs/NAME.pt             a torch.save file
//   <root>/data/aotinductor/NAME/*                compiled code, never run and never loaded
//   <root>/extra/*
//
// and before, without a root folder, torch.save files (some named .json) beside the program:
//
//   serialized_exported_program.json  serialized_state_dict.{pt,json}  serialized_constants.{pt,json}
//   serialized_example_inputs.pt  version
//
// Source: torch/export/pt2_archive/_package.py, constants.py; torch/_export/__init__.py of torch 2.1.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "lib/base/allowance.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/container/zip_names.h"
#include "lib/formats/common/json_tree.h"
#include "lib/formats/common/record_rows.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/script/pt2_arguments.h"
#include "lib/formats/script/pt2_graph.h"
#include "lib/formats/script/pt2_schema.h"
#include "lib/formats/torch/torch_inside.h"
#include "lib/formats/torch/torch_walk.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

constexpr size_t kMaxModels = 256;
constexpr std::string_view kProgram = "serialized_exported_program.json";

int Match(const OpenContext& context) {
  if (context.zip == nullptr) return 0;
  return RecordText(*context.zip, "archive_format") == "pt2" || context.zip->FindInPrefix(kProgram) != nullptr ? 95 : 0;
}

// A folder of tensors with its table.
struct PayloadFolder {
  std::string_view folder;
  std::string_view config;  // the end of the table's name
  bool constants;
};
constexpr PayloadFolder kPayloads[] = {{"data/weights/", "_weights_config.json", false},
                                       {"data/constants/", "_constants_config.json", true}};

class Pt2Archive {
 public:
  Pt2Archive(ModelBuilder& builder, Index source, const ZipArchive& zip)
      : builder_(builder),
        model_(builder.model()),
        source_(source),
        zip_(zip),
        storages_(builder, source, zip),
        budget_(Allowance::OfFile(zip.source().size(), Allowance::kTimesInflated)) {}

  void ReadFolders() {
    std::vector<std::string> names = ModelNames();
    for (const std::string& name : names) ReadModel(name, names.size() > 1);
    if (names.empty()) model_.parts.push_back({.kind = PartKind::kModel});
    for (const std::string& name : names) {
      std::string path = "sample_inputs";
      if (names.size() > 1) AppendTextKey(path, name);
      Walk(fmt::format("data/sample_inputs/{}.pt", name), {.path = path, .part_kind = PartKind::kOther});
    }
    ReadCompiledCode();
    AddTextRows(builder_, zip_, "extra/", 0);
  }

  void ReadFlat() {
    model_.parts.push_back({.kind = PartKind::kModel});
    for (const char* extension : {"pt", "json"}) {
      Walk(fmt::format("serialized_state_dict.{}", extension), {.part = 0});
      Walk(fmt::format("serialized_constants.{}", extension), {.part = 0, .kind = TensorKind::kConstant});
    }
    ReadProgram(std::string(kProgram), "model", 0);
    Walk("serialized_example_inputs.pt", {.path = "example_inputs", .part_kind = PartKind::kOther});
    AddTextRows(builder_, zip_, "extra_files/", 0);
  }

  const std::string& torch_version() const { return torch_version_; }

 private:
  // The names of models in the order in which anything of theirs stands.
  std::vector<std::string> ModelNames() {
    std::vector<std::string> names;
    std::unordered_set<std::string_view, TextHash> seen;
    auto add = [&](std::string_view name, std::string_view folder, std::string_view end) {
      if (!name.starts_with(folder) || !name.ends_with(end) || name.size() <= folder.size() + end.size()) return;
      name = name.substr(folder.size(), name.size() - folder.size() - end.size());
      if (seen.insert(name).second && names.size() < kMaxModels) names.emplace_back(name);
    };
    for (const ZipRecord& record : zip_.records()) {
      std::string_view name = NameInPrefix(zip_, record.name).value_or("");
      add(name, "models/", ".json");
      for (const PayloadFolder& payload : kPayloads) {
        add(name, payload.folder, payload.config);
        add(name, payload.folder, ".pt");
      }
    }
    if (seen.size() > kMaxModels) {
      builder_.Note(Severity::kWarning, "models-left-out", "models",
                    fmt::format("only {} of {} models are listed", kMaxModels, seen.size()));
    }
    return names;
  }

  void ReadModel(const std::string& name, bool several) {
    std::string path;
    if (several) AppendTextKey(path, name);
    auto part = static_cast<Index>(model_.parts.size());
    model_.parts.push_back({.kind = PartKind::kModel, .path = builder_.arena().Copy(path)});
    for (const PayloadFolder& payload : kPayloads) {
      ReadTable(payload, name, part);
      WalkOptions options{.path = path, .part = part};
      if (payload.constants) options.kind = TensorKind::kConstant;
      Walk(fmt::format("{}{}.pt", payload.folder, name), options);
    }
    ReadProgram(fmt::format("models/{}.json", name), name, part);
  }

  // Whether a record may be read, as far as its size goes.
  bool Afford(const ZipRecord& record) {
    if (budget_.Take(record.size)) return true;
    builder_.Note(Severity::kError, "inflated-size", EscapeName(record.name),
                  fmt::format("with this one, the records hold more than the {} bytes that are allowed (32 times the "
                              "file's size and 4 MB); it is not read",
                              budget_.total()));
    return false;
  }

  std::optional<JsonTree> ReadJson(const std::string& name) {
    const ZipRecord* record = zip_.FindInPrefix(name);
    if (record == nullptr || !Afford(*record)) return std::nullopt;
    builder_.AllowText(record->size * Allowance::kTimes);
    auto bytes = zip_.Read(*record, record->size);
    if (bytes) {
      auto tree = JsonTree::Parse(*bytes);
      if (tree) return std::move(*tree);
      builder_.Note(Severity::kError, "json-record", name, tree.error().message);
    } else {
      builder_.Note(Severity::kError, "json-record", name, bytes.error().message);
    }
    return std::nullopt;
  }

  // A torch.save file inside the archive. What is wrong with it does not keep the rest from being shown.
  void Walk(const std::string& name, const WalkOptions& options) {
    const ZipRecord* record = zip_.FindInPrefix(name);
    if (record == nullptr || record->size == 0 || !loaded_.insert(record).second || !Afford(*record)) return;
    auto file = LoadTorchInside(builder_, source_, *record);
    if (!file) {
      builder_.Note(Severity::kError, "nested-file", name, file.error().message);
      return;
    }
    bool empty = file->tree.root.Is(pickle::Kind::kDict) && file->tree.Dict(file->tree.root).empty();
    if (!empty) WalkTorchPickle(*file, MakeNestedReader(builder_), builder_, options);
  }

  void ReadTable(const PayloadFolder& payload, const std::string& model_name, Index part) {
    auto table = ReadJson(fmt::format("{}{}{}", payload.folder, model_name, payload.config));
    if (!table) return;
    for (const auto& [name, meta] : table->root()["config"].members()) {
      std::string path(model_.parts[part].path);
      if (!builder_.TakeText(path.size() + name.size())) return;
      AppendTextKey(path, name);
      std::string record_name = fmt::format("{}{}", payload.folder, meta["path_name"].Text());
      if (!meta["tensor_meta"]) {
        const ZipRecord* record = zip_.FindInPrefix(record_name);
        AddPlainText(builder_, path, fmt::format("{} bytes of a custom object", record == nullptr ? 0 : record->size),
                     PlainKind::kObject, part);
        continue;
      }
      TensorKind kind = payload.constants                         ? TensorKind::kConstant
                        : meta["is_param"].Bool().value_or(false) ? TensorKind::kParameter
                                                                  : TensorKind::kBuffer;
      if (meta["use_pickle"].Bool().value_or(false)) {
        Walk(record_name, {.path = path, .part = part, .kind = kind});
      } else {
        AddTensor(path, record_name, ReadExportTensor(meta["tensor_meta"]), kind, part);
      }
    }
  }

  void AddTensor(const std::string& path, const std::string& record_name, const ExportTensor& meta, TensorKind kind,
                 Index part) {
    std::string_view device = builder_.arena().Copy(EscapeName(meta.device));
    TensorDraft draft{.shape = meta.shape, .strides = meta.strides, .offset = meta.offset, .dtype = meta.dtype};
    draft.requires_grad = meta.requires_grad;
    draft.device = device;
    if (!meta.strided) {
      builder_.Note(Severity::kWarning, "tensor-layout", path, "its layout is not strided; the values may be wrong");
    }
    std::string_view key = std::string_view(record_name).substr(record_name.rfind('/') + 1);
    draft.storage = storages_
                        .Resolve({.dtype = meta.dtype, .key = key, .numel = -1}, device,
                                 record_name.substr(0, record_name.rfind('/') + 1))
                        .storage;
    Tensor tensor = builder_.Check(draft, path);
    tensor.path = builder_.arena().Copy(path);
    tensor.name = NameWithin(tensor.path, model_.parts[part].path.size());
    tensor.part = part;
    tensor.kind = kind;
    tensor.persistent = kind != TensorKind::kConstant;
    builder_.AddTensor(tensor);
  }

  void ReadProgram(const std::string& record, std::string_view name, Index part) {
    auto tree = ReadJson(record);
    if (!tree) return;
    Json program = tree->root();
    AddExportedProgram(program, name, part, builder_);
    std::string prefix(model_.parts[part].path);
    auto add = [&](std::string_view key, std::string_view text, PlainKind kind) {
      if (!builder_.TakeText(prefix.size() + key.size() + text.size())) return;
      std::string path = prefix;
      AppendTextKey(path, key);
      AddPlainText(builder_, path, text, kind, part);
    };
    if (std::string_view version = program["torch_version"].Text(); !version.empty()) {
      add("torch_version", version, PlainKind::kString);
      if (!version.starts_with('<')) torch_version_ = EscapeName(version);
    }
    if (Json version = program["schema_version"]; version["major"]) {
      add("schema_version",
          fmt::format("{}.{}", version["major"].Int().value_or(0), version["minor"].Int().value_or(0)),
          PlainKind::kString);
    }
    for (const auto& [domain, version] : program["opset_version"].members()) {
      add(fmt::format("opset_version.{}", domain), ArgumentText({"as_int", version}), PlainKind::kInt);
    }
  }

  // AOTInductor packages: shared libraries and C++ texts, and what their tables say.
  void ReadCompiledCode() {
    constexpr std::string_view kFolder = "data/aotinductor/";
    constexpr std::string_view kMetadata = "_metadata.json";
    bool any = false;
    for (const ZipRecord& record : zip_.records()) {
      std::string_view name = NameInPrefix(zip_, record.name).value_or("");
      if (!name.starts_with(kFolder)) continue;
      any = true;
      if (name.ends_with(".json") && !name.ends_with(kMetadata)) {
        ReadCalls(std::string(name), record);
        continue;
      }
      if (!name.ends_with(kMetadata) || !loaded_.insert(&record).second) continue;
      std::string_view model = name.substr(kFolder.size());
      model = model.substr(0, model.find('/'));
      auto table = ReadJson(std::string(name));
      if (!table) continue;
      for (const auto& [key, value] : table->root().members()) {
        if (!builder_.TakeText(model.size() + key.size())) return;
        std::string path = "data.aotinductor";
        AppendTextKey(path, model);
        AppendTextKey(path, key);
        AddPlainText(builder_, path, ArgumentText({"", value}), PlainKind::kString, 0);
      }
    }
    if (!any) return;
    AddSizeRows(builder_, zip_, kFolder, 0);
    builder_.Note(Severity::kInfo, "compiled-code", "data/aotinductor",
                  "the package holds compiled code, which runs when it is loaded; pthview lists it and nothing more");
  }

  // {"nodes": [{"name": "buf3", "node": {"target", "inputs", "outputs"}}]}: operators that the compiled code leaves to
  // torch, as exported programs write them. Source: torch/_inductor/extern_node_serializer.py.
  void ReadCalls(const std::string& name, const ZipRecord& record) {
    if (!loaded_.insert(&record).second) return;
    auto table = ReadJson(name);
    if (!table || table->root()["nodes"].size() == 0) return;
    AddExternNodes(table->root()["nodes"], "calls of compiled code", 0, builder_);
    builder_.Note(Severity::kInfo, "compiled-calls", EscapeName(name),
                  "the graph holds the operators that the compiled code calls, which are not the whole program");
  }

  ModelBuilder& builder_;
  Model& model_;
  Index source_;
  const ZipArchive& zip_;
  ZipStorages storages_;
  Allowance budget_;
  std::unordered_set<const ZipRecord*> loaded_;  // each file inside is read once, whatever names it
  std::string torch_version_;
};

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  const ZipArchive& zip = *context.zip;
  Index source = builder.AddSource(std::move(context.source));
  Pt2Archive archive(builder, source, zip);
  bool flat = zip.FindInPrefix(kProgram) != nullptr;
  flat ? archive.ReadFlat() : archive.ReadFolders();
  Model& model = builder.model();
  std::string version = RecordText(zip, flat ? "version" : "archive_version");
  model.format_text = flat ? "torch.export archive of torch 2.1 to 2.7" : "torch.export archive (pt2)";
  if (!version.empty()) model.format_text += ", version " + EscapeName(version);
  model.producer = archive.torch_version().empty() ? "" : "torch " + archive.torch_version();
  return std::move(builder).Finish();
}

}  // namespace

const Format kPt2 = {"pt2", "torch.export archive (.pt2)", Match, Open};

}  // namespace pthview
