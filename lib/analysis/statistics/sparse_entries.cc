#include "lib/analysis/statistics/sparse_entries.h"

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/statistics/sparse_parts.h"
#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

constexpr int64_t kEntriesAtOnce = int64_t{1} << 16;
constexpr int64_t kMostRows = int64_t{1} << 24;

constexpr std::string_view kNoFit = "its indices and values do not fit its shape";
constexpr std::string_view kOutside = "an index lies outside its shape";

// Elements [first, first + count) of a tensor of integers.
Result<std::vector<int64_t>> Integers(const Model& model, const Tensor& sparse, const Tensor& tensor, int64_t first,
                                      int64_t count) {
  if (tensor.dtype != DType::kInt64 && tensor.dtype != DType::kInt32) return DecodeIndices(sparse, tensor.dtype, {});
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(model, tensor, first, count));
  if (bytes.size() != static_cast<size_t>(count) * Info(tensor.dtype).item_size) {
    return CorruptTensor(sparse, "its indices are cut short");
  }
  return DecodeIndices(sparse, tensor.dtype, bytes);
}

// indices [sparse dimensions, entries], values [entries, dense dimensions...]
Result<bool> CheckCoo(const Model& model, const Tensor& tensor, const Tensor& indices, const Tensor& values) {
  bool fits = indices.shape.size() == 2 && !values.shape.empty() && values.shape[0] == indices.shape[1] &&
              indices.shape[0] >= 0 &&
              static_cast<size_t>(indices.shape[0]) + values.shape.size() - 1 == tensor.shape.size() &&
              std::ranges::equal(values.shape.subspan(1), tensor.shape.subspan(static_cast<size_t>(indices.shape[0])));
  if (!fits) return CorruptTensor(tensor, kNoFit);
  const auto dimensions = static_cast<size_t>(indices.shape[0]);
  const int64_t entries = indices.shape[1];
  if (dimensions == 0) return entries <= 1;
  std::vector<int64_t> before;  // the place of the entry before
  bool ascending = true;
  for (int64_t first = 0; first < entries; first += kEntriesAtOnce) {
    const int64_t count = std::min(kEntriesAtOnce, entries - first);
    std::vector<std::vector<int64_t>> rows;
    for (size_t d = 0; d < dimensions; ++d) {
      PTHVIEW_ASSIGN(std::vector<int64_t> row,
                     Integers(model, tensor, indices, static_cast<int64_t>(d) * entries + first, count));
      rows.push_back(std::move(row));
    }
    std::vector<int64_t> place(dimensions);
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      for (size_t d = 0; d < dimensions; ++d) {
        place[d] = rows[d][i];
        if (place[d] < 0 || place[d] >= tensor.shape[d]) return CorruptTensor(tensor, kOutside);
      }
      if (!before.empty() && place <= before) ascending = false;
      before = place;
    }
  }
  return ascending;
}

// Of rows (CSR, BSR) or columns (CSC, BSC): pointers [batch..., compressed + 1], plain [batch..., entries], values
// [batch..., entries, (block rows, block columns,) dense dimensions...]
Result<bool> CheckCompressed(const Model& model, const Tensor& tensor, const Tensor& pointers, const Tensor& plain,
                             const Tensor& values) {
  const bool rows = tensor.layout == Layout::kSparseCsr || tensor.layout == Layout::kSparseBsr;
  const bool blocks = tensor.layout == Layout::kSparseBsr || tensor.layout == Layout::kSparseBsc;
  if (pointers.shape.empty() || plain.shape.size() != pointers.shape.size()) return CorruptTensor(tensor, kNoFit);
  const size_t batch = pointers.shape.size() - 1;
  const size_t before_dense = batch + 1 + (blocks ? 2 : 0);
  bool fits = tensor.shape.size() >= batch + 2 && values.shape.size() >= before_dense &&
              std::ranges::equal(pointers.shape.first(batch), tensor.shape.first(batch)) &&
              std::ranges::equal(plain.shape.first(batch), tensor.shape.first(batch)) &&
              std::ranges::equal(values.shape.first(batch + 1), plain.shape) &&
              std::ranges::equal(values.shape.subspan(before_dense), tensor.shape.subspan(batch + 2));
  if (!fits) return CorruptTensor(tensor, kNoFit);
  const int64_t height = blocks ? values.shape[batch + 1] : 1;
  const int64_t width = blocks ? values.shape[batch + 2] : 1;
  if (height < 1 || width < 1 || tensor.shape[batch] % height != 0 || tensor.shape[batch + 1] % width != 0) {
    return CorruptTensor(tensor, "its blocks do not fit its shape");
  }
  const int64_t compressed = rows ? tensor.shape[batch] / height : tensor.shape[batch + 1] / width;
  const int64_t others = rows ? tensor.shape[batch + 1] / width : tensor.shape[batch] / height;
  const int64_t entries = plain.shape[batch];
  if (pointers.shape[batch] != compressed + 1) return CorruptTensor(tensor, kNoFit);
  if (compressed > kMostRows) {
    return Error{.code = ErrorCode::kLimit,
                 .message = "tensor '" + std::string(tensor.path) + "' has " + std::to_string(compressed) +
                            " compressed rows or columns, more than the " + std::to_string(kMostRows) +
                            " that are looked at"};
  }
  bool ascending = true;
  const int64_t batches = CheckedNumel(plain.shape.first(batch)).value_or(0);
  for (int64_t b = 0; b < batches; ++b) {
    PTHVIEW_ASSIGN(std::vector<int64_t> starts,
                   Integers(model, tensor, pointers, b * (compressed + 1), compressed + 1));
    if (starts.front() != 0 || starts.back() != entries || !std::ranges::is_sorted(starts)) {
      return CorruptTensor(tensor, kOutside);
    }
    size_t row = 0;
    int64_t before = -1;
    for (int64_t first = 0; first < entries; first += kEntriesAtOnce) {
      const int64_t count = std::min(kEntriesAtOnce, entries - first);
      PTHVIEW_ASSIGN(std::vector<int64_t> at, Integers(model, tensor, plain, b * entries + first, count));
      for (int64_t i = 0; i < count; ++i) {
        while (first + i >= starts[row + 1]) {
          ++row;
          before = -1;
        }
        int64_t other = at[static_cast<size_t>(i)];
        if (other < 0 || other >= others) return CorruptTensor(tensor, kOutside);
        if (other <= before) ascending = false;
        before = other;
      }
    }
  }
  return ascending;
}

}  // namespace

Result<SparseEntries> ReadSparseEntries(const Model& model, const Tensor& tensor) {
  PTHVIEW_TRY(CheckSparse(tensor));
  const bool coo = tensor.layout == Layout::kSparseCoo;
  const bool rows = tensor.layout == Layout::kSparseCsr || tensor.layout == Layout::kSparseBsr;
  const bool columns = tensor.layout == Layout::kSparseCsc || tensor.layout == Layout::kSparseBsc;
  if (CheckedNumel(tensor.shape).value_or(-1) != tensor.numel) return CorruptTensor(tensor, "its shape is no shape");
  const Tensor* values = FindPart(model, tensor, "values");
  if (values == nullptr) return CorruptTensor(tensor, kNoFit);
  SparseEntries entries{.values = values};
  if (coo) {
    const Tensor* indices = FindPart(model, tensor, "indices");
    if (indices == nullptr) return CorruptTensor(tensor, kNoFit);
    PTHVIEW_ASSIGN(entries.unique, CheckCoo(model, tensor, *indices, *values));
  } else {
    const Tensor* pointers = FindPart(model, tensor, rows ? "crow_indices" : "ccol_indices");
    const Tensor* plain = FindPart(model, tensor, rows ? "col_indices" : "row_indices");
    if (pointers == nullptr || plain == nullptr) return CorruptTensor(tensor, kNoFit);
    PTHVIEW_ASSIGN(entries.unique, CheckCompressed(model, tensor, *pointers, *plain, *values));
  }
  if (entries.unique && values->numel > tensor.numel) return CorruptTensor(tensor, kNoFit);
  return entries;
}

}  // namespace pthview
