// torch.save before 0.1.10: a tar archive of four members.
//
//   sys_info   pickle {'protocol_version': 1000, 'little_endian', ...}
//   storages   pickle count | count times: pickle (key, location, class) | int64 numel | numel * item size bytes
//              then: pickle [(target key, root key, offset, numel), ...]      views, in elements
//   tensors    pickle count | count times: pickle (key, storage key, class) | int32 ndim | 4 bytes of garbage |
//              int64 sizes[ndim] | int64 strides[ndim] | int64 offset
//   pickle     the object; a persistent id that is a number names a tensor or a storage, a tuple (class, file, source)
//              a class with its source text
//
// Source: torch/serialization.py (legacy_load of tar files), torch/csrc/generic/serialization.cpp.
#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/container/slice_source.h"
#include "lib/container/tar.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/formats/torch/torch_walk.h"
#include "lib/pickle/machine.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Tree;
using pickle::Value;

constexpr int32_t kMaxRank = ModelBuilder::kMaxRank;

// One member, read front to back: pickles and numbers in turn.
class Stream {
 public:
  Stream(std::shared_ptr<const ByteSource> archive, const TarMember& member)
      : source_(OpenSlice(std::move(archive), member.offset, member.size, member.name)), start_(member.offset) {}

  Result<Tree> NextPickle() {
    PTHVIEW_ASSIGN(Tree tree, pickle::ReadFrom(*source_, at_, {.record = source_->name(), .base = at_}));
    at_ += tree.end;
    return tree;
  }

  template <typename T>
  Result<T> Next() {
    std::byte bytes[sizeof(T)];
    PTHVIEW_TRY(source_->ReadAt(at_, bytes));
    at_ += sizeof(T);
    return LoadLittle<T>(bytes);
  }

  Result<std::vector<int64_t>> NextInts(int32_t count) {
    PTHVIEW_ASSIGN(std::vector<std::byte> bytes, source_->Read(at_, static_cast<uint64_t>(count) * 8));
    at_ += bytes.size();
    std::vector<int64_t> ints;
    for (size_t i = 0; i < bytes.size(); i += 8) ints.push_back(LoadLittle<int64_t>(bytes.data() + i));
    return ints;
  }

  uint64_t remaining() const { return source_->size() - at_; }
  uint64_t file_offset() const { return start_ + at_; }
  void Skip(uint64_t length) { at_ += std::min(length, remaining()); }

 private:
  std::unique_ptr<ByteSource> source_;
  uint64_t start_;  // of the member in the file
  uint64_t at_ = 0;
};

std::string KeyOf(Value value) {
  if (value.IsText()) return std::string(value.Text());
  return value.Is(Kind::kInt) ? std::to_string(value.integer) : std::string();
}

DType StorageDType(const Tree& tree, Value type) {
  if (!type.Is(Kind::kGlobal)) return DType::kUnknown;
  const pickle::Global& global = tree.GlobalOf(type);
  GlobalMeaning meaning = MeaningOf(global.module, global.name);
  return meaning.kind == GlobalKind::kStorageClass ? meaning.dtype : DType::kUnknown;
}

class TarFile {
 public:
  TarFile(ModelBuilder& builder, Index source, std::vector<TarMember> members)
      : builder_(builder),
        source_(source),
        // Not owned: the model has it, and it lives longer than this reader.
        archive_(std::shared_ptr<void>(), builder.model().sources[source].get()),
        members_(std::move(members)) {}

  Result<TorchPickle> Read() {
    TorchPickle file;
    PTHVIEW_ASSIGN(Stream pickle, Open("pickle"));
    PTHVIEW_ASSIGN(file.tree, pickle.NextPickle());
    file.meanings = MeaningsOf(file.tree);
    // Without its tensors the object is still worth listing.
    Report("storages", ReadStorages());
    Report("tensors", ReadTensors());
    for (Value id : file.tree.persistent_ids()) {
      std::string key = KeyOf(id);
      auto storage = storages_.find(key);
      auto tensor = tensors_.find(key);
      file.storages.push_back(storage != storages_.end() ? storage->second : StorageRow{});
      file.tensors.push_back(tensor != tensors_.end() ? tensor->second : TensorRow{});
      if (!key.empty() && storage == storages_.end() && tensor == tensors_.end()) {
        builder_.Note(Severity::kError, "tensor-missing", EscapeName(key),
                      "the object names this number, and neither a tensor nor a storage has it");
      }
    }
    return file;
  }

 private:
  Result<Stream> Open(std::string_view name) {
    const TarMember* member = FindMember(members_, name);
    if (member == nullptr) {
      return Error{.code = ErrorCode::kCorrupt, .message = fmt::format("the archive has no member '{}'", name)};
    }
    return Stream(archive_, *member);
  }

  void Report(std::string_view member, const Status& status) {
    if (status) return;
    builder_.Note(Severity::kError, "tar-member", member,
                  fmt::format("{}; what follows in it is missing", status.error().message));
  }

  Result<int64_t> Count(Stream& stream) {
    PTHVIEW_ASSIGN(Tree tree, stream.NextPickle());
    if (!tree.root.Is(Kind::kInt)) {
      return Error{.code = ErrorCode::kCorrupt, .message = "it does not begin with a count"};
    }
    return tree.root.integer;
  }

  Status ReadStorages() {
    PTHVIEW_ASSIGN(Stream stream, Open("storages"));
    PTHVIEW_ASSIGN(int64_t count, Count(stream));
    for (int64_t i = 0; i < count; ++i) PTHVIEW_TRY(ReadStorage(stream));
    PTHVIEW_ASSIGN(Tree views, stream.NextPickle());
    for (Value view : views.Sequence(views.root)) AddView(views.Sequence(view));
    return Ok();
  }

  Status ReadStorage(Stream& stream) {
    PTHVIEW_ASSIGN(Tree tree, stream.NextPickle());
    auto items = tree.Sequence(tree.root);
    if (items.size() != 3)
      return Error{.code = ErrorCode::kCorrupt, .message = "a storage is not described by three values"};
    std::string key = KeyOf(items[0]);
    DType dtype = StorageDType(tree, items[2]);
    PTHVIEW_ASSIGN(int64_t numel, stream.Next<int64_t>());
    auto nbytes = BytesFor(dtype, numel);
    if (dtype == DType::kUnknown || !nbytes) {
      return Error{
          .code = ErrorCode::kCorrupt,
          .message = fmt::format("storage {} is of unknown type or size: where the next ones lie cannot be told",
                                 EscapeName(key))};
    }
    Storage storage{.source = source_, .offset = stream.file_offset(), .nbytes = std::min(*nbytes, stream.remaining())};
    storage.dtype = dtype;
    storage.key = builder_.arena().Copy(key);
    storage.device = items[1].IsText() ? builder_.arena().Copy(items[1].Text()) : std::string_view();
    if (storage.nbytes < *nbytes) {
      builder_.Note(Severity::kError, "truncated", EscapeName(key), "the member ends inside this storage");
    }
    stream.Skip(*nbytes);
    StorageRow row{.storage = builder_.AddStorage(storage), .dtype = dtype, .numel = numel, .device = storage.device};
    row.is_storage = true;
    storages_.insert_or_assign(std::move(key), row);
    return Ok();
  }

  // (target key, root key, offset, numel)
  void AddView(std::span<const Value> view) {
    if (view.size() != 4 || !view[2].Is(Kind::kInt) || !view[3].Is(Kind::kInt)) return;
    auto root = storages_.find(KeyOf(view[1]));
    if (root == storages_.end()) return;
    StorageRow row = root->second;
    Storage storage = builder_.model().storages[row.storage];
    storage.key = builder_.arena().Copy(KeyOf(view[0]));
    auto offset = BytesFor(row.dtype, view[2].integer);
    auto nbytes = BytesFor(row.dtype, view[3].integer);
    if (!offset || !nbytes || *offset > storage.nbytes || *nbytes > storage.nbytes - *offset) {
      builder_.Note(Severity::kError, "storage-view", storage.key, "a view does not lie in its storage");
      storage.source = kNone;
      storage.nbytes = 0;
    } else {
      storage.offset += *offset;
      storage.nbytes = *nbytes;
    }
    row.numel = view[3].integer;
    row.storage = builder_.AddStorage(storage);
    storages_.insert_or_assign(KeyOf(view[0]), row);
  }

  Status ReadTensors() {
    PTHVIEW_ASSIGN(Stream stream, Open("tensors"));
    PTHVIEW_ASSIGN(int64_t count, Count(stream));
    for (int64_t i = 0; i < count; ++i) PTHVIEW_TRY(ReadTensor(stream));
    return Ok();
  }

  Status ReadTensor(Stream& stream) {
    PTHVIEW_ASSIGN(Tree tree, stream.NextPickle());
    auto items = tree.Sequence(tree.root);
    if (items.size() != 3)
      return Error{.code = ErrorCode::kCorrupt, .message = "a tensor is not described by three values"};
    PTHVIEW_ASSIGN(int32_t rank, stream.Next<int32_t>());
    PTHVIEW_TRY(stream.Next<int32_t>());  // whatever was in memory
    if (rank < 0 || rank > kMaxRank) {
      return Error{.code = ErrorCode::kCorrupt, .message = fmt::format("a tensor cannot have {} dimensions", rank)};
    }
    PTHVIEW_ASSIGN(std::vector<int64_t> shape, stream.NextInts(rank));
    PTHVIEW_ASSIGN(std::vector<int64_t> strides, stream.NextInts(rank));
    TensorRow row{.is_tensor = true};
    PTHVIEW_ASSIGN(row.offset, stream.Next<int64_t>());
    // An empty tensor is written without dimensions; today it has one of size 0.
    if (rank == 0) shape.assign(1, 0), strides.assign(1, 1);
    row.shape = builder_.arena().Copy(std::span<const int64_t>(shape));
    row.strides = builder_.arena().Copy(std::span<const int64_t>(strides));
    auto storage = storages_.find(KeyOf(items[1]));
    if (storage != storages_.end()) row.storage = storage->second;
    tensors_.insert_or_assign(KeyOf(items[0]), row);
    return Ok();
  }

  ModelBuilder& builder_;
  Index source_;
  std::shared_ptr<const ByteSource> archive_;
  std::vector<TarMember> members_;
  std::unordered_map<std::string, StorageRow, TextHash> storages_;
  std::unordered_map<std::string, TensorRow, TextHash> tensors_;
};

int Match(const OpenContext& context) {
  if (!LooksLikeTar(context.head)) return 0;
  Findings ignored;
  auto members = ReadTar(*context.source, &ignored);
  bool torch = members && FindMember(*members, "pickle") != nullptr && FindMember(*members, "storages") != nullptr;
  return torch ? 95 : 0;
}

Result<Model> Open(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  PTHVIEW_ASSIGN(std::vector<TarMember> members, ReadTar(*context.source, &builder.findings()));
  Index source = builder.AddSource(std::move(context.source));
  PTHVIEW_ASSIGN(TorchPickle file, TarFile(builder, source, std::move(members)).Read());
  WalkTorchPickle(file, MakeNestedReader(builder), builder, {.content = options.content});
  Model& model = builder.model();
  model.format_text = "PyTorch tar archive";
  model.producer = "torch before 0.1.10";
  return std::move(builder).Finish();
}

}  // namespace

const Format kTorchTar = {"torch-tar", "PyTorch tar checkpoint (torch before 0.1.10)", Match, Open};

}  // namespace pthview
