// A folder of numbered shards without an index. Each is a state_dict of its own, whose tensors are listed together.
// Where torch.distributed.checkpoint wrote them, `__metadata__` says at which offsets in the whole tensor each stands:
//
//   "DCP_SHARDING_INFO": "{\"w\": {\"saved_offsets\": [0, 4]}, ...}"
//
// and the tensors are put together. Source: torch/distributed/checkpoint/_hf_utils.py, hf_storage.py.
#include "lib/formats/spread/shard_folder.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/container/slice_source.h"
#include "lib/formats/common/folder.h"
#include "lib/formats/common/tensor_kind.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/spread/stitch.h"
#include "lib/model/merge.h"
#include "lib/model/path.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

using nlohmann::json;

constexpr std::string_view kShardingInfo = "__metadata__.DCP_SHARDING_INFO";
constexpr std::string_view kExtensions[] = {".safetensors", ".bin", ".pt", ".pth"};

std::optional<uint64_t> Number(std::string_view digits) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? std::optional(number) : std::nullopt;
}

// A part of a tensor in one of the files.
struct ShardPart {
  std::vector<int64_t> offsets;
  std::vector<int64_t> sizes;
  DType dtype = DType::kUnknown;
  std::shared_ptr<const ByteSource> file;
  uint64_t begin = 0;
  uint64_t nbytes = 0;
};

class Joiner {
 public:
  explicit Joiner(ModelBuilder& builder) : builder_(builder) {
    builder_.model().parts.push_back({.kind = PartKind::kModel});
  }

  // `info` is the sharding info of the shard.
  void Add(Model shard, const json& info) {
    std::vector<std::shared_ptr<const ByteSource>> files;
    for (auto& source : shard.sources) files.emplace_back(std::move(source));
    for (const Tensor& tensor : shard.tensors) {
      ShardPart part{.sizes = {tensor.shape.begin(), tensor.shape.end()}, .dtype = tensor.dtype};
      part.offsets = OffsetsOf(info, std::string(tensor.path), part.sizes.size());
      if (tensor.storage != kNone && shard.storages[tensor.storage].source != kNone) {
        const Storage& storage = shard.storages[tensor.storage];
        part.file = files[storage.source];
        part.begin = storage.offset;
        part.nbytes = storage.nbytes;
      }
      auto [at, is_new] = parts_.try_emplace(std::string(tensor.path));
      if (is_new) order_.push_back(at->first);
      at->second.push_back(std::move(part));
    }
    for (const PlainValue& plain : shard.plain) {
      if (plain.path == kShardingInfo || !plain_.insert(std::string(plain.path)).second) continue;
      builder_.AddPlain({.path = builder_.arena().Copy(plain.path),
                         .text = builder_.arena().Copy(plain.text),
                         .part = 0,
                         .kind = plain.kind});
    }
    for (Finding& finding : shard.findings) {
      builder_.Note(finding.severity, finding.code, finding.where, std::move(finding.text));
    }
  }

  void Finish() {
    for (const std::string& path : order_) AddTensor(path, parts_[path]);
  }

 private:
  static std::vector<int64_t> OffsetsOf(const json& info, const std::string& name, size_t rank) {
    std::vector<int64_t> offsets(rank, 0);
    if (!info.is_object() || !info.contains(name) || !info[name].is_object()) return offsets;
    const json& saved = info[name].contains("saved_offsets") ? info[name]["saved_offsets"] : json();
    if (!saved.is_array() || saved.size() != rank) return offsets;
    for (size_t i = 0; i < rank; ++i) {
      if (saved[i].is_number_integer()) offsets[i] = std::max<int64_t>(saved[i].get<int64_t>(), 0);
    }
    return offsets;
  }

  void AddTensor(const std::string& path, const std::vector<ShardPart>& parts) {
    std::vector<int64_t> shape = parts[0].sizes;
    bool fits = true;
    for (const ShardPart& part : parts) {
      fits = fits && part.sizes.size() == shape.size() && part.dtype == parts[0].dtype;
      for (size_t d = 0; fits && d < shape.size(); ++d) {
        auto end = CheckedAdd(part.offsets[d], part.sizes[d]);
        fits = end.has_value();
        if (fits) shape[d] = std::max(shape[d], *end);
      }
    }
    if (!fits) {
      builder_.Note(Severity::kError, "shard-parts", path, "the shards hold parts of it that do not go together");
      shape = parts[0].sizes;
    }
    TensorDraft draft{.shape = shape, .dtype = parts[0].dtype};
    if (fits) draft.storage = Place(path, shape, parts);
    Tensor tensor = builder_.Check(draft, path);
    tensor.path = tensor.name = builder_.arena().Copy(path);
    tensor.part = 0;
    tensor.kind = KindByName(path, tensor.dtype);
    builder_.AddTensor(tensor);
  }

  Index Place(const std::string& path, const std::vector<int64_t>& shape, const std::vector<ShardPart>& parts) {
    const DType dtype = parts[0].dtype;
    if (parts.size() == 1 && parts[0].sizes == shape) {  // whole, where it lies in its file
      const ShardPart& part = parts[0];
      if (part.file == nullptr) return kNone;
      auto [at, is_new] = sources_.try_emplace(part.file.get(), kNone);
      if (is_new) at->second = builder_.AddSource(ShareSource(part.file));
      return builder_.AddStorage({.source = at->second,
                                  .offset = part.begin,
                                  .nbytes = part.nbytes,
                                  .dtype = dtype,
                                  .key = builder_.arena().Copy(path)});
    }
    if (dtype == DType::kUnknown || Info(dtype).items_per_byte != 1) return kNone;
    std::vector<StitchBox> boxes;
    for (const ShardPart& part : parts) {
      if (part.file == nullptr) return kNone;
      boxes.push_back({part.offsets, part.sizes, OpenSlice(part.file, part.begin, part.nbytes, part.file->name())});
    }
    auto nbytes = BytesFor(dtype, CheckedNumel(shape).value_or(-1));
    if (!nbytes) return kNone;
    if (auto fault = CoverFault(shape, boxes, &steps_)) {
      builder_.Note(Severity::kError, "shard-parts", path, *fault);
      return kNone;
    }
    for (const ShardPart& part : parts) {
      auto [at, is_new] = sources_.try_emplace(part.file.get(), kNone);
      if (is_new) at->second = builder_.AddSource(ShareSource(part.file));
    }
    Storage storage{.nbytes = *nbytes, .dtype = dtype, .key = builder_.arena().Copy(path)};
    storage.source = builder_.AddSource(Stitch(parts[0].file->name(), shape, Info(dtype).item_size, std::move(boxes)));
    return builder_.AddStorage(storage);
  }

  ModelBuilder& builder_;
  std::map<std::string, std::vector<ShardPart>> parts_;  // by path
  std::vector<std::string> order_;
  std::set<std::string> plain_;
  std::map<const ByteSource*, Index> sources_;
  uint64_t steps_ = 20'000'000;
};

json ShardingInfoOf(const Model& model) {
  for (const PlainValue& plain : model.plain) {
    if (plain.path == kShardingInfo) return json::parse(plain.text, nullptr, false);
  }
  return {};
}

int Match(const OpenContext& context) { return context.directory && FindShards(ListFolder(context.folder)) ? 45 : 0; }

Result<Model> Open(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  auto shards = FindShards(ListFolder(context.folder));
  if (!shards) return Error{.code = ErrorCode::kNotFound, .message = "the folder's files are gone"};
  for (uint64_t number : shards->missing) {
    builder.Note(Severity::kError, "shard-missing", std::to_string(number),
                 "the names of the others say that there is a shard of this number; its tensors are not listed");
  }
  for (const std::string& stem : shards->other_stems) {
    builder.Note(Severity::kInfo, "other-shards", EscapeName(stem), "other shards in this folder, which are not read");
  }
  std::vector<std::pair<std::string, Model>> models;
  bool joined = false;
  for (const std::string& name : shards->files) {
    auto file = OpenInFolder(context.folder, name);
    const std::string full_name = file ? (*file)->name() : std::string();
    auto model = file ? context.open_inside(full_name, std::move(*file), options, context.depth + 1)
                      : Result<Model>(tl::unexpected(file.error()));
    if (!model) {
      builder.Note(Severity::kError, "shard-broken", EscapeName(name),
                   fmt::format("{}; its tensors are not listed", model.error().message));
      continue;
    }
    joined = joined || ShardingInfoOf(*model).is_object();
    models.emplace_back(name, std::move(*model));
  }
  if (models.empty()) return Error{.code = ErrorCode::kCorrupt, .message = "none of the folder's shards can be read"};
  if (joined) {
    Joiner joiner(builder);
    for (auto& [name, model] : models) {
      const json info = ShardingInfoOf(model);
      joiner.Add(std::move(model), info);
    }
    joiner.Finish();
  } else {
    builder.model().parts.push_back({.kind = PartKind::kModel});
    for (auto& [name, model] : models) Merge(builder, std::move(model), {.part = 0});
  }
  builder.Note(
      Severity::kInfo, "no-index", "",
      "the folder has no index of its shards: what they hold is listed, and nothing tells whether more belongs "
      "to it");
  builder.model().format_text = fmt::format("sharded checkpoint without an index, {} file{}", shards->files.size(),
                                            shards->files.size() == 1 ? "" : "s");
  return std::move(builder).Finish();
}

}  // namespace

// ...-<digits>-of-<digits><extension>
std::optional<ShardName> ParseShardName(std::string_view name) {
  for (std::string_view extension : kExtensions) {
    if (!name.ends_with(extension)) continue;
    const std::string_view base = name.substr(0, name.size() - extension.size());
    const size_t of = base.rfind("-of-");
    if (of == base.npos || of == 0) return std::nullopt;
    const size_t dash = base.rfind('-', of - 1);
    if (dash == base.npos) return std::nullopt;
    const auto number = Number(base.substr(dash + 1, of - dash - 1));
    const auto count = Number(base.substr(of + 4));
    if (!number || !count || *number == 0 || *count == 0 || *number > *count) return std::nullopt;
    std::string_view stem = base.substr(0, dash);
    uint64_t shard = 0;
    // DCP counts its writers too: every one writes files of all numbers.
    if (stem.starts_with("shard-")) {
      const size_t end = stem.find('-', 6);
      if (end != stem.npos) {
        if (auto writer = Number(stem.substr(6, end - 6))) {
          shard = *writer;
          stem = stem.substr(end + 1);
        }
      }
    }
    return ShardName{fmt::format("{}{}-*{}", shard > 0 ? "shard-*-" : "", stem, extension), *number, *count};
  }
  return std::nullopt;
}

std::optional<ShardSet> FindShards(const std::vector<std::string>& names) {
  struct Found {
    std::vector<std::string> files;
    std::set<uint64_t> numbers;
    uint64_t count = 0;
  };
  std::map<std::string, Found> sets;
  for (const std::string& name : names) {
    auto shard = ParseShardName(name);
    if (!shard) continue;
    Found& found = sets[shard->stem];
    found.files.push_back(name);
    found.numbers.insert(shard->number);
    found.count = std::max(found.count, shard->count);
  }
  if (sets.empty()) return std::nullopt;
  const auto best = std::max_element(sets.begin(), sets.end(), [](const auto& a, const auto& b) {
    const auto rank = [](const auto& set) {
      return std::pair(set.first.ends_with(".safetensors"), set.second.files.size());
    };
    return rank(a) < rank(b);
  });
  ShardSet result{.files = best->second.files};
  std::sort(result.files.begin(), result.files.end());
  // Other writers of DCP may have left a number out: only plain shards must all be there.
  const bool plain = !best->first.starts_with("shard-*-");
  for (uint64_t number = 1; plain && number <= best->second.count && result.missing.size() < 100; ++number) {
    if (!best->second.numbers.contains(number)) result.missing.push_back(number);
  }
  for (const auto& [stem, found] : sets) {
    if (stem != best->first) result.other_stems.push_back(stem);
  }
  return result;
}

const Format kShardFolder = {"shards", "Numbered shards without an index (folder)", Match, Open};

}  // namespace pthview
