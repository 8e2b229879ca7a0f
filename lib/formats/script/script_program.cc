#include "lib/formats/script/script_program.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/container/zip.h"
#include "lib/container/zip_names.h"
#include "lib/formats/common/archive_folder.h"
#include "lib/formats/common/json_tree.h"
#include "lib/formats/common/unpacked_folder.h"
#include "lib/formats/script/pytorch1_records.h"
#include "lib/formats/script/script_dtype.h"
#include "lib/formats/torch/zip_storages.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

constexpr std::string_view kCode = "code/";
constexpr std::string_view kRanges = ".debug_pkl";
constexpr std::string_view kClasses = "__torch__";
constexpr size_t kMostSources = 20'000;
constexpr size_t kMostConstants = 1'000'000;
constexpr uint64_t kMostDocument = uint64_t{64} << 20;  // model.json

Result<ZipArchive> ArchiveOf(const ByteSource& source) {
  Findings said;  // whoever opened it first has said it
  if (const auto* folder = dynamic_cast<const FolderSource*>(&source)) {
    ZipArchive archive = ZipArchive::OfRecords(source, folder->Records());
    ChooseFolder(archive, &said);
    return archive;
  }
  PTHVIEW_ASSIGN(std::vector<std::byte> head, source.Read(0, std::min<uint64_t>(source.size(), 64)));
  if (LooksLikePyTorch1(head)) {
    PTHVIEW_ASSIGN(std::vector<PlainRecord> records, ReadPyTorch1(source, &said));
    return ZipArchive::OfRecords(source, records);
  }
  PTHVIEW_ASSIGN(ZipArchive archive, ZipArchive::Open(source, &said));
  ChooseFolder(archive, &said);
  return archive;
}

std::string AsText(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ProgramReader {
 public:
  ProgramReader(const Model& model, const ZipArchive& zip) : model_(model), zip_(zip) {}

  Result<ScriptProgram> Read() {
    const ZipRecord* document = zip_.FindInPrefix("model.json");
    if (zip_.FindInPrefix("data.pkl") == nullptr && document != nullptr) {
      PTHVIEW_TRY(ReadDocument(*document));
    } else {
      PTHVIEW_TRY(ReadSources());
      ReadModules();
      ReadConstants();
    }
    std::string version = RecordText(zip_, ".data/version");
    if (version.empty()) version = RecordText(zip_, "version");
    std::from_chars(version.data(), version.data() + version.size(), program_.version);
    return std::move(program_);
  }

 private:
  Status AddSource(const ZipRecord& record, std::string_view name) {
    if (program_.sources.size() >= kMostSources) {
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("its program has more than {} source files", kMostSources)};
    }
    const auto left = kMostScriptText - text_;
    if (record.size > left) {
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("its program has more than {} MB of source text", kMostScriptText >> 20)};
    }
    PTHVIEW_ASSIGN(std::vector<std::byte> bytes, zip_.Read(record, left));
    text_ += bytes.size();
    program_.sources.push_back({EscapeName(name), AsText(bytes), ""});
    // Without it only lines of Python's own files are unknown.
    const ZipRecord* ranges = zip_.FindInPrefix(fmt::format("{}{}{}", kCode, name, kRanges));
    if (ranges == nullptr || !ranges->readable || ranges->size > kMostScriptText - ranges_) return Ok();
    if (auto places = zip_.Read(*ranges, ranges->size)) {
      ranges_ += places->size();
      program_.sources.back().ranges = AsText(*places);
    }
    return Ok();
  }

  Status ReadSources() {
    for (const ZipRecord& record : zip_.records()) {
      std::string_view name = NameInPrefix(zip_, record.name).value_or("");
      if (!name.starts_with(kCode) || !name.ends_with(".py")) continue;
      if (!record.readable) {
        return Error{.code = ErrorCode::kTruncated, .message = fmt::format("{} cannot be read", EscapeName(name))};
      }
      PTHVIEW_TRY(AddSource(record, name.substr(kCode.size())));
    }
    if (!program_.sources.empty()) return Ok();
    return Error{.code = ErrorCode::kNotFound, .message = "it has no source text"};
  }

  void ReadModules() {
    if (model_.parts.empty() || model_.parts[0].root == kNone) return;
    const Index root = model_.parts[0].root;
    program_.root = model_.modules[root].class_name;
    std::vector<Index> todo = {root};
    while (!todo.empty()) {
      const Module& module = model_.modules[todo.back()];
      todo.pop_back();
      program_.modules.push_back({std::string(module.path), std::string(module.class_name), {}, ""});
      todo.insert(todo.end(), module.children.begin(), module.children.end());
    }
  }

  // constants.pkl is a tuple; the rows of its tensors are constants[0], constants[3].
  void ReadConstants() {
    constexpr std::string_view kRow = "constants[";
    for (const Tensor& tensor : model_.tensors) {
      if (!tensor.path.starts_with(kRow) || !tensor.path.ends_with(']')) continue;
      size_t index = 0;
      const char* end = tensor.path.data() + tensor.path.size() - 1;
      auto [behind, error] = std::from_chars(tensor.path.data() + kRow.size(), end, index);
      if (error != std::errc() || behind != end || index >= kMostConstants) continue;
      if (program_.constants.size() <= index) program_.constants.resize(index + 1);
      program_.constants[index] = {std::string(tensor.path), tensor.dtype, {tensor.shape.begin(), tensor.shape.end()}};
    }
  }

  // ---- archives with model.json ----

  Status ReadDocument(const ZipRecord& record) {
    PTHVIEW_ASSIGN(std::vector<std::byte> text, zip_.Read(record, kMostDocument));
    PTHVIEW_ASSIGN(JsonTree document, JsonTree::Parse(text));
    struct Pending {
      Json module;
      std::string path;
    };
    uint64_t paths = 0;
    std::vector<Pending> stack = {{document.root()["mainModule"], ""}};
    while (!stack.empty()) {
      Pending next = std::move(stack.back());
      stack.pop_back();
      PTHVIEW_TRY(AddModule(next.module, next.path));
      for (Json child : next.module["submodules"].elements()) {
        Pending below{child, next.path};
        AppendTextKey(below.path, child["name"].Text());
        paths += below.path.size();
        if (paths > kMostDocument) {
          return Error{.code = ErrorCode::kLimit, .message = "the names of its modules are too long"};
        }
        stack.push_back(std::move(below));
      }
    }
    size_t number = 0;
    for (Json tensor : document.root()["tensors"].elements()) {
      ScriptProgram::Constant& constant = program_.constants.emplace_back();
      constant.tensor = fmt::format("CONSTANTS.c{}", number++);
      constant.dtype = ScriptDType(tensor["dataType"].Text());
      for (Json dim : tensor["dims"].elements()) constant.shape.push_back(dim.Int().value_or(-1));
    }
    return Ok();
  }

  Status AddModule(Json from, const std::string& path) {
    ScriptProgram::Module& module = program_.modules.emplace_back();
    module.path = path;
    for (Json parameter : from["parameters"].elements()) {
      module.attributes.push_back({EscapeName(parameter["name"].Text()), "Tensor"});
    }
    for (Json attribute : from["attributes"].elements()) {
      module.attributes.push_back({EscapeName(attribute["name"].Text()), EscapeName(attribute["type"].Text())});
    }
    const std::string_view key = from["torchscriptArena"]["key"].Text();
    const ZipRecord* record = key.empty() ? nullptr : zip_.FindInPrefix(key);
    if (record == nullptr || !record->readable) return Ok();
    const std::string_view name = key.substr(key.starts_with(kCode) ? kCode.size() : 0);
    module.source = EscapeName(name);
    return known_.insert(module.source).second ? AddSource(*record, name) : Ok();
  }

  const Model& model_;
  const ZipArchive& zip_;
  ScriptProgram program_;
  uint64_t text_ = 0;
  uint64_t ranges_ = 0;
  std::set<std::string> known_;
};

}  // namespace

bool HasScriptProgram(const Model& model) {
  if (model.sources.empty() || model.sources[0] == nullptr || model.parts.empty()) return false;
  if (model.format == "torchscript-old" || model.format == "torchscript-first") return true;
  const Index root = model.parts[0].root;
  return root != kNone && model.modules[root].class_name.starts_with(kClasses) &&
         model.format_text.starts_with("TorchScript archive");
}

Result<ScriptProgram> ReadScriptProgram(const Model& model) {
  const ByteSource& source = *model.sources[0];
  PTHVIEW_TRY(source.CheckUnchanged());
  PTHVIEW_ASSIGN(ZipArchive zip, ArchiveOf(source));
  return ProgramReader(model, zip).Read();
}

}  // namespace pthview
