#include "lib/formats/script/script_modules.h"

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/formats/script/script_source.h"

namespace pthview {
namespace {

// What sources may be inflated to, and what the constants that are copied to modules may hold: a class may stand at
// many modules. What is beyond is not read, and a finding says so.
uint64_t MostText(uint64_t file_bytes) { return SaturatingMulAdd(file_bytes, 8, uint64_t{32} << 20); }

class Sources {
 public:
  Sources(const ZipArchive& zip, std::string_view folder, ModelBuilder& builder)
      : zip_(zip), folder_(folder), builder_(builder), most_(MostText(zip.source().size())) {}

  // The class of a full name such as `__torch__.torch.nn.modules.conv.Conv2d`; null when the archive has no source.
  const ScriptClass* Find(std::string_view full_name) {
    size_t dot = full_name.rfind('.');
    if (dot == std::string_view::npos) return nullptr;
    std::string qualifier(full_name.substr(0, dot));
    if (read_qualifiers_.insert(qualifier).second) Read(qualifier);
    auto found = classes_.find(std::string(full_name));
    return found == classes_.end() ? nullptr : &found->second;
  }

 private:
  void Read(const std::string& qualifier) {
    std::string name = folder_ + qualifier + ".py";
    std::replace(name.begin() + static_cast<ptrdiff_t>(folder_.size()), name.end() - 3, '.', '/');
    const ZipRecord* record = zip_.FindInPrefix(name);
    if (record == nullptr || !record->readable) return;
    if (record->size > most_ - read_) {
      builder_.Note(Severity::kWarning, "script-source", name,
                    fmt::format("with it, the source texts hold more than the {} bytes that are allowed (8 times the "
                                "file's size and 32 MB); it is not shown",
                                most_));
      return;
    }
    auto bytes = zip_.Read(*record, record->size);
    if (!bytes) {
      builder_.Note(Severity::kWarning, "script-source", name,
                    fmt::format("it cannot be read: {}", bytes.error().message));
      return;
    }
    read_ += record->size;
    std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    for (ScriptClass& script_class : ParseScriptClasses(builder_.arena().Copy(EscapeName(text)))) {
      std::sort(script_class.parameters.begin(), script_class.parameters.end());
      std::sort(script_class.buffers.begin(), script_class.buffers.end());
      classes_.try_emplace(fmt::format("{}.{}", qualifier, script_class.name), std::move(script_class));
    }
  }

  const ZipArchive& zip_;
  std::string folder_;
  ModelBuilder& builder_;
  const uint64_t most_;
  uint64_t read_ = 0;
  std::unordered_set<std::string, TextHash> read_qualifiers_;  // `__torch__.torch.nn.modules.conv`
  std::unordered_map<std::string, ScriptClass, TextHash> classes_;
};

// `names` are sorted.
bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::binary_search(names.begin(), names.end(), name, std::less<>());
}

// A tensor of the module itself is told by its class. One inside a list, tuple or packed object of it is left as it is.
void TellKind(const ScriptClass& script_class, const Module& module, Tensor& tensor) {
  std::string_view name = tensor.name;
  if (!module.path.empty()) {
    if (!name.starts_with(module.path) || name.size() <= module.path.size()) return;
    name.remove_prefix(module.path.size());
    if (name[0] == '.') name.remove_prefix(1);
  }
  if (name.find_first_of(".[") != std::string_view::npos) {
    // A list of what the module has under names of its own (_flat_weights of an LSTM) is not in its state_dict().
    if (tensor.same_as != kNone) tensor.persistent = false;
    return;
  }
  if (Contains(script_class.parameters, name)) {
    tensor.kind = TensorKind::kParameter;
  } else if (Contains(script_class.buffers, name)) {
    tensor.kind = TensorKind::kBuffer;
  } else {  // a plain attribute, which state_dict() leaves out
    tensor.kind = TensorKind::kConstant;
    tensor.persistent = false;
  }
}

}  // namespace

void JoinScriptSources(const ZipArchive& zip, std::string_view code_folder, Index first_module, ModelBuilder& builder) {
  Sources sources(zip, code_folder, builder);
  Model& model = builder.model();
  const uint64_t most = MostText(zip.source().size());
  uint64_t constants = 0;
  for (size_t i = first_module; i < model.modules.size(); ++i) {
    Module& module = model.modules[i];
    if (!module.class_name.starts_with("__torch__")) continue;
    const ScriptClass* script_class = sources.Find(module.class_name);
    if (script_class == nullptr) continue;
    module.source = script_class->text;
    for (const auto& [name, value] : script_class->constants) {
      constants += sizeof(Attribute) + name.size() + value.size();
      if (constants > most) break;
      module.attributes.push_back({std::string(name), std::string(value), Origin::kRecorded});
    }
    for (Index tensor : module.tensors) TellKind(*script_class, module, model.tensors[tensor]);
  }
  if (constants > most) {
    builder.Note(Severity::kWarning, "script-constants", "",
                 fmt::format("the constants of classes, written at each of their modules, take more than the {} bytes "
                             "that are allowed (8 times the file's size and 32 MB); what is beyond is not shown",
                             most));
  }
}

void JoinPythonSources(const ZipArchive& zip, Index first_module, ModelBuilder& builder) {
  Sources sources(zip, "", builder);
  for (size_t i = first_module; i < builder.model().modules.size(); ++i) {
    Module& module = builder.model().modules[i];
    const ScriptClass* python_class = module.source.empty() ? sources.Find(module.class_name) : nullptr;
    if (python_class != nullptr) module.source = python_class->text;
  }
}

}  // namespace pthview
