// Distributed checkpoints (torch.distributed.checkpoint): a folder with `.metadata` and files of chunks.
//
//   .metadata          a pickle of Metadata (dcp_metadata.h)
//   __0_0.distcp, ...  slices in a row; each is a complete torch.save file of one chunk, or of one plain value
//
// A tensor is put together from its chunks when it is read; listing reads `.metadata` and the plain values alone.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/base/named_source.h"
#include "lib/container/slice_source.h"
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

// The elements of the one tensor in a torch file, row-major. The file is opened when they are first asked for.
class SavedTensor : public ByteSource {
 public:
  SavedTensor(std::shared_ptr<const ByteSource> file, const DcpSlice& slice, DType dtype, std::vector<int64_t> shape)
      : file_(std::move(file)), slice_(slice), dtype_(dtype), shape_(std::move(shape)), name_(file_->name()) {
    auto numel = CheckedNumel(shape_);
    size_ = BytesFor(dtype, numel.value_or(0)).value_or(0);
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
    return model_.sources[range_.source]->ReadAt(range_.offset + offset, out);
  }

 private:
  Status Load() const {
    auto slice = OpenSlice(file_, slice_.offset, slice_.length, name_);
    auto model = OpenInside(name_, std::move(slice), {}, 1);
    if (!model) return std::move(model).error();
    if (model->tensors.size() != 1) {
      return Error{.code = ErrorCode::kCorrupt,
                   .message = fmt::format("it holds {} tensors instead of one", model->tensors.size())};
    }
    const Tensor& tensor = model->tensors[0];
    if (tensor.dtype != dtype_ || !std::equal(tensor.shape.begin(), tensor.shape.end(), shape_.begin(), shape_.end())) {
      return Error{.code = ErrorCode::kCorrupt, .message = "its tensor has another type or shape than .metadata says"};
    }
    if (auto range = ContiguousRange(*model, tensor)) {
      range_ = *range;
      model_ = std::move(*model);
      return Ok();
    }
    PTHVIEW_ASSIGN(std::vector<std::byte> elements, ReadElements(*model, tensor, 0, tensor.numel));
    bytes_ = OpenMemory(name_, std::move(elements));
    return Ok();
  }

  std::shared_ptr<const ByteSource> file_;
  DcpSlice slice_;
  DType dtype_;
  std::vector<int64_t> shape_;
  std::string name_;
  uint64_t size_;
  mutable std::once_flag once_;
  mutable Status opened_;
  mutable Model model_;  // where `range_` points; empty when `bytes_` is set
  mutable ByteRange range_;
  mutable std::unique_ptr<ByteSource> bytes_;  // of chunks that were saved with strides
};

class Reader {
 public:
  Reader(ModelBuilder& builder, std::string folder, const OpenOptions& options, int depth)
      : builder_(builder), folder_(std::move(folder)), options_(options), depth_(depth) {}

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
      boxes.push_back(
          {chunk.offsets, chunk.sizes, std::make_unique<SavedTensor>(file, *chunk.slice, from.dtype, chunk.sizes)});
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

  // Plain values are torch files of their own: small ones are opened.
  void AddBytes(const DcpBytes& from) {
    auto file = FileOf(from.slice, EscapeName(from.name));
    if (file == nullptr) return;
    if (from.slice->length > budget_) {
      ++left_out_;
      return;
    }
    budget_ -= std::max<uint64_t>(from.slice->length, kLeastCost);
    auto slice = OpenSlice(file, from.slice->offset, from.slice->length, file->name());
    auto model = OpenInside(DisplayName(folder_), std::move(slice), options_, depth_ + 1);
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
  int depth_;
  std::map<std::string, std::shared_ptr<const ByteSource>> files_;
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
  Reader reader(builder, context.folder, options, context.depth);
  reader.Read(std::move(metadata));
  builder.model().format_text = fmt::format("PyTorch distributed checkpoint, {} files", reader.file_count());
  builder.model().producer = "torch 2.0 or later";
  return std::move(builder).Finish();
}

}  // namespace

const Format kDcp = {"dcp", "PyTorch distributed checkpoint (folder with .metadata)", Match, Open};

}  // namespace pthview
