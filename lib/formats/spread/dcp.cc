// Distributed checkpoints (torch.distributed.checkpoint): a folder with `.metadata` and files of chunks.
//
//   .metadata          a pickle of Metadata (dcp_metadata.h)
//   __0_0.distcp, ...  slices in a row; each is a complete torch.save file of one chunk, or of one plain value, and may
//                      be packed with zstd. With torch's safetensors serialization the chunks of a file stand in one
//                      safetensors file at its end, where every slice of them begins.
//   meta.pt, common.pt what Lightning and Megatron keep beside it: epochs, hyper-parameters, arguments
//
// A tensor is put together from its chunks when it is read; listing reads `.metadata` and the plain values alone.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/base/named_source.h"
#include "lib/base/text_hash.h"
#include "lib/container/slice_source.h"
#include "lib/container/unpacked_source.h"
#include "lib/formats/common/folder.h"
#include "lib/formats/common/part_names.h"
#include "lib/formats/common/tensor_kind.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/spread/dcp_metadata.h"
#include "lib/formats/spread/stitch.h"
#include "lib/model/merge.h"
#include "lib/model/path.h"
#include "lib/model/tensor_data.h"
#include "lib/pickle/machine.h"

namespace pthview {
namespace {

constexpr std::string_view kMetadataFile = ".metadata";
constexpr uint64_t kMaxMetadata = uint64_t{2} << 30;

// What stands in a data file from `slice.offset` on, unpacked.
Result<std::unique_ptr<ByteSource>> OpenDcpSlice(const std::shared_ptr<const ByteSource>& file, const DcpSlice& slice,
                                                 uint64_t length) {
  std::unique_ptr<ByteSource> bytes = OpenSlice(file, slice.offset, length, file->name());
  for (size_t i = 0; i < slice.zstd; ++i) {
    PTHVIEW_ASSIGN(bytes, OpenUnpackedStream(std::move(bytes), StreamFormat::kZstd, file->name()));
  }
  return bytes;
}

// The safetensors file at the end of a data file, which holds many chunks: opened once, when one of them is asked for.
class SafetensorsTail {
 public:
  SafetensorsTail(std::shared_ptr<const ByteSource> file, uint64_t offset, InsideOpener inside)
      : file_(std::move(file)), offset_(offset), inside_(inside) {}

  Result<const Model*> Get() {
    std::call_once(once_, [this] {
      model_ = inside_(file_->name(), OpenSlice(file_, offset_, file_->size() - offset_, file_->name()), {}, 1);
      if (!model_) return;
      for (const PlainValue& plain : model_->plain) {
        if (plain.path == "__metadata__.DCP_SHARDING_INFO") {
          places_ = nlohmann::json::parse(plain.text, nullptr, false);
        }
      }
      for (const Tensor& tensor : model_->tensors) rows_.emplace(tensor.path, &tensor);
    });
    if (!model_) return model_.error();
    return &*model_;
  }

  const Tensor* Find(const std::string& path) const {
    auto found = rows_.find(path);
    return found == rows_.end() ? nullptr : found->second;
  }

  // Whether its chunk of the tensor begins at `offsets`: of several only the last one is kept by the writer.
  bool IsChunkAt(const std::string& name, const std::vector<int64_t>& offsets) const {
    if (!places_.is_object() || !places_.contains(name)) return true;
    const nlohmann::json& entry = places_[name];
    if (!entry.is_object() || !entry.contains("saved_offsets") || !entry["saved_offsets"].is_array()) return true;
    const nlohmann::json& saved = entry["saved_offsets"];
    return std::equal(saved.begin(), saved.end(), offsets.begin(), offsets.end(),
                      [](const auto& a, int64_t b) { return a.is_number_integer() && a.template get<int64_t>() == b; });
  }

 private:
  std::shared_ptr<const ByteSource> file_;
  uint64_t offset_;
  InsideOpener inside_;
  std::once_flag once_;
  Result<Model> model_ = Error{};
  nlohmann::json places_;
  std::unordered_map<std::string_view, const Tensor*, TextHash> rows_;
};

// Of each data file and offset in it. Not thread-safe; what it gives is.
using Tails = std::map<std::pair<const ByteSource*, uint64_t>, std::shared_ptr<SafetensorsTail>>;

bool BeginsSafetensors(const ByteSource& file, uint64_t offset) {
  std::byte head[9];
  if (offset > file.size() || file.size() - offset < sizeof(head) || !file.ReadAt(offset, head)) return false;
  return LoadLittle<uint64_t>(head) <= file.size() - offset - 8 && head[8] == std::byte{'{'};
}

// The elements of one chunk, row-major. The file is opened when they are first asked for.
class SavedTensor : public ByteSource {
 public:
  // `tail` is set when the chunk stands in a safetensors file, where it is called `tensor.name`.
  SavedTensor(std::shared_ptr<const ByteSource> file, const DcpTensor& tensor, const DcpChunk& chunk,
              std::shared_ptr<SafetensorsTail> tail, InsideOpener inside)
      : file_(std::move(file)),
        slice_(*chunk.slice),
        dtype_(tensor.dtype),
        shape_(chunk.sizes),
        offsets_(chunk.offsets),
        key_(tensor.name),
        tail_(std::move(tail)),
        inside_(inside),
        name_(file_->name()) {
    auto numel = CheckedNumel(shape_);
    size_ = BytesFor(dtype_, numel.value_or(0)).value_or(0);
  }

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  Status CheckUnchanged() const override { return file_->CheckUnchanged(); }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    std::call_once(once_, [this] { opened_ = Load(); });
    if (!opened_) {
      Error error = opened_.error();
      error.message = fmt::format("in the chunk at byte {}: {}", slice_.offset, error.message);
      return error;
    }
    if (bytes_) return bytes_->ReadAt(offset, out);
    if (offset > size_ || out.size() > size_ - offset) {
      return Error{.code = ErrorCode::kTruncated, .message = "the chunk ends before", .file = name_};
    }
    return model_->sources[range_.source]->ReadAt(range_.offset + offset, out);
  }

 private:
  Status Load() const {
    const Tensor* tensor = nullptr;
    if (tail_ != nullptr) {
      PTHVIEW_ASSIGN(model_, tail_->Get());
      std::string path;
      AppendTextKey(path, key_);
      tensor = tail_->Find(path);
      if (tensor == nullptr || !tail_->IsChunkAt(key_, offsets_)) {
        return Error{.code = ErrorCode::kCorrupt,
                     .message = tensor == nullptr ? "the safetensors file there does not have it"
                                                  : "the safetensors file there holds another chunk of the tensor: the "
                                                    "writer keeps one chunk of each in a file"};
      }
    } else {
      PTHVIEW_ASSIGN(std::unique_ptr<ByteSource> slice, OpenDcpSlice(file_, slice_, slice_.length));
      PTHVIEW_ASSIGN(Model model, inside_(name_, std::move(slice), {}, 1));
      own_ = std::move(model);
      model_ = &own_;
      if (own_.tensors.size() != 1) {
        return Error{.code = ErrorCode::kCorrupt,
                     .message = fmt::format("it holds {} tensors instead of one", own_.tensors.size())};
      }
      tensor = own_.tensors.data();
    }
    const auto& shape = tensor->shape;
    if (tensor->dtype != dtype_ || !std::equal(shape.begin(), shape.end(), shape_.begin(), shape_.end())) {
      return Error{.code = ErrorCode::kCorrupt, .message = "its tensor has another type or shape than .metadata says"};
    }
    if (auto range = ContiguousRange(*model_, *tensor)) {
      range_ = *range;
      return Ok();
    }
    PTHVIEW_ASSIGN(std::vector<std::byte> elements, ReadElements(*model_, *tensor, 0, tensor->numel));
    bytes_ = OpenMemory(name_, std::move(elements));
    return Ok();
  }

  std::shared_ptr<const ByteSource> file_;
  DcpSlice slice_;
  DType dtype_;
  std::vector<int64_t> shape_;
  std::vector<int64_t> offsets_;
  std::string key_;
  std::shared_ptr<SafetensorsTail> tail_;
  InsideOpener inside_;
  std::string name_;
  uint64_t size_;
  mutable std::once_flag once_;
  mutable Status opened_;
  mutable Model own_;
  mutable const Model* model_ = nullptr;  // where `range_` points: own_, or the tail's
  mutable ByteRange range_;
  mutable std::unique_ptr<ByteSource> bytes_;  // of chunks that were saved with strides
};

class Reader {
 public:
  Reader(ModelBuilder& builder, const OpenContext& context, const OpenOptions& options)
      : builder_(builder),
        folder_(context.folder),
        options_(options),
        inside_(context.open_inside),
        depth_(context.depth) {}

  void Read(DcpMetadata metadata) {
    for (const std::string& section : metadata.sections) {
      PartKind kind = section.empty() ? PartKind::kModel : PartKindOfName(section);
      std::string path;
      if (!section.empty()) AppendTextKey(path, section);
      builder_.model().parts.push_back({.kind = kind, .path = builder_.arena().Copy(path)});
    }
    for (const DcpTensor& tensor : metadata.tensors) steps_ += kStepsOfAChunk * tensor.chunks.size();
    for (DcpTensor& tensor : metadata.tensors) AddTensor(tensor);
    for (const DcpBytes& bytes : metadata.bytes) AddBytes(bytes);
    if (left_out_ > 0) {
      builder_.Note(Severity::kInfo, "dcp-values", "",
                    fmt::format("{} plain values are not listed: reading them all would take long", left_out_));
    }
    AddFilesBeside();
    for (const auto& [name, file] : files_) {
      if (file != nullptr) builder_.AddSource(ShareSource(file));
    }
  }

  size_t file_count() const { return files_.size(); }

 private:
  // The file of a slice, opened once; null, after a finding, when there is none or the slice does not lie in it.
  std::shared_ptr<const ByteSource> FileOf(const std::optional<DcpSlice>& slice, std::string_view where) {
    if (!slice) {
      builder_.Note(Severity::kError, "dcp-place", where, ".metadata does not say where its bytes are");
      return nullptr;
    }
    auto [at, is_new] = files_.try_emplace(slice->file);
    if (is_new) {
      auto file = OpenInFolder(folder_, slice->file);
      if (file) {
        at->second = std::move(*file);
      } else {
        bool bad = !IsPlainFileName(slice->file);
        builder_.Note(Severity::kError, bad ? "shard-name" : "shard-missing", EscapeName(slice->file),
                      fmt::format("{}; what lies in it is listed without data", file.error().message));
      }
    }
    const auto& file = at->second;
    if (file == nullptr) return nullptr;
    if (slice->zstd == 0 && BeginsSafetensors(*file, slice->offset)) return file;
    if (slice->offset > file->size() || slice->length > file->size() - slice->offset) {
      builder_.Note(Severity::kError, "dcp-place", where,
                    fmt::format("it should be at bytes {} to {} of {}, which has {} (cut short?)", slice->offset,
                                slice->offset + slice->length, EscapeName(slice->file), file->size()));
      return nullptr;
    }
    return file;
  }

  void AddTensor(DcpTensor& from) {
    std::string path;
    AppendTextKey(path, from.name);
    const Part& part = builder_.model().parts[from.section];
    TensorDraft draft{.shape = from.shape, .dtype = from.dtype, .requires_grad = from.requires_grad};
    draft.storage = PlaceTensor(from, path);
    Tensor tensor = builder_.Check(draft, path);
    tensor.path = builder_.arena().Copy(path);
    tensor.name = NameWithin(tensor.path, part.path.size());
    tensor.part = static_cast<Index>(from.section);
    bool weights = part.kind == PartKind::kModel || part.kind == PartKind::kEma;
    tensor.kind = weights ? KindByName(tensor.name, tensor.dtype) : TensorKind::kState;
    builder_.AddTensor(tensor);
  }

  Index PlaceTensor(DcpTensor& from, std::string_view path) {
    if (from.dtype == DType::kUnknown || Info(from.dtype).items_per_byte != 1) return kNone;
    std::vector<StitchBox> boxes;
    for (DcpChunk& chunk : from.chunks) {
      auto file = FileOf(chunk.slice, path);
      if (file == nullptr) return kNone;
      boxes.push_back({chunk.offsets, chunk.sizes,
                       std::make_unique<SavedTensor>(file, from, chunk, TailOf(file, *chunk.slice), inside_)});
    }
    auto nbytes = BytesFor(from.dtype, CheckedNumel(from.shape).value_or(-1));
    if (!nbytes) return kNone;
    if (auto fault = CoverFault(from.shape, boxes, &steps_)) {
      builder_.Note(Severity::kError, "dcp-chunks", path, *fault);
      return kNone;
    }
    Storage storage{.nbytes = *nbytes, .dtype = from.dtype, .key = builder_.arena().Copy(EscapeName(from.name))};
    bool single = boxes.size() == 1;
    storage.source = builder_.AddSource(
        single ? std::move(boxes[0].bytes)
               : Stitch(DisplayName(folder_), from.shape, Info(from.dtype).item_size, std::move(boxes)));
    return builder_.AddStorage(storage);
  }

  // The safetensors file that the slice begins; null when it is a file of torch.save.
  std::shared_ptr<SafetensorsTail> TailOf(const std::shared_ptr<const ByteSource>& file, const DcpSlice& slice) {
    if (slice.zstd > 0) return nullptr;
    auto [at, is_new] = tails_.try_emplace({file.get(), slice.offset});
    if (is_new && BeginsSafetensors(*file, slice.offset)) {
      at->second = std::make_shared<SafetensorsTail>(file, slice.offset, inside_);
    }
    return at->second;
  }

  // What trainers keep beside: each in parts that begin with the file's name. Of others only the names are told.
  void AddFilesBeside() {
    if (IsUrl(folder_)) return;
    std::string others;
    for (const std::string& name : ListFolder(folder_)) {
      if (files_.contains(name) || !(name.ends_with(".pt") || name.ends_with(".pth") || name.ends_with(".ckpt"))) {
        continue;
      }
      if (name != "meta.pt" && name != "common.pt") {
        if (others.size() < 400) others += (others.empty() ? "" : ", ") + EscapeName(name);
        continue;
      }
      std::shared_ptr<const ByteSource> file;
      auto opened = OpenInFolder(folder_, name);
      auto model = opened ? inside_(name, ShareSource(file = std::move(*opened)), options_, depth_ + 1)
                          : Result<Model>(tl::unexpected(opened.error()));
      if (!model) {
        builder_.Note(Severity::kWarning, "dcp-beside", EscapeName(name), model.error().message);
        continue;
      }
      Merge(builder_, std::move(*model), {.step = name.substr(0, name.rfind('.'))});
    }
    if (!others.empty()) {
      builder_.Note(
          Severity::kInfo, "dcp-beside", "",
          fmt::format("beside the checkpoint are files that .metadata does not name; open them by themselves: "
                      "{}",
                      others));
    }
  }

  // Plain values are torch files of their own: small ones are opened.
  void AddBytes(const DcpBytes& from) {
    auto file = FileOf(from.slice, EscapeName(from.name));
    if (file == nullptr) return;
    if (from.slice->length > budget_) {
      ++left_out_;
      return;
    }
    budget_ -= std::max<uint64_t>(from.slice->length, kLeastCost);
    auto slice = OpenDcpSlice(file, *from.slice, from.slice->length);
    auto model = slice ? inside_(DisplayName(folder_), std::move(*slice), options_, depth_ + 1)
                       : Result<Model>(tl::unexpected(slice.error()));
    if (!model) {
      builder_.Note(Severity::kWarning, "dcp-value", EscapeName(from.name),
                    fmt::format("a value that cannot be read: {}", model.error().message));
      return;
    }
    Merge(builder_, std::move(*model), {.step = from.name, .part = static_cast<Index>(from.section)});
  }

  static constexpr uint64_t kLeastCost = 4096;

  ModelBuilder& builder_;
  std::string folder_;
  const OpenOptions& options_;
  InsideOpener inside_;
  int depth_;
  std::map<std::string, std::shared_ptr<const ByteSource>> files_;
  Tails tails_;
  uint64_t budget_ = uint64_t{64} << 20;  // bytes of plain values
  // Of comparing chunks: of a thousand columns half a million pairs begin side by side.
  static constexpr uint64_t kStepsOfAChunk = 1000;
  uint64_t steps_ = 20'000'000;
  size_t left_out_ = 0;
};

int Match(const OpenContext& context) {
  if (context.folder.empty()) return 0;
  if (!context.directory) return LooksLikeDcpMetadata(context.head) ? 85 : 0;
  auto metadata = OpenInFolder(context.folder, kMetadataFile);
  if (!metadata) return 0;
  auto head = (*metadata)->Read(0, std::min<uint64_t>((*metadata)->size(), 512));
  return head && LooksLikeDcpMetadata(*head) ? 85 : 0;
}

Result<Model> Open(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  std::unique_ptr<ByteSource> file = std::move(context.source);
  if (context.directory) {
    PTHVIEW_ASSIGN(file, OpenInFolder(context.folder, kMetadataFile));
  }
  if (file->size() > kMaxMetadata) {
    return Error{
        .code = ErrorCode::kLimit,
        .message = fmt::format("metadata of {} bytes, more than the {} that are allowed", file->size(), kMaxMetadata)};
  }
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, file->Read(0, file->size()));
  PTHVIEW_ASSIGN(pickle::Tree tree, pickle::Read(std::move(bytes), {.record = std::string(kMetadataFile)}));
  PTHVIEW_ASSIGN(DcpMetadata metadata, ReadDcpMetadata(std::move(tree), &builder.findings()));
  Reader reader(builder, context, options);
  reader.Read(std::move(metadata));
  builder.AddSource(std::move(file));
  builder.model().format_text = fmt::format("PyTorch distributed checkpoint, {} file{}", reader.file_count(),
                                            reader.file_count() == 1 ? "" : "s");
  builder.model().producer = "torch 2.0 or later";
  return std::move(builder).Finish();
}

}  // namespace

const Format kDcp = {"dcp", "PyTorch distributed checkpoint (folder with .metadata)", Match, Open};

}  // namespace pthview
