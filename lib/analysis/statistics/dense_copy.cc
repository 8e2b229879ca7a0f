#include "lib/analysis/statistics/dense_copy.h"

#include <algorithm>
#include <complex>
#include <cstring>
#include <functional>
#include <span>
#include <utility>

#include "lib/analysis/statistics/sparse_parts.h"
#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/model/builder.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

Error TooLarge(const Tensor& tensor) {
  return {.code = ErrorCode::kLimit,
          .message = "tensor '" + std::string(tensor.path) + "' would take too much room as a dense one",
          .hint = "look at its components"};
}

Result<std::vector<std::byte>> AllBytes(const Model& model, const Tensor& tensor) {
  if (tensor.nbytes() > kMostDenseBytes) return TooLarge(tensor);
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(model, tensor, 0, tensor.numel));
  if (bytes.size() != tensor.nbytes()) return CorruptTensor(tensor, "it is cut short");
  return bytes;
}

Result<std::vector<int64_t>> Integers(const Model& model, const Tensor& tensor) {
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, AllBytes(model, tensor));
  if (bytes.empty()) return std::vector<int64_t>();
  return DecodeIndices(tensor, tensor.dtype, bytes);
}

template <typename T>
void AddItems(std::byte* to, const std::byte* from, size_t count) {
  for (size_t i = 0; i < count; ++i, to += sizeof(T), from += sizeof(T)) {
    T sum = LoadLittle<T>(to);
    sum += LoadLittle<T>(from);
    std::memcpy(to, &sum, sizeof(T));
  }
}

using Adder = void (*)(std::byte* to, const std::byte* from, size_t count);

// Unsigned, so that sums wrap as torch's do; nullptr for types that sums would have to be rounded to.
Adder AdderOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return AddItems<float>;
    case DType::kFloat64: return AddItems<double>;
    case DType::kComplex64: return AddItems<std::complex<float>>;
    case DType::kComplex128: return AddItems<std::complex<double>>;
    case DType::kUint8:
    case DType::kInt8: return AddItems<uint8_t>;
    case DType::kUint16:
    case DType::kInt16: return AddItems<uint16_t>;
    case DType::kUint32:
    case DType::kInt32: return AddItems<uint32_t>;
    case DType::kUint64:
    case DType::kInt64: return AddItems<uint64_t>;
    default: return nullptr;
  }
}

// The dense tensor while it is being filled, in cells: the entries of the sparse dimensions, each `width` bytes of
// dense ones.
class Cells {
 public:
  Cells(const Tensor& tensor, uint64_t count, uint64_t width)
      : tensor_(tensor), width_(width), bytes_(count * width), written_(count) {}

  Status Put(uint64_t cell, const std::byte* from) {
    std::byte* to = bytes_.data() + cell * width_;
    if (!written_[cell]) {
      written_[cell] = true;
      std::memcpy(to, from, width_);
      return Ok();
    }
    Adder add = AdderOf(tensor_.dtype);
    if (tensor_.dtype == DType::kBool) {
      for (uint64_t i = 0; i < width_; ++i) to[i] |= from[i];
    } else if (add == nullptr) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "tensor '" + std::string(tensor_.path) + "' has several " +
                              std::string(DTypeName(tensor_.dtype)) + " entries at one place, whose sum is not made",
                   .hint = "look at its components"};
    } else {
      add(to, from, width_ / Info(tensor_.dtype).item_size);
    }
    return Ok();
  }

  std::vector<std::byte> Take() && { return std::move(bytes_); }

 private:
  const Tensor& tensor_;
  uint64_t width_;
  std::vector<std::byte> bytes_;
  std::vector<bool> written_;
};

int64_t Product(std::span<const int64_t> sizes) { return CheckedNumel(sizes).value_or(-1); }

// indices [sparse dimensions, entries], values [entries, dense dimensions...]
Result<std::vector<std::byte>> FillCoo(const Model& model, const Tensor& tensor) {
  const Tensor* indices = FindPart(model, tensor, "indices");
  const Tensor* values = FindPart(model, tensor, "values");
  bool fits =
      indices != nullptr && values != nullptr && indices->shape.size() == 2 && !values->shape.empty() &&
      values->shape[0] == indices->shape[1] && indices->shape[0] >= 0 &&
      static_cast<size_t>(indices->shape[0]) + values->shape.size() - 1 == tensor.shape.size() &&
      std::ranges::equal(values->shape.subspan(1), tensor.shape.subspan(static_cast<size_t>(indices->shape[0])));
  if (!fits) return CorruptTensor(tensor, "its indices and values do not fit its shape");
  auto sparse = static_cast<size_t>(indices->shape[0]);
  auto entries = static_cast<size_t>(indices->shape[1]);
  PTHVIEW_ASSIGN(std::vector<int64_t> at, Integers(model, *indices));
  PTHVIEW_ASSIGN(std::vector<std::byte> data, AllBytes(model, *values));
  uint64_t width = static_cast<uint64_t>(Product(tensor.shape.subspan(sparse))) * Info(tensor.dtype).item_size;
  Cells cells(tensor, static_cast<uint64_t>(Product(tensor.shape.first(sparse))), width);
  for (size_t i = 0; i < entries && width > 0; ++i) {
    uint64_t cell = 0;
    for (size_t d = 0; d < sparse; ++d) {
      int64_t index = at[d * entries + i];
      if (index < 0 || index >= tensor.shape[d]) return CorruptTensor(tensor, "an index lies outside its shape");
      cell = cell * static_cast<uint64_t>(tensor.shape[d]) + static_cast<uint64_t>(index);
    }
    PTHVIEW_TRY(cells.Put(cell, data.data() + i * width));
  }
  return std::move(cells).Take();
}

// Of rows (CSR, BSR) or columns (CSC, BSC): pointers [batch..., compressed + 1], plain [batch..., entries], values
// [batch..., entries, (block rows, block columns,) dense dimensions...]
Result<std::vector<std::byte>> FillCompressed(const Model& model, const Tensor& tensor) {
  bool rows = tensor.layout == Layout::kSparseCsr || tensor.layout == Layout::kSparseBsr;
  bool blocks = tensor.layout == Layout::kSparseBsr || tensor.layout == Layout::kSparseBsc;
  const Tensor* pointers = FindPart(model, tensor, rows ? "crow_indices" : "ccol_indices");
  const Tensor* plain = FindPart(model, tensor, rows ? "col_indices" : "row_indices");
  const Tensor* values = FindPart(model, tensor, "values");
  if (pointers == nullptr || plain == nullptr || values == nullptr || pointers->shape.empty() ||
      plain->shape.size() != pointers->shape.size()) {
    return CorruptTensor(tensor, "its indices and values do not fit its shape");
  }
  const size_t batch = pointers->shape.size() - 1;
  const size_t before_dense = batch + 1 + (blocks ? 2 : 0);
  bool fits = tensor.shape.size() >= batch + 2 && values->shape.size() >= before_dense &&
              std::ranges::equal(pointers->shape.first(batch), tensor.shape.first(batch)) &&
              std::ranges::equal(plain->shape.first(batch), tensor.shape.first(batch)) &&
              std::ranges::equal(values->shape.first(batch + 1), plain->shape) &&
              std::ranges::equal(values->shape.subspan(before_dense), tensor.shape.subspan(batch + 2));
  if (!fits) return CorruptTensor(tensor, "its indices and values do not fit its shape");
  const int64_t height = blocks ? values->shape[batch + 1] : 1;
  const int64_t width = blocks ? values->shape[batch + 2] : 1;
  const int64_t row_count = tensor.shape[batch];
  const int64_t column_count = tensor.shape[batch + 1];
  if (height < 1 || width < 1 || row_count % height != 0 || column_count % width != 0) {
    return CorruptTensor(tensor, "its blocks do not fit its shape");
  }
  const int64_t compressed = rows ? row_count / height : column_count / width;
  const int64_t others = rows ? column_count / width : row_count / height;
  const int64_t entries = plain->shape[batch];
  if (pointers->shape[batch] != compressed + 1) return CorruptTensor(tensor, "its indices do not fit its shape");
  PTHVIEW_ASSIGN(std::vector<int64_t> starts, Integers(model, *pointers));
  PTHVIEW_ASSIGN(std::vector<int64_t> at, Integers(model, *plain));
  PTHVIEW_ASSIGN(std::vector<std::byte> data, AllBytes(model, *values));
  const uint64_t cell_bytes =
      static_cast<uint64_t>(Product(tensor.shape.subspan(batch + 2))) * Info(tensor.dtype).item_size;
  Cells cells(tensor, static_cast<uint64_t>(Product(tensor.shape.first(batch + 2))), cell_bytes);
  const std::byte* from = data.data();

  // The block of entry `p` of batch `b`, whose first row and column are given.
  auto put_block = [&](int64_t b, int64_t p, int64_t row, int64_t column) -> Status {
    for (int64_t i = 0; i < height * width; ++i) {
      int64_t cell = (b * row_count + row + i / width) * column_count + column + i % width;
      int64_t source = (b * entries + p) * height * width + i;
      PTHVIEW_TRY(cells.Put(static_cast<uint64_t>(cell), from + static_cast<uint64_t>(source) * cell_bytes));
    }
    return Ok();
  };
  const int64_t batches = cell_bytes == 0 ? 0 : Product(tensor.shape.first(batch));
  for (int64_t b = 0; b < batches; ++b) {
    const std::span<const int64_t> start = std::span(starts).subspan(static_cast<size_t>(b * (compressed + 1)));
    int64_t before = 0;
    for (int64_t c = 0; c < compressed; ++c) {
      int64_t first = start[static_cast<size_t>(c)];
      int64_t end = start[static_cast<size_t>(c) + 1];
      // Each entry belongs to one row, or the work would be rows times entries.
      if (first < std::exchange(before, end) || end < first || end > entries)
        return CorruptTensor(tensor, "an index lies outside its shape");
      for (int64_t p = first; p < end; ++p) {
        int64_t other = at[static_cast<size_t>(b * entries + p)];
        if (other < 0 || other >= others) return CorruptTensor(tensor, "an index lies outside its shape");
        PTHVIEW_TRY(put_block(b, p, (rows ? c : other) * height, (rows ? other : c) * width));
      }
    }
  }
  return std::move(cells).Take();
}

// Whether values are cut along their first dimension, as they are unless the file says otherwise.
bool CutAlongFirst(const Model& model, const Tensor& tensor) {
  std::string path = std::string(tensor.path) + ".ragged_idx";
  auto found = std::ranges::find(model.plain, path, &PlainValue::path);
  return found == model.plain.end() || found->text == "1";
}

// The part of `whole` that begins `offset` elements behind its first; what reaches past its last is refused.
Result<TensorPart> PartOf(const Tensor& tensor, const Tensor& whole, int64_t offset, std::vector<int64_t> shape,
                          std::vector<int64_t> strides) {
  TensorPart part;
  auto numel = CheckedNumel(shape);
  auto last = std::optional<int64_t>(offset);
  for (size_t d = 0; d < shape.size() && numel && *numel > 0 && last; ++d) {
    auto span = CheckedMul(shape[d] - 1, strides[d]);
    last = span && *span >= 0 ? CheckedAdd(*last, *span) : std::nullopt;
  }
  int64_t stored = whole.numel;  // row-major, as the caller has checked
  bool inside = numel && last && offset >= 0 && (*numel == 0 || *last < stored);
  auto base = inside ? CheckedAdd(whole.offset, *numel == 0 ? 0 : offset) : std::nullopt;
  if (!base) return CorruptTensor(tensor, "a constituent lies outside its values");
  part.tensor = whole;
  part.tensor.numel = *numel;
  part.tensor.offset = *base;
  part.tensor.contiguous = false;
  part.shape = std::move(shape);
  part.strides = std::move(strides);
  return part;
}

}  // namespace

Result<Model> DenseCopy(const Model& model, const Tensor& tensor) {
  PTHVIEW_TRY(CheckSparse(tensor));
  const Tensor* values = FindPart(model, tensor, "values");
  if (values == nullptr || values->dtype != tensor.dtype || Info(tensor.dtype).item_size == 0 ||
      Info(tensor.dtype).items_per_byte != 1) {
    return CorruptTensor(tensor, "its values are not of its type");
  }
  if (CheckedNumel(tensor.shape).value_or(-1) != tensor.numel) return CorruptTensor(tensor, "its shape is no shape");
  if (tensor.nbytes() > kMostDenseBytes) return TooLarge(tensor);
  // Empty dense dimensions may stand beside huge sparse ones.
  std::vector<std::byte> bytes;
  if (tensor.numel > 0) {
    PTHVIEW_ASSIGN(bytes, tensor.layout == Layout::kSparseCoo ? FillCoo(model, tensor) : FillCompressed(model, tensor));
  }
  ModelBuilder builder;
  Index storage = builder.AddMemoryStorage("dense", std::move(bytes), tensor.dtype, {});
  Tensor dense = builder.Check({.shape = tensor.shape, .storage = storage, .dtype = tensor.dtype}, tensor.path);
  dense.path = builder.arena().Copy(tensor.path);
  dense.name = builder.arena().Copy(tensor.name);
  builder.AddTensor(dense);
  return std::move(builder).Finish();
}

// Strided: `buffer` in one dimension, `sizes` and `strides` [n, dimensions], `offsets` [n]. Jagged: `values`, cut along
// its first dimension at `offsets` [n + 1], or at `lengths` [n] behind each.
Result<std::vector<TensorPart>> NestedParts(const Model& model, const Tensor& tensor, size_t most) {
  std::vector<TensorPart> parts;
  const Tensor* offsets = FindPart(model, tensor, "offsets");
  const Tensor* values = FindPart(model, tensor, "values");
  const Tensor* buffer = FindPart(model, tensor, "buffer");
  if (tensor.layout != Layout::kNested || offsets == nullptr || (values == nullptr && buffer == nullptr)) {
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = "tensor '" + std::string(tensor.path) + "' has layout " + std::string(LayoutName(tensor.layout))};
  }
  const Tensor& whole = values != nullptr ? *values : *buffer;
  const Tensor* sizes = FindPart(model, tensor, "sizes");
  const Tensor* strides = FindPart(model, tensor, "strides");
  const Tensor* lengths = FindPart(model, tensor, "lengths");
  auto count = static_cast<size_t>(tensor.shape.empty() ? 0 : tensor.shape[0]);
  PTHVIEW_ASSIGN(std::vector<int64_t> starts, Integers(model, *offsets));
  std::vector<int64_t> size_rows;
  std::vector<int64_t> stride_rows;
  size_t rank = whole.shape.size();
  bool fits = whole.data == DataState::kPresent && whole.contiguous && rank > 0;
  if (values != nullptr) {
    if (!CutAlongFirst(model, tensor)) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "tensor '" + std::string(tensor.path) + "' is ragged in another dimension than its first",
                   .hint = "look at its components"};
    }
    fits = fits && starts.size() == count + 1;
    if (lengths != nullptr) {
      PTHVIEW_ASSIGN(size_rows, Integers(model, *lengths));
      fits = fits && size_rows.size() == count;
    }
  } else {
    fits = fits && sizes != nullptr && strides != nullptr && sizes->shape.size() == 2 && rank == 1 &&
           std::ranges::equal(sizes->shape, strides->shape) && sizes->shape[0] == static_cast<int64_t>(count) &&
           starts.size() == count;
    if (fits) {
      rank = static_cast<size_t>(sizes->shape[1]);
      PTHVIEW_ASSIGN(size_rows, Integers(model, *sizes));
      PTHVIEW_ASSIGN(stride_rows, Integers(model, *strides));
    }
  }
  if (!fits) return CorruptTensor(tensor, "its sizes and offsets do not fit its values");
  for (size_t i = 0; i < std::min(count, most); ++i) {
    std::vector<int64_t> shape(whole.shape.begin(), whole.shape.end());
    std::vector<int64_t> steps(whole.strides.begin(), whole.strides.end());
    int64_t offset = starts[i];
    if (values != nullptr) {
      shape[0] = lengths != nullptr ? size_rows[i] : starts[i + 1] - starts[i];
      offset = CheckedMul(offset, steps[0]).value_or(-1);
    } else {
      shape.assign(size_rows.begin() + static_cast<int64_t>(i * rank),
                   size_rows.begin() + static_cast<int64_t>((i + 1) * rank));
      steps.assign(stride_rows.begin() + static_cast<int64_t>(i * rank),
                   stride_rows.begin() + static_cast<int64_t>((i + 1) * rank));
    }
    PTHVIEW_ASSIGN(TensorPart part, PartOf(tensor, whole, offset, std::move(shape), std::move(steps)));
    part.name = "[" + std::to_string(i) + "]";
    parts.push_back(std::move(part));
    parts.back().Bind();
  }
  return parts;
}

}  // namespace pthview
