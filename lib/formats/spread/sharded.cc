// A checkpoint in several files, with an index beside them:
//
//   {"metadata": {"total_size": 1234}, "weight_map": {"layer.weight": "model-00001-of-00002.safetensors", ...}}
//
// The shards are safetensors or torch files; each is a state_dict. Opened by the index or by the folder.
#include <algorithm>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/base/url.h"
#include "lib/formats/common/folder.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/model/merge.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxIndex = uint64_t{256} << 20;
constexpr size_t kMostFetched = 2000;  // shards of an index that is read over the network
constexpr std::string_view kSuffix = ".index.json";

bool HasWeightMap(std::span<const std::byte> head) {
  std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  size_t start = text.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && text[start] == '{' && text.find("\"weight_map\"") != std::string_view::npos;
}

// The indices in a folder; a folder may hold the same weights in both forms, and safetensors come last by name.
std::vector<std::string> Indices(const std::string& folder) {
  std::vector<std::string> names = ListFolder(folder);
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(kSuffix); });
  std::reverse(names.begin(), names.end());
  std::stable_partition(names.begin(), names.end(),
                        [](const std::string& name) { return name.find("safetensors") != std::string::npos; });
  return names;
}

int Match(const OpenContext& context) {
  if (context.folder.empty()) return 0;
  if (context.directory) return Indices(context.folder).empty() ? 0 : 50;
  return HasWeightMap(context.head) ? 70 : 0;
}

class Reader {
 public:
  Reader(ModelBuilder& builder, const OpenContext& context, const OpenOptions& options)
      : builder_(builder),
        folder_(context.folder),
        options_(options),
        inside_(context.open_inside),
        depth_(context.depth) {
    builder_.model().parts.push_back({.kind = PartKind::kModel});
  }

  Status Read(const json& weight_map) {
    std::map<std::string, std::vector<std::string>> shards;  // in the order of their names, which are numbered
    for (const auto& [name, shard] : weight_map.items()) {
      if (shard.is_string()) {
        shards[shard.get<std::string>()].push_back(name);
      } else {
        builder_.Note(Severity::kWarning, "shard-name", EscapeName(name), "the index names no file for it");
      }
    }
    shard_count_ = shards.size();
    if (IsUrl(folder_) && shard_count_ > kMostFetched) {
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("the index names {} shards, more than the {} that are fetched", shard_count_,
                                          kMostFetched),
                   .hint = "download the folder"};
    }
    for (const auto& [shard, names] : shards) ReadShard(shard, names);
    if (extra_ > 0) {
      builder_.Note(Severity::kInfo, "shard-extra", "",
                    fmt::format("{} tensors of the shards are not in the index", extra_));
    }
    return Ok();
  }

  size_t shard_count() const { return shard_count_; }

 private:
  void ReadShard(const std::string& shard, const std::vector<std::string>& names) {
    auto source = OpenInFolder(folder_, shard);
    if (!source) {
      bool bad_name = !IsPlainFileName(shard);
      builder_.Note(Severity::kError, bad_name ? "shard-name" : "shard-missing", EscapeName(shard),
                    fmt::format("{}; its {} tensors are listed without data", source.error().message, names.size()));
      for (const std::string& name : names) AddMissing(name);
      return;
    }
    const std::string name = (*source)->name();
    auto model = inside_(name, std::move(*source), options_, depth_ + 1);
    if (!model) {
      builder_.Note(Severity::kError, "shard-broken", EscapeName(shard),
                    fmt::format("{}; its {} tensors are listed without data", model.error().message, names.size()));
      for (const std::string& name : names) AddMissing(name);
      return;
    }
    size_t first = builder_.model().tensors.size();
    Merge(builder_, std::move(*model), {.part = 0});
    std::unordered_set<std::string, TextHash> there;
    const auto& tensors = builder_.model().tensors;
    for (size_t i = first; i < tensors.size(); ++i) there.emplace(tensors[i].path);
    size_t known = 0;
    for (const std::string& name : names) {
      std::string path;
      AppendTextKey(path, name);
      if (there.contains(path)) {
        ++known;
        continue;
      }
      builder_.Note(Severity::kError, "shard-lacks", path, fmt::format("{} does not have it", EscapeName(shard)));
      AddMissing(name);
    }
    extra_ += there.size() - std::min(known, there.size());
  }

  void AddMissing(const std::string& name) {
    std::string path;
    AppendTextKey(path, name);
    Tensor tensor;
    tensor.path = tensor.name = builder_.arena().Copy(path);
    tensor.part = 0;
    tensor.kind = TensorKind::kParameter;
    builder_.AddTensor(tensor);
  }

  ModelBuilder& builder_;
  std::string folder_;
  const OpenOptions& options_;
  InsideOpener inside_;
  int depth_;
  size_t shard_count_ = 0;
  size_t extra_ = 0;
};

void AddMetadata(ModelBuilder& builder, const json& metadata) {
  if (!metadata.is_object()) return;
  for (const auto& [key, value] : metadata.items()) {
    if (value.is_structured()) continue;
    std::string path = "metadata";
    AppendTextKey(path, key);
    PlainValue row{.path = builder.arena().Copy(path), .part = 0, .kind = PlainKind::kString};
    if (value.is_number_integer()) row.kind = PlainKind::kInt;
    if (value.is_number_float()) row.kind = PlainKind::kFloat;
    if (value.is_boolean()) row.kind = PlainKind::kBool;
    if (value.is_null()) row.kind = PlainKind::kNone;
    row.text = builder.arena().Copy(value.is_string() ? EscapeName(value.get<std::string>()) : value.dump());
    builder.AddPlain(row);
  }
}

Result<Model> Open(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  std::unique_ptr<ByteSource> index = std::move(context.source);
  if (context.directory) {
    std::vector<std::string> names = Indices(context.folder);
    PTHVIEW_ASSIGN(index, OpenInFolder(context.folder, names.front()));
    for (size_t i = 1; i < names.size(); ++i) {
      builder.Note(Severity::kInfo, "other-index", EscapeName(names[i]), "another index in this folder, not read");
    }
  }
  if (index->size() > kMaxIndex) {
    return Error{
        .code = ErrorCode::kLimit,
        .message = fmt::format("an index of {} bytes, more than the {} that are allowed: a million tensors take "
                               "half of them",
                               index->size(), kMaxIndex)};
  }
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, index->Read(0, index->size()));
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  json document = json::parse(text, text + bytes.size(), nullptr, false);
  if (!document.is_object() || !document.contains("weight_map") || !document["weight_map"].is_object()) {
    return Error{.code = ErrorCode::kCorrupt, .message = "the index is no JSON object with a weight_map"};
  }
  Reader reader(builder, context, options);
  PTHVIEW_TRY(reader.Read(document["weight_map"]));
  if (document.contains("metadata")) AddMetadata(builder, document["metadata"]);
  builder.model().format_text = fmt::format("sharded checkpoint, {} files", reader.shard_count());
  return std::move(builder).Finish();
}

}  // namespace

const Format kSharded = {"sharded", "Sharded checkpoint (an index.json with a weight_map)", Match, Open};

}  // namespace pthview
