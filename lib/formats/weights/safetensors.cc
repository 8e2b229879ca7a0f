// safetensors: a JSON header, then the tensors' bytes without gaps.
//
//   uint64 N, little-endian | N bytes of JSON, spaces at its end | bytes of all tensors, row-major, little-endian
//
// N is at most 100,000,000; the header begins with '{'; data_offsets count from the end of the header, are contiguous
// and end at the end of the file; names are unique. A file that breaks one of these is read all the same, with
// findings. Source: the README of huggingface/safetensors.
#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/formats/common/tensor_kind.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/weights/safetensors_header.h"
#include "lib/model/builder.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr size_t kPrefix = 8;

int Match(const OpenContext& context) {
  if (context.head.size() <= kPrefix || context.head[kPrefix] != std::byte{'{'}) return 0;
  const auto length = LoadLittle<uint64_t>(context.head.data());
  if (length <= kMaxHeader) return 90;
  return length <= context.source->size() - kPrefix ? 2 : 0;  // it says what keeps it from being one
}

class Reader {
 public:
  Reader(ModelBuilder& builder, Index source, uint64_t data)
      : builder_(builder), source_(source), data_(data), size_(builder.model().sources[source]->size() - data) {}

  void Read(const SafetensorsHeader& header) {
    builder_.model().parts.push_back({.kind = PartKind::kModel});
    for (const SafetensorsEntry& entry : header.entries) Add(entry);
    CheckOffsets(header.entries);
    if (header.odd_metadata) {
      builder_.Note(Severity::kWarning, "safetensors-metadata", "__metadata__", "it holds something else than text");
    }
    for (const auto& [key, text] : header.metadata) {
      path_ = "__metadata__";
      AppendTextKey(path_, key);
      builder_.AddPlain({.path = builder_.arena().Copy(path_),
                         .text = builder_.arena().Copy(EscapeName(text)),
                         .part = 0,
                         .kind = PlainKind::kString});
    }
  }

 private:
  void Add(const SafetensorsEntry& entry) {
    path_.clear();
    AppendTextKey(path_, entry.name);
    std::string_view path = builder_.arena().Copy(path_);
    if (!names_.insert(path).second) {
      builder_.Note(Severity::kError, "safetensors-duplicate", path, "the header names it twice; both are listed");
    }
    auto dtype = DTypeFromSafetensors(entry.dtype);
    TensorDraft draft{.shape = entry.shape, .dtype = dtype.value_or(DType::kUnknown)};
    if (!entry.complete) {
      builder_.Note(Severity::kError, "safetensors-entry", path, "its dtype, shape or offsets are missing or odd");
    } else if (!dtype) {
      builder_.Note(Severity::kError, "safetensors-dtype", path,
                    fmt::format("elements of type '{}' cannot be read", EscapeName(entry.dtype)));
    } else {
      if (draft.dtype == DType::kFloat4E2M1FNx2) draft.shape = Pairs(entry.shape);
      draft.storage = Place(entry, draft, path);
    }
    Tensor tensor = builder_.Check(draft, path);
    tensor.path = tensor.name = path;
    tensor.part = 0;
    tensor.kind = KindByName(path, tensor.dtype);
    builder_.AddTensor(tensor);
  }

  // The format counts elements of four bits, torch counts bytes of two.
  std::span<const int64_t> Pairs(const std::vector<int64_t>& shape) {
    shape_ = shape;
    if (!shape_.empty()) shape_.back() = shape_.back() / 2 + shape_.back() % 2;
    return shape_;
  }

  Index Place(const SafetensorsEntry& entry, const TensorDraft& draft, std::string_view path) {
    auto numel = CheckedNumel(draft.shape);
    auto expected = numel ? BytesFor(draft.dtype, *numel) : std::nullopt;
    if (entry.begin > entry.end || !expected || entry.end - entry.begin != *expected) {
      builder_.Note(
          Severity::kError, "safetensors-size", path,
          fmt::format("its offsets {} to {} are not the bytes of its shape and type", entry.begin, entry.end));
      return kNone;
    }
    uint64_t begin = std::min(entry.begin, size_);
    return builder_.AddStorage({.source = source_,
                                .offset = data_ + begin,
                                .nbytes = std::min(entry.end, size_) - begin,
                                .dtype = draft.dtype,
                                .key = path});
  }

  // Bytes that belong to no tensor or to two of them are where something could be hidden.
  void CheckOffsets(const std::vector<SafetensorsEntry>& entries) {
    std::vector<size_t> order;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].complete && entries[i].begin <= entries[i].end) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return std::pair(entries[a].begin, entries[a].end) < std::pair(entries[b].begin, entries[b].end);
    });
    uint64_t at = 0;
    for (size_t i : order) {
      const SafetensorsEntry& entry = entries[i];
      if (entry.begin > at) Hole(at, entry.begin);
      if (entry.begin < at && entry.end > entry.begin) {
        builder_.Note(Severity::kWarning, "safetensors-overlap", EscapeName(entry.name),
                      fmt::format("its bytes from {} on belong to another tensor too", entry.begin));
      }
      at = std::max(at, entry.end);
    }
    if (at > size_) {
      builder_.Note(Severity::kError, "truncated", "",
                    fmt::format("the tensors take {} bytes, the file has {} for them", at, size_));
    } else if (at < size_) {
      Hole(at, size_);
    }
  }

  void Hole(uint64_t from, uint64_t to) {
    if (from >= size_) return;
    builder_.Note(Severity::kWarning, "safetensors-hole", "",
                  fmt::format("the {} bytes at byte {} of the file belong to no tensor", std::min(to, size_) - from,
                              data_ + from));
  }

  ModelBuilder& builder_;
  Index source_;
  uint64_t data_;  // offset of the first tensor byte
  uint64_t size_;  // bytes from there on
  std::string path_;
  std::vector<int64_t> shape_;
  std::unordered_set<std::string_view, TextHash> names_;
};

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  uint64_t length = LoadLittle<uint64_t>(context.head.data());
  uint64_t there = context.source->size() - kPrefix;
  if (length > kMaxHeader) {
    return Error{.code = ErrorCode::kLimit,
                 .message = fmt::format("a safetensors header of {} bytes, more than the {} that the format allows",
                                        length, kMaxHeader)};
  }
  if (length > there) {
    return Error{.code = ErrorCode::kTruncated,
                 .message = fmt::format("a safetensors header of {} bytes, of which the file has {}", length, there),
                 .hint = "copy or download the file again"};
  }
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, context.source->Read(kPrefix, length));
  auto header = ParseSafetensorsHeader({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!header) {
    Error error = std::move(header).error();
    if (error.offset) *error.offset += kPrefix;
    return error;
  }
  bytes = {};
  Index source = builder.AddSource(std::move(context.source));
  Reader(builder, source, kPrefix + length).Read(*header);
  builder.model().format_text = "safetensors";
  return std::move(builder).Finish();
}

}  // namespace

const Format kSafetensors = {"safetensors", "safetensors", Match, Open};

}  // namespace pthview
