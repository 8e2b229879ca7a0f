// A TensorDict that was mapped to disk: a folder with a meta.json and a file of raw elements for each tensor.
//
//   meta.json       {"w": {"device": "cpu", "shape": [3, 4], "dtype": "torch.float32", "is_nested": false},
//                    "inner": {"type": "TensorDict"}, "shape": [], "device": "None", "_type": "<class
//                    '...TensorDict'>"}
//   w.memmap        the elements, row-major, in the machine's order
//   inner/meta.json a TensorDict inside it
//
// Source: tensordict/_td.py and base.py (memmap, load_memmap).
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/formats/common/folder.h"
#include "lib/formats/common/json_tree.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/model/builder.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

constexpr std::string_view kMeta = "meta.json";
constexpr uint64_t kMaxMeta = uint64_t{64} << 20;
constexpr size_t kMostFolders = 10'000;
constexpr size_t kDeepest = 64;

Result<JsonTree> ReadMeta(const std::string& folder) {
  PTHVIEW_ASSIGN(std::unique_ptr<ByteSource> file, OpenInFolder(folder, kMeta));
  if (file->size() > kMaxMeta) {
    return Error{
        .code = ErrorCode::kLimit,
        .message = fmt::format("a meta.json of {} bytes, more than the {} that are allowed", file->size(), kMaxMeta)};
  }
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, file->Read(0, file->size()));
  return JsonTree::Parse(bytes);
}

// A class of the tensordict package, or what derives from its own: `<class 'tensordict._td.TensorDict'>`.
bool IsTensorDict(Json root) {
  return root["_type"].Text().starts_with("<class '") && root["shape"].kind() == Json::Kind::kArray;
}

int Match(const OpenContext& context) {
  if (!context.directory || context.folder.empty()) return 0;
  auto meta = ReadMeta(context.folder);
  return meta && IsTensorDict(meta->root()) ? 60 : 0;
}

class Reader {
 public:
  explicit Reader(ModelBuilder& builder) : builder_(builder) {
    builder_.model().parts.push_back({.kind = PartKind::kModel});
  }

  Status Read(const std::string& folder) {
    std::vector<Pending> pending = {{folder, "", 0}};
    while (!pending.empty()) {
      Pending next = std::move(pending.back());
      pending.pop_back();
      if (++folders_ > kMostFolders || next.depth > kDeepest) {
        builder_.Note(Severity::kWarning, "tensordict-limit", next.path,
                      fmt::format("folders stand more than {} deep, or there are more than {} of them: what is in the "
                                  "others is not listed",
                                  kDeepest, kMostFolders));
        return Ok();
      }
      auto meta = ReadMeta(next.folder);
      if (!meta) {
        if (next.path.empty()) return std::move(meta).error();
        builder_.Note(Severity::kError, "tensordict-meta", next.path,
                      fmt::format("its meta.json cannot be read: {}", meta.error().message));
        continue;
      }
      std::vector<Pending> inside;
      for (const Json::Member& member : meta->root().members()) {
        if (member.value.kind() != Json::Kind::kObject) {
          AddFact(next.path, member.key, member.value);
          continue;
        }
        std::string path = next.path;
        AppendTextKey(path, member.key);
        if (member.value["dtype"]) {
          AddTensor(next.folder, member.key, member.value, path);
        } else if (IsPlainFileName(member.key)) {
          inside.push_back({next.folder + "/" + std::string(member.key), path, next.depth + 1});
        }
      }
      pending.insert(pending.end(), inside.rbegin(), inside.rend());
    }
    return Ok();
  }

 private:
  struct Pending {
    std::string folder;
    std::string path;
    size_t depth = 0;
  };

  void AddFact(std::string path, std::string_view key, Json value) {
    if (key == "device") return;
    std::string text;
    PlainValue row{.part = 0, .kind = PlainKind::kString};
    if (value.kind() == Json::Kind::kString) {
      text = value.Text();
    } else if (value.kind() == Json::Kind::kArray) {
      for (Json size : value.elements()) text += fmt::format("{}{}", text.empty() ? "" : ", ", size.Int().value_or(-1));
      text = "[" + text + "]";
      row.kind = PlainKind::kSequence;
    } else {
      return;
    }
    AppendTextKey(path, key);
    row.path = builder_.arena().Copy(path);
    row.text = builder_.arena().Copy(EscapeName(text));
    builder_.AddPlain(row);
  }

  void AddTensor(const std::string& folder, std::string_view key, Json entry, const std::string& path) {
    std::vector<int64_t> shape;
    for (Json size : entry["shape"].elements()) shape.push_back(size.Int().value_or(-1));
    std::string_view name = entry["dtype"].Text();
    if (name.starts_with("torch.")) name.remove_prefix(6);
    const DType dtype = DTypeFromName(name).value_or(DType::kUnknown);
    const std::string_view device = builder_.arena().Copy(EscapeName(entry["device"].Text()));
    TensorDraft draft{.shape = shape, .dtype = dtype, .device = device};
    if (entry["is_nested"].Bool().value_or(false)) {
      builder_.Note(Severity::kWarning, "tensordict-nested", path, "a nested tensor, whose elements are not read");
    } else {
      draft.storage = Place(folder, std::string(key) + ".memmap", dtype, path);
    }
    Tensor tensor = builder_.Check(draft, path);
    tensor.path = tensor.name = builder_.arena().Copy(path);
    tensor.part = 0;
    tensor.kind = TensorKind::kState;
    builder_.AddTensor(tensor);
  }

  Index Place(const std::string& folder, const std::string& name, DType dtype, const std::string& path) {
    auto file = OpenInFolder(folder, name);
    if (!file) {
      builder_.Note(Severity::kError, "tensordict-file", path, file.error().message);
      return kNone;
    }
    const uint64_t size = (*file)->size();
    const Index source = builder_.AddSource(std::move(*file));
    return builder_.AddStorage({.source = source, .nbytes = size, .dtype = dtype, .key = builder_.arena().Copy(path)});
  }

  ModelBuilder& builder_;
  size_t folders_ = 0;
};

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  PTHVIEW_TRY(Reader(builder).Read(context.folder));
  builder.model().format_text = "TensorDict mapped to a folder";
  return std::move(builder).Finish();
}

}  // namespace

const Format kTensorDict = {"tensordict", "Memory-mapped TensorDict (folder with meta.json)", Match, Open};

}  // namespace pthview
