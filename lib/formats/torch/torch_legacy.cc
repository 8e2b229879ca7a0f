// torch.save from 0.1.10 to 1.5: five pickles in a row, then the storages.
//
//   pickle   0x1950a86a20f9469cfc6c                      the magic number
//   pickle   1001                                        the protocol version
//   pickle   {'protocol_version', 'little_endian', ...}  sys_info
//   pickle   the object; storages are persistent ids ('storage', class, key, location, numel, view)
//   pickle   ['key', ...]                                the storages in the order they follow
//   then for each key:  int64 numel | numel * item size bytes, always little-endian
//
// Source: torch/serialization.py (_legacy_save, _legacy_load), torch/csrc/generic/serialization.cpp.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/distant_source.h"
#include "lib/base/text_hash.h"
#include "lib/container/slice_source.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/formats/torch/torch_walk.h"
#include "lib/model/path.h"
#include "lib/pickle/machine.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Tree;
using pickle::Value;

constexpr std::string_view kMagicBytes = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // the number, little-endian
constexpr std::string_view kMagicDigits = "119547037146038801333356";

bool IsMagic(const Tree& tree) {
  return tree.root.Is(Kind::kBigInt) && tree.root.Text() == (tree.root.flag ? kMagicDigits : kMagicBytes);
}

// Where the bytes of a key lie.
struct Place {
  uint64_t offset = 0;
  uint64_t nbytes = 0;
  Index storage = kNone;  // the row made for it
  bool located = false;
};

class LegacyReader {
 public:
  LegacyReader(ModelBuilder& builder, Index source, uint64_t offset, int depth)
      : builder_(builder),
        source_index_(source),
        source_(*builder.model().sources[source]),
        at_(offset),
        depth_(depth) {}

  Result<LegacyFile> Read() {
    LegacyFile file;
    file.pickle.depth = depth_;
    PTHVIEW_ASSIGN(Tree magic, Next("the magic number"));
    if (!IsMagic(magic))
      return Error{.code = ErrorCode::kCorrupt, .message = "no magic number of a PyTorch file", .offset = 0};
    PTHVIEW_ASSIGN(Tree version, Next("the protocol version"));
    if (version.root.Is(Kind::kInt)) file.protocol_version = version.root.integer;
    if (file.protocol_version != 1001) {
      builder_.Note(Severity::kWarning, "protocol-version", "",
                    fmt::format("the protocol version is {}, not 1001", file.protocol_version));
    }
    PTHVIEW_ASSIGN(Tree system, Next("sys_info"));
    PTHVIEW_ASSIGN(file.pickle.tree, Next("the object"));
    file.pickle.meanings = MeaningsOf(file.pickle.tree);
    ParseIds(file.pickle);
    auto keys = Next("the list of storages");
    if (keys) {
      Locate(*keys);
    } else {
      builder_.Note(
          Severity::kError, "storages-missing", "",
          fmt::format("the file ends before its storages ({}); tensors are listed without data", keys.error().message));
    }
    MakeRows(file.pickle);
    file.end = at_;
    return file;
  }

 private:
  Result<Tree> Next(std::string_view what) {
    auto tree = pickle::ReadFrom(source_, at_, {.base = at_});
    if (!tree) {
      Error error = std::move(tree).error();
      error.message = fmt::format("in {}: {}", what, error.message);
      return error;
    }
    at_ += tree->end;
    return tree;
  }

  void ParseIds(const TorchPickle& pickle) {
    ids_.reserve(pickle.tree.persistent_ids().size());
    by_key_.reserve(pickle.tree.persistent_ids().size());
    for (Value id : pickle.tree.persistent_ids()) {
      ids_.push_back(ParseStorageId(pickle.tree, pickle.meanings, id, builder_.arena()));
      if (ids_.back()) by_key_.try_emplace(ids_.back()->key, ids_.size() - 1);
    }
    places_.resize(ids_.size());
  }

  // Walks over the storages in the order of the key list.
  void Locate(const Tree& keys) {
    AssumeNumels(keys);
    for (Value item : keys.Sequence(keys.root)) {
      std::string_view key =
          item.IsText() ? item.Text() : builder_.arena().Copy(item.Is(Kind::kInt) ? std::to_string(item.integer) : "");
      auto found = by_key_.find(key);
      const StorageId* id = found == by_key_.end() ? nullptr : &*ids_[found->second];
      int64_t numel = 0;
      if (assumed_ && id != nullptr) {
        numel = id->numel;
      } else if (!ReadNumel(&numel)) {
        Cut(key);
        return;
      }
      if (id == nullptr || id->dtype == DType::kUnknown) {
        builder_.Note(Severity::kError, "storage-unknown", key,
                      "a storage of unknown element type: where the next ones lie cannot be told");
        return;
      }
      if (numel != id->numel) {
        builder_.Note(Severity::kWarning, "storage-size", key,
                      fmt::format("the pickle says {} elements, the storage {}", id->numel, numel));
      }
      auto nbytes = BytesOfStorage(id->dtype, numel);
      if (!nbytes) {
        builder_.Note(Severity::kError, "storage-size", key, fmt::format("a storage cannot have {} elements", numel));
        return;
      }
      at_ += sizeof(numel);
      uint64_t there = source_.size() - at_;
      places_[found->second] = {at_, std::min(*nbytes, there), kNone, true};
      any_located_ = true;
      if (*nbytes > there) {
        Cut(key);
        at_ = source_.size();
        return;
      }
      at_ += *nbytes;
    }
  }

  // In a distant file each numel is a round trip. Where those of the pickle account for all that follows, to the byte,
  // they are taken for those of the storages, and compared when values are read.
  void AssumeNumels(const Tree& keys) {
    const DistantSource* distant = WorthAssuming(source_);
    if (distant == nullptr) return;
    std::vector<Assumption> assumptions;
    uint64_t at = at_;
    for (Value item : keys.Sequence(keys.root)) {
      auto found = item.IsText() ? by_key_.find(item.Text()) : by_key_.end();
      if (found == by_key_.end()) return;
      const StorageId& id = *ids_[found->second];
      auto nbytes = id.dtype == DType::kUnknown ? std::nullopt : BytesOfStorage(id.dtype, id.numel);
      if (!nbytes || source_.size() - at < sizeof(int64_t) || source_.size() - at - sizeof(int64_t) < *nbytes) return;
      const uint64_t begin = at + sizeof(int64_t);
      assumptions.push_back({begin, begin + *nbytes, at, static_cast<uint64_t>(id.numel), sizeof(int64_t)});
      at = begin + *nbytes;
    }
    if (at != source_.size()) return;
    distant->Assume(assumptions);
    assumed_ = true;
  }

  // The int64 at at_. Small storages lie close together, so that a window serves many of them; large ones are read
  // past.
  bool ReadNumel(int64_t* numel) {
    if (at_ < window_start_ || at_ + sizeof(*numel) > window_start_ + window_.size()) {
      uint64_t there = source_.size() - std::min(at_, source_.size());
      if (there < sizeof(*numel)) return false;
      const bool near = at_ - last_numel_ < kNear;
      window_.resize(std::min<uint64_t>(near ? kWindow : sizeof(*numel), there));
      window_start_ = at_;
      if (!source_.ReadAt(at_, window_)) return false;
    }
    *numel = LoadLittle<int64_t>(window_.data() + (at_ - window_start_));
    last_numel_ = at_;
    return true;
  }

  void Cut(std::string_view key) {
    builder_.Note(Severity::kError, "truncated", key,
                  fmt::format("the file ends at byte {}, inside or before this storage; what follows is missing",
                              source_.size()));
  }

  void MakeRows(TorchPickle& pickle) {
    DeviceNames devices(builder_.arena());
    for (const auto& id : ids_) {
      StorageRow row;
      if (id) {
        row = {.dtype = id->dtype, .numel = id->numel, .is_storage = true};
        row.device = devices.Of(id->location);
        Place& place = places_[by_key_.find(id->key)->second];
        if (place.storage == kNone) place.storage = MakeStorage(*id, place, row.device);
        row.storage = place.storage;
        if (id->has_view) {
          row.numel = id->view_size;
          row.storage = MakeView(*id, row.storage);
        }
      }
      pickle.storages.push_back(row);
    }
  }

  Index MakeStorage(const StorageId& id, const Place& place, std::string_view device) {
    Storage storage{.dtype = id.dtype, .key = builder_.arena().Copy(id.key), .device = device};
    if (place.located) {
      storage.source = source_index_;
      storage.offset = place.offset;
      storage.nbytes = place.nbytes;
    } else if (any_located_) {
      builder_.Note(Severity::kError, "storage-missing", id.key,
                    "the file has no such storage; tensors over it are listed without data");
    }
    return builder_.AddStorage(storage);
  }

  // A view is a storage of its own: a window of the root's bytes.
  Index MakeView(const StorageId& id, Index root) {
    auto [at, is_new] = views_.try_emplace(std::string(id.view_key), kNone);
    if (!is_new) return at->second;
    Storage view = builder_.model().storages[root];
    view.key = builder_.arena().Copy(id.view_key);
    auto offset = BytesOfStorage(id.dtype, id.view_offset);
    auto nbytes = BytesOfStorage(id.dtype, id.view_size);
    if (!offset || !nbytes || *offset > view.nbytes || *nbytes > view.nbytes - *offset) {
      builder_.Note(
          Severity::kError, "storage-view", id.view_key,
          fmt::format("a view of {} elements from {} on does not lie in its storage", id.view_size, id.view_offset));
      view.source = kNone;
      view.nbytes = 0;
    } else {
      view.offset += *offset;
      view.nbytes = *nbytes;
    }
    return at->second = builder_.AddStorage(view);
  }

  ModelBuilder& builder_;
  Index source_index_;
  const ByteSource& source_;
  uint64_t at_;
  int depth_;
  static constexpr uint64_t kWindow = 1 << 14;
  static constexpr uint64_t kNear = 2048;  // bytes that are read as fast as another call is made
  std::vector<std::byte> window_;
  uint64_t window_start_ = 0;
  uint64_t last_numel_ = 0;  // where the last one stood
  bool assumed_ = false;     // that each storage has as many elements as the pickle says
  std::vector<std::optional<StorageId>> ids_;
  std::unordered_map<std::string_view, size_t, TextHash> by_key_;
  std::vector<Place> places_;  // by the first id that names the key
  bool any_located_ = false;
  std::unordered_map<std::string, Index, TextHash> views_;
};

int Match(const OpenContext& context) { return IsLegacyMagic(context.head) ? 95 : 0; }

// Whether something that torch.save wrote begins at `at`.
bool BeginsObject(const ByteSource& source, uint64_t at) {
  auto head = source.Read(at, std::min<uint64_t>(64, source.size() - at));
  return head && (IsLegacyMagic(*head) || LooksLikeZip(*head));
}

// The objects that stand one behind the other from byte `at` on, as items of a list.
Result<size_t> WalkObjects(ModelBuilder& builder, Index source, LegacyFile first) {
  const ByteSource& bytes = *builder.model().sources[source];
  size_t count = 0;
  LegacyFile file = std::move(first);
  while (true) {
    std::string path;
    AppendIndex(path, static_cast<int64_t>(count));
    WalkTorchPickle(file.pickle, MakeNestedReader(builder), builder, {.path = builder.arena().Copy(path)});
    ++count;
    if (file.end == bytes.size()) return count;
    auto head = bytes.Read(file.end, std::min<uint64_t>(64, bytes.size() - file.end));
    if (head && LooksLikeZip(*head)) {
      const size_t more = WalkZipRow(builder, source, file.end, count);
      if (more > 0) return count + more;
    }
    auto next = count < kMostObjects && head && IsLegacyMagic(*head)
                    ? LoadTorchLegacy(builder, source, file.end, 0)
                    : Result<LegacyFile>(tl::unexpected(Error{.message = "they are nothing that torch.save writes"}));
    if (!next) {
      builder.Note(Severity::kWarning, "trailing-bytes", "",
                   fmt::format("{} bytes stand behind the last object that could be read: {}", bytes.size() - file.end,
                               next.error().message));
      return count;
    }
    file = std::move(*next);
  }
}

Result<Model> Open(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  Index source = builder.AddSource(std::move(context.source));
  PTHVIEW_ASSIGN(LegacyFile file, LoadTorchLegacy(builder, source, 0, 0));
  Model& model = builder.model();
  const uint64_t size = model.sources[source]->size();
  model.format_text = fmt::format("PyTorch legacy file, protocol {}", file.protocol_version);
  model.producer = "torch 0.1.10 to 1.5 (or later, asked for the old format)";
  if (file.end < size && BeginsObject(*model.sources[source], file.end)) {
    PTHVIEW_ASSIGN(const size_t count, WalkObjects(builder, source, std::move(file)));
    NoteSeveralObjects(builder, count, "torch.save");
    model.format_text += fmt::format(", {} objects in a row", count);
    return std::move(builder).Finish();
  }
  WalkTorchPickle(file.pickle, MakeNestedReader(builder), builder, {.content = options.content});
  if (file.end < size) {
    builder.Note(Severity::kInfo, "trailing-bytes", "",
                 fmt::format("{} bytes stand behind the last storage", size - file.end));
  }
  return std::move(builder).Finish();
}

}  // namespace

const Format kTorchLegacy = {"torch-legacy", "PyTorch legacy checkpoint (torch 0.1.10 to 1.5)", Match, Open};

bool IsLegacyMagic(std::span<const std::byte> head) {
  auto bytes = head.first(std::min<size_t>(head.size(), 64));
  auto tree = pickle::Read({bytes.begin(), bytes.end()}, {});
  return tree && IsMagic(*tree);
}

Result<uint64_t> EndOfTorchLegacy(const ByteSource& source, uint64_t offset) {
  ModelBuilder builder;
  const std::shared_ptr<const ByteSource> base(std::shared_ptr<void>(), &source);  // not owned
  const Index index = builder.AddSource(OpenSlice(base, 0, source.size(), source.name()));
  PTHVIEW_ASSIGN(const LegacyFile file, LoadTorchLegacy(builder, index, offset, 0));
  return file.end;
}

Result<LegacyFile> LoadTorchLegacy(ModelBuilder& builder, Index source, uint64_t offset, int depth) {
  return LegacyReader(builder, source, offset, depth).Read();
}

}  // namespace pthview
