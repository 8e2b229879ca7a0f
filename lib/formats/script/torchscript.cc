// TorchScript archives since torch 1.2, with or without the lite interpreter's bytecode.
//
//   archive/data.pkl             the module: objects of classes `__torch__.X`, tensors over records data/<key>
//   archive/constants.pkl        a tuple of tensors, over records constants/<key>; code calls them CONSTANTS.c0
//   archive/code/__torch__/*.py  the source of the classes, and *.py.debug_pkl
//   archive/bytecode.pkl         lite interpreter: (version, (function, ((section, rows), ...)), ...)
//   archive/extra/*              _extra_files
//   archive/version              "3\n"
//
// Nothing of code/ or of the bytecode is run. Source: torch/csrc/jit/serialization/export_module.cpp, import.cpp.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/container/zip_names.h"
#include "lib/formats/common/record_rows.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/script/bytecode_graph.h"
#include "lib/formats/script/bytecode_pickle.h"
#include "lib/formats/script/script_modules.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/formats/torch/torch_walk.h"

namespace pthview {
namespace {

using pickle::Kind;

// Of the bytecode's pickle: an instruction takes some 10 bytes in it, and a node of a graph some 500.
constexpr uint64_t kTimesBytecode = 64;
// Pickles beside the module that are shown too; real archives have one or two.
constexpr size_t kMaxFurther = 16;

int Match(const OpenContext& context) {
  if (context.zip == nullptr) return 0;
  const ZipArchive& zip = *context.zip;
  bool data = zip.FindInPrefix("data.pkl") != nullptr;
  bool bytecode = zip.FindInPrefix("bytecode.pkl") != nullptr;
  return (data || bytecode) && (bytecode || zip.FindInPrefix("constants.pkl") != nullptr) ? 90 : 0;
}

class ScriptArchive {
 public:
  ScriptArchive(ModelBuilder& builder, Index source, const ZipArchive& zip)
      : builder_(builder), zip_(zip), storages_(builder, source, zip) {}

  Status Read(std::optional<EarlyPickle> early) {
    if (zip_.FindInPrefix("data.pkl") != nullptr) {
      PTHVIEW_ASSIGN(data_, LoadZipPickle(builder_, storages_, "data.pkl", "data/", 0, std::move(early)));
      WalkTorchPickle(*data_, MakeNestedReader(builder_), builder_, {.part_kind = PartKind::kModel});
    } else {
      builder_.model().parts.push_back({.kind = PartKind::kModel});
    }
    JoinScriptSources(zip_, "code/", 0, builder_);
    ReadOther("constants", {.path = "constants", .part = 0, .kind = TensorKind::kConstant});
    ReadBytecode();
    ReadFurther();
    AddTextRows(builder_, zip_, "extra/", 0);
    return Ok();
  }

  std::optional<int64_t> bytecode_version() const { return bytecode_version_; }

 private:
  // <name>.pkl with its storages in <name>/. What is wrong with it does not keep the module from being shown.
  void ReadOther(const std::string& name, const WalkOptions& options) {
    if (zip_.FindInPrefix(name + ".pkl") == nullptr) return;
    auto file = LoadZipPickle(builder_, storages_, name + ".pkl", name + "/", 0);
    if (!file) {
      builder_.Note(Severity::kError, "script-record", name + ".pkl", file.error().message);
      return;
    }
    if (file->tree.root.Is(Kind::kTuple) && file->tree.Tuple(file->tree.root).empty()) return;
    WalkTorchPickle(*file, MakeNestedReader(builder_), builder_, options);
  }

  // Pickles that some exporters put beside the module: traced_inputs.pkl.
  void ReadFurther() {
    static constexpr std::string_view kKnown[] = {"data", "constants", "bytecode", "mobile_debug_handles"};
    std::unordered_set<std::string_view, TextHash> seen(std::begin(kKnown), std::end(kKnown));
    for (const ZipRecord& record : zip_.records()) {
      std::string_view name = NameInPrefix(zip_, record.name).value_or("");
      if (!name.ends_with(".pkl") || name.find('/') != std::string_view::npos) continue;
      name.remove_suffix(4);
      if (!seen.insert(name).second) continue;
      if (seen.size() > std::size(kKnown) + kMaxFurther) {
        builder_.Note(Severity::kWarning, "further-pickles", "",
                      fmt::format("only {} further pickles are listed", kMaxFurther));
        return;
      }
      std::string path = EscapeName(name);
      ReadOther(std::string(name), {.path = path, .part_kind = PartKind::kOther});
    }
  }

  // The operators that the bytecode calls, each once, and the graphs of its functions.
  void ReadBytecode() {
    if (zip_.FindInPrefix("bytecode.pkl") == nullptr) return;
    auto file = LoadZipPickle(builder_, storages_, "bytecode.pkl", "constants/", 0);
    if (!file) {
      builder_.Note(Severity::kError, "script-record", "bytecode.pkl", file.error().message);
      return;
    }
    builder_.AllowText(file->tree.end * kTimesBytecode);
    bytecode::Program program = bytecode::ReadPickled(file->tree, builder_);
    bytecode_version_ = program.version;
    for (size_t i = 0; i < program.operators.size(); ++i) AddOperatorRow(builder_, i, program.operators[i], 0);
    const auto slots = bytecode::PickledSlots(data_ ? &data_->tree : nullptr);
    AddBytecodeGraphs(program.functions, *slots, 0, builder_);
  }

  ModelBuilder& builder_;
  const ZipArchive& zip_;
  ZipStorages storages_;
  std::optional<TorchPickle> data_;
  std::optional<int64_t> bytecode_version_;
};

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  const ZipArchive& zip = *context.zip;
  Index source = builder.AddSource(std::move(context.source));
  ScriptArchive archive(builder, source, zip);
  PTHVIEW_TRY(archive.Read(std::move(context.pickle)));
  Model& model = builder.model();
  std::string version = RecordText(zip, ".data/version");
  if (version.empty()) version = RecordText(zip, "version");
  model.format_text = "TorchScript archive";
  if (archive.bytecode_version()) {
    model.format_text += fmt::format(" for the lite interpreter, bytecode version {}", *archive.bytecode_version());
  }
  if (!version.empty()) model.format_text += ", version " + EscapeName(version);
  model.producer = zip.FindInPrefix("byteorder") != nullptr ? "torch 2.1 or later" : "torch 1.2 or later";
  return std::move(builder).Finish();
}

}  // namespace

const Format kTorchScript = {"torchscript", "TorchScript archive (torch.jit.save)", Match, Open};

}  // namespace pthview
