// All values of a tensor whatever its layout: what the figures are computed from. Nothing is made dense: a sparse
// tensor is its stored values and a number of zeros, a nested one its constituents one after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "lib/analysis/statistics/value_reader.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

class ValueStream {
 public:
  // As ValueReader::Open. Sparse tensors: indices are read, and checked in linear time, for that no entry stands twice
  // at one place; where one does, the tensor is summed up as a dense one if it is small (DenseCopy), else kUnsupported.
  // kCorrupt when indices and shape do not fit. An axis needs a strided tensor or a small sparse one.
  static Result<ValueStream> Open(const Model& model, const Tensor& tensor, std::optional<int64_t> axis = {});

  int64_t count() const { return count_; }  // elements that are read, each standing repeat() times in the tensor
  int64_t repeat() const { return repeat_; }
  int64_t channels() const { return channels_; }
  int64_t implicit_zeros() const { return implicit_zeros_; }  // elements of a sparse tensor that are not stored
  int64_t values_per_element() const { return readers_.empty() ? 1 : readers_[0].values_per_element(); }
  // Where element number `index` stands in the tensor, in row-major order; -1 when that is not known (sparse, nested).
  int64_t PlaceOf(int64_t index) const;

  // Elements [first, first + count) as ValueReader::Read; `at` is the number of the block's first element.
  using Add = std::function<void(const ValueBlock& block, int64_t at)>;
  Status Read(int64_t first, int64_t count, const Add& add) const;

 private:
  Status OpenSparse(const Model& model, const Tensor& tensor, std::optional<int64_t> axis);
  Status OpenDenseCopy(const Model& model, const Tensor& tensor, std::optional<int64_t> axis);
  Status OpenNested(const Model& model, const Tensor& tensor);
  Status AddReader(const Model& model, const Tensor& tensor, std::optional<int64_t> axis);

  std::vector<ValueReader> readers_;
  std::vector<int64_t> starts_;        // the first element of each
  std::unique_ptr<const Model> made_;  // what a small sparse tensor stands for
  int64_t count_ = 0;
  int64_t repeat_ = 1;
  int64_t channels_ = 1;
  int64_t implicit_zeros_ = 0;
  bool places_known_ = true;
};

}  // namespace pthview
