// torch.package archives:
//
//   <root>/<package>/<resource>.pkl       pickled objects; their storages are .data/<key>.storage
//   <root>/<package>/*.py                 the source of the classes
//   <root>/.data/extern_modules           names that stay outside, a line each
//   <root>/.data/ts_code/<n>/data.pkl     TorchScript modules; code in .data/ts_code/code/. A resource names one by the
//                                         persistent id ('reduce_package', id, unpackage_script_module, ('<n>',))
//
// Source: torch/package/package_exporter.py, package_importer.py; torch/jit/_script.py (unpackage_script_module).
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "lib/base/allowance.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/container/zip_names.h"
#include "lib/formats/common/record_rows.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/script/script_modules.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/formats/torch/torch_walk.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Value;

constexpr std::string_view kScripts = ".data/ts_code/";
// Pickles that are read, by the size of the package: each may refer to all of the others.
uint64_t MostResources(uint64_t file_bytes) { return 4096 + (file_bytes >> 12); }

int Match(const OpenContext& context) {
  return context.zip != nullptr && context.zip->FindInPrefix(".data/extern_modules") != nullptr ? 92 : 0;
}

class Package {
 public:
  Package(ModelBuilder& builder, Index source, const ZipArchive& zip)
      : builder_(builder),
        zip_(zip),
        storages_(builder, source, zip),
        budget_(Allowance::OfFile(zip.source().size(), Allowance::kTimesInflated)) {}

  void Read() {
    const uint64_t most = MostResources(zip_.source().size());
    std::vector<std::string> scripts;
    std::unordered_set<std::string_view, TextHash> seen;
    for (const ZipRecord& record : zip_.records()) {
      std::string_view name = NameInPrefix(zip_, record.name).value_or("");
      if (!name.ends_with(".pkl") || !seen.insert(name).second || seen.size() > most) continue;
      if (!name.starts_with(".data/")) {
        ReadResource(std::string(name));
      } else if (name.starts_with(kScripts) && name.ends_with("/data.pkl")) {
        name.remove_prefix(kScripts.size());
        scripts.emplace_back(name.substr(0, name.size() - std::string_view("/data.pkl").size()));
      }
    }
    if (seen.size() > most) {
      builder_.Note(Severity::kWarning, "package-resources", "",
                    fmt::format("only {} of {} pickles are listed", most, seen.size()));
    }
    JoinPythonSources(zip_, 0, builder_);
    auto first = static_cast<Index>(builder_.model().modules.size());
    for (const std::string& id : scripts) ReadScript(id);
    JoinScriptSources(zip_, ".data/ts_code/code/", first, builder_);
    if (builder_.model().parts.empty()) builder_.model().parts.push_back({});
    for (std::string_view name : {".data/extern_modules", ".data/python_version"}) {
      std::string text = RecordText(zip_, name);
      std::string path;
      AppendTextKey(path, name.substr(name.find('/') + 1));
      if (!text.empty()) AddPlainText(builder_, path, text, PlainKind::kString, 0);
    }
  }

 private:
  std::optional<TorchPickle> Load(const std::string& name) {
    if (!budget_.Take(zip_.FindInPrefix(name)->size)) {
      builder_.Note(Severity::kError, "inflated-size", EscapeName(name),
                    fmt::format("with this one, the records hold more than the {} bytes that are allowed (32 times "
                                "the file's size and 4 MB); it is not read",
                                budget_.total()));
      return std::nullopt;
    }
    auto file = LoadZipPickle(builder_, storages_, name, ".data/", 0);
    if (file) return std::move(*file);
    builder_.Note(Severity::kError, "package-resource", EscapeName(name), file.error().message);
    return std::nullopt;
  }

  void ReadResource(const std::string& name) {
    auto file = Load(name);
    if (!file) return;
    // package/sub/resource.pkl is package.sub.resource, as one would name it in Python.
    std::string key = name.substr(0, name.size() - std::string_view(".pkl").size());
    std::replace(key.begin(), key.end(), '/', '.');
    std::string path;
    AppendTextKey(path, key);
    for (Value id : file->tree.persistent_ids()) NoteScript(*file, id, path);
    Value root = file->tree.root;
    if (root.Is(Kind::kPersistent) && ScriptId(*file, file->tree.PersistentId(root))) return;  // nothing else is in it
    WalkOptions options{.path = path};
    if (root.Is(Kind::kPersistent)) options.part_kind = PartKind::kModel;  // a torch.fx module
    WalkTorchPickle(*file, MakeNestedReader(builder_), builder_, options);
  }

  static std::optional<std::string_view> ScriptId(const TorchPickle& file, Value id) {
    auto items = file.tree.Sequence(id);
    if (items.size() < 3 || !items[0].IsText() || items[0].Text() != "reduce_package") return std::nullopt;
    Value function = items[items.size() - 2];
    auto args = file.tree.Sequence(items.back());
    if (!function.Is(Kind::kGlobal) || file.tree.GlobalOf(function).name != "unpackage_script_module")
      return std::nullopt;
    if (args.empty() || !args[0].IsText()) return std::nullopt;
    return args[0].Text();
  }

  void NoteScript(const TorchPickle& file, Value id, const std::string& path) {
    if (auto script = ScriptId(file, id)) script_paths_.try_emplace(std::string(*script), path);
  }

  void ReadScript(const std::string& id) {
    std::string name = fmt::format("{}{}/data.pkl", kScripts, id);
    auto file = Load(name);
    if (!file) return;
    std::string path;
    if (auto known = script_paths_.find(id); known != script_paths_.end()) {
      path = known->second;
      script_paths_.erase(known);  // a second module of one resource keeps its own name
    } else {
      AppendTextKey(path, fmt::format("{}{}", kScripts, id));
    }
    WalkTorchPickle(*file, MakeNestedReader(builder_), builder_, {.path = path, .part_kind = PartKind::kModel});
  }

  ModelBuilder& builder_;
  const ZipArchive& zip_;
  ZipStorages storages_;
  Allowance budget_;
  std::unordered_map<std::string, std::string, TextHash>
      script_paths_;  // script id -> path of the resource that names it
};

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  const ZipArchive& zip = *context.zip;
  Index source = builder.AddSource(std::move(context.source));
  Package(builder, source, zip).Read();
  Model& model = builder.model();
  std::string python = RecordText(zip, ".data/python_version");
  model.format_text = "torch.package archive";
  if (!python.empty()) model.format_text += ", Python " + EscapeName(python);
  model.producer = "torch 1.8 or later";
  return std::move(builder).Finish();
}

}  // namespace

const Format kTorchPackage = {"torch-package", "torch.package archive", Match, Open};

}  // namespace pthview
