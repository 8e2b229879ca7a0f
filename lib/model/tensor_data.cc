#include "lib/model/tensor_data.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "lib/base/checked.h"
#include "lib/base/progress.h"
#include "lib/base/sha256.h"
#include "lib/model/gather.h"

namespace pthview {
namespace {

constexpr int64_t kBlockBytes = 1 << 20;  // of a contiguous tensor
constexpr int64_t kBoxBytes = 16 << 20;   // of a gathered one: fewer, longer runs of its storage
constexpr int64_t kSpanBytes = 32 << 20;  // of storage that is held to gather from
constexpr size_t kElementsLimit = 64 << 20;

// An element of a packed type, unpacked, is a byte.
size_t ItemBytes(DType dtype) { return Info(dtype).item_size; }

// Reads elements of one storage, bounds checked again here: a model may be built by hand.
class StorageReader {
 public:
  static Result<StorageReader> Open(const Model& model, const Tensor& tensor) {
    if (tensor.layout != Layout::kDense) {
      return Error{ErrorCode::kUnsupported, std::string(LayoutName(tensor.layout)) +
                                                " tensors have no data of their own: read their components"};
    }
    if (tensor.data == DataState::kMeta) return Error{ErrorCode::kNotFound, "a meta tensor: it never had data"};
    if (tensor.data == DataState::kOutOfBounds) {
      return Error{ErrorCode::kNotFound, "the tensor reaches past the end of its storage"};
    }
    if (tensor.data != DataState::kPresent) return Error{ErrorCode::kNotFound, "the tensor's data is not in the file"};
    if (Info(tensor.dtype).item_size == 0) return Error{ErrorCode::kUnsupported, "the dtype is not known"};
    if (tensor.shape.size() != tensor.strides.size() || CheckedNumel(tensor.shape) != tensor.numel) {
      return Error{ErrorCode::kInternal, "shape, strides and number of elements disagree"};
    }
    StorageReader reader;
    reader.dtype_ = tensor.dtype;
    if (tensor.numel == 0) return reader;
    if (tensor.storage >= model.storages.size() || model.storages[tensor.storage].source >= model.sources.size()) {
      return Error{ErrorCode::kNotFound, "the tensor's data is not in the file"};
    }
    reader.storage_ = &model.storages[tensor.storage];
    reader.source_ = model.sources[reader.storage_->source].get();
    return reader;
  }

  const ByteSource* source() const { return source_; }

  // Elements [first, first + out.size() / item) as bytes; packed types unpacked to a byte an element.
  Status Read(int64_t first, std::span<std::byte> out) const {
    int64_t per_byte = Info(dtype_).items_per_byte;
    int64_t count = static_cast<int64_t>(out.size() / ItemBytes(dtype_));
    std::optional<int64_t> end = CheckedAdd(first, count);
    uint64_t end_byte = end ? BytesFor(dtype_, *end).value_or(UINT64_MAX) : UINT64_MAX;
    if (first < 0 || end_byte > storage_->nbytes) {
      return Error{ErrorCode::kCorrupt, "the tensor reaches past the end of its storage", source_->name(),
                   std::string(storage_->record)};
    }
    if (per_byte == 1) {
      return source_->ReadAt(storage_->offset + static_cast<uint64_t>(first) * ItemBytes(dtype_), out);
    }
    uint64_t first_byte = static_cast<uint64_t>(first / per_byte);
    std::vector<std::byte> packed(static_cast<size_t>(end_byte - first_byte));
    PTHVIEW_TRY(source_->ReadAt(storage_->offset + first_byte, packed));
    size_t bits = static_cast<size_t>(8 / per_byte);
    size_t skip = static_cast<size_t>(first % per_byte);
    for (size_t i = 0; i < out.size(); ++i) {
      size_t at = skip + i;
      size_t shift = at % static_cast<size_t>(per_byte) * bits;
      out[i] = (packed[at / static_cast<size_t>(per_byte)] >> shift) & std::byte((1U << bits) - 1);
    }
    return Ok();
  }

 private:
  DType dtype_ = DType::kUnknown;
  const Storage* storage_ = nullptr;
  const ByteSource* source_ = nullptr;
};

// Flips the sign bit (the highest of each `part` bytes) of every `step`-th part, starting with part `from`.
void FlipSigns(std::span<std::byte> bytes, size_t part, size_t from, size_t step) {
  for (size_t i = from * part + part - 1; i < bytes.size(); i += step * part) bytes[i] ^= std::byte{0x80};
}

template <typename T>
void NegateIntegers(std::span<std::byte> bytes) {
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + i, sizeof(T));
    value = static_cast<T>(T{0} - value);
    std::memcpy(bytes.data() + i, &value, sizeof(T));
  }
}

// Applies the lazy bits of a view to elements in memory.
Status ApplyLazyBits(const Tensor& tensor, std::span<std::byte> bytes) {
  const DTypeInfo& info = Info(tensor.dtype);
  bool complex = info.kind == DTypeClass::kComplex;
  size_t part = complex ? info.item_size / 2 : info.item_size;
  // Conjugating what is not complex changes nothing.
  if (tensor.conj && complex) FlipSigns(bytes, part, 1, 2);
  if (!tensor.neg) return Ok();
  if (complex || (info.kind == DTypeClass::kFloat && part > 1)) {
    FlipSigns(bytes, part, 0, 1);
    return Ok();
  }
  if (info.kind != DTypeClass::kInteger) {
    return Error{ErrorCode::kUnsupported, "a negated view of " + std::string(info.name)};
  }
  switch (part) {
    case 1: NegateIntegers<uint8_t>(bytes); break;
    case 2: NegateIntegers<uint16_t>(bytes); break;
    case 4: NegateIntegers<uint32_t>(bytes); break;
    default: NegateIntegers<uint64_t>(bytes); break;
  }
  return Ok();
}

// Says of which tensor and record an error is.
Error Located(Error error, const Model& model, const Tensor& tensor) {
  if (error.file.empty()) error.file = model.file;
  if (error.record.empty()) error.record = std::string(tensor.path);
  return error;
}

Status ReadBlocks(const Model& model, const Tensor& tensor, const BlockFunction& block, int64_t first, int64_t count) {
  PTHVIEW_ASSIGN(StorageReader reader, StorageReader::Open(model, tensor));
  if (first < 0 || first > tensor.numel) return Error{ErrorCode::kUsage, "the tensor has no such element"};
  count = std::min(count, tensor.numel - first);
  if (count <= 0) return Ok();
  PTHVIEW_TRY(reader.source()->CheckUnchanged());
  int64_t item = static_cast<int64_t>(ItemBytes(tensor.dtype));
  int64_t most = (tensor.contiguous ? kBlockBytes : kBoxBytes) / item;
  BoxWalk walk(tensor.shape, tensor.strides, tensor.offset);
  std::vector<std::byte> buffer(static_cast<size_t>(std::min(count, most) * item));
  for (int64_t done = 0; done < count;) {
    if (Progress::Interrupted()) return Error{ErrorCode::kInterrupted, "interrupted"};
    int64_t elements = std::min(count - done, most);
    std::span<std::byte> bytes;
    if (tensor.contiguous) {
      bytes = std::span(buffer).first(static_cast<size_t>(elements * item));
      std::optional<int64_t> at = CheckedAdd(tensor.offset, first + done);
      if (!at) return Error{ErrorCode::kCorrupt, "the tensor reaches past the end of its storage"};
      PTHVIEW_TRY(reader.Read(*at, bytes));
    } else {
      BoxWalk::Box box = walk.Next(first + done, elements);
      elements = box.count;
      bytes = std::span(buffer).first(static_cast<size_t>(elements * item));
      PTHVIEW_TRY(GatherBox(
          box, static_cast<size_t>(item), kSpanBytes,
          [&](int64_t from, std::span<std::byte> out) { return reader.Read(from, out); }, bytes));
    }
    PTHVIEW_TRY(ApplyLazyBits(tensor, bytes));
    PTHVIEW_TRY(block(bytes));
    done += elements;
  }
  return reader.source()->CheckUnchanged();
}

}  // namespace

DType BlockDType(DType dtype) { return Info(dtype).items_per_byte > 1 ? DType::kUint8 : dtype; }

Status ForEachBlock(const Model& model, const Tensor& tensor, const BlockFunction& block, int64_t first,
                    int64_t count) {
  Status status = ReadBlocks(model, tensor, block, first, count);
  if (!status) return Located(std::move(status).error(), model, tensor);
  return Ok();
}

Result<std::vector<std::byte>> ReadElements(const Model& model, const Tensor& tensor, int64_t first, int64_t count) {
  int64_t left = first >= 0 && first <= tensor.numel ? tensor.numel - first : 0;
  uint64_t bytes = static_cast<uint64_t>(std::clamp<int64_t>(count, 0, left));
  // An expanded tensor may have far more elements than the file has bytes.
  if (__builtin_mul_overflow(bytes, uint64_t{ItemBytes(tensor.dtype)}, &bytes) ||
      (bytes > kElementsLimit && (tensor.storage >= model.storages.size() ||
                                  bytes / Info(tensor.dtype).items_per_byte > model.storages[tensor.storage].nbytes))) {
    return Located(Error{ErrorCode::kLimit, "the tensor holds " + std::to_string(bytes) +
                                                " bytes, more than its storage and than the " +
                                                std::to_string(kElementsLimit) + " that are allowed in memory"},
                   model, tensor);
  }
  std::vector<std::byte> elements;
  elements.reserve(static_cast<size_t>(bytes));
  PTHVIEW_TRY(ForEachBlock(
      model, tensor,
      [&](std::span<const std::byte> block) {
        elements.insert(elements.end(), block.begin(), block.end());
        return Ok();
      },
      first, count));
  return elements;
}

Result<std::string> HashTensor(const Model& model, const Tensor& tensor) {
  Sha256 hash;
  size_t per_byte = Info(tensor.dtype).items_per_byte;
  size_t bits = 8 / per_byte;
  size_t filled = 0;  // elements in `last`
  std::byte last{0};
  std::vector<std::byte> packed;
  PTHVIEW_TRY(ForEachBlock(model, tensor, [&](std::span<const std::byte> block) {
    if (per_byte == 1) {
      hash.Update(block);
      return Ok();
    }
    packed.clear();
    for (std::byte element : block) {
      last |= element << (filled * bits);
      if (++filled < per_byte) continue;
      packed.push_back(last);
      last = std::byte{0};
      filled = 0;
    }
    hash.Update(packed);
    return Ok();
  }));
  if (filled > 0) hash.Update({&last, 1});
  return hash.Finish();
}

std::optional<ByteRange> ContiguousRange(const Model& model, const Tensor& tensor) {
  const DTypeInfo& info = Info(tensor.dtype);
  if (tensor.layout != Layout::kDense || tensor.data != DataState::kPresent || !tensor.contiguous || tensor.neg ||
      (tensor.conj && info.kind == DTypeClass::kComplex) || tensor.offset < 0 ||
      tensor.offset % info.items_per_byte != 0 || tensor.storage >= model.storages.size()) {
    return std::nullopt;
  }
  const Storage& storage = model.storages[tensor.storage];
  std::optional<uint64_t> skip = BytesFor(tensor.dtype, tensor.offset);
  std::optional<uint64_t> nbytes = BytesFor(tensor.dtype, tensor.numel);
  if (storage.source >= model.sources.size() || !skip || !nbytes || *skip > storage.nbytes ||
      *nbytes > storage.nbytes - *skip) {
    return std::nullopt;
  }
  return ByteRange{storage.source, storage.offset + *skip, *nbytes};
}

}  // namespace pthview
