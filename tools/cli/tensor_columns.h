// Which columns a table of tensors has, how wide they are, and what is said above it instead: a column that holds one
// value is a sentence, and where a terminal is too narrow some are given up.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lib/model/model.h"

namespace pthview {

enum class Column : uint8_t { kName, kDtype, kShape, kNumel, kBytes, kKind, kDevice, kGrad, kCount };
inline constexpr size_t kColumns = static_cast<size_t>(Column::kCount);

// What the cells of some rows have in common. Rows are added one at a time; the results of several threads are joined.
class ColumnFacts {
 public:
  // `name` is what the row calls the tensor, `bytes` what the file holds for it.
  void Add(const Tensor& tensor, std::string_view name, uint64_t bytes);
  void Join(const ColumnFacts& other);

  size_t rows = 0;
  std::array<size_t, kColumns> width{};  // of the widest cell

  // The value that a column holds in every row; nullopt when they differ. Only for dtype, kind, device, requires_grad.
  std::optional<std::string_view> Common(Column column) const;
  // requires_grad depends on the kind alone; the value of parameters, and of the others.
  bool grad_by_kind() const;
  // The most frequent value of dtype, kind or device.
  std::string_view Usual(Column column) const;

 private:
  // A few values and how often each comes; more than that are too many to be counted.
  struct Counts {
    static constexpr size_t kMost = 16;
    std::array<std::pair<std::string_view, size_t>, kMost> values;
    size_t count = 0;
    bool overflow = false;
    void Add(std::string_view value, size_t times = 1);
  };
  Counts counts_[kColumns];
  Counts grad_of_parameters_;
  Counts grad_of_others_;
};

std::string_view GradText(const Tensor& tensor);  // "True", "False", "-" where the file does not say

// How a table is laid out.
struct ColumnPlan {
  std::array<bool, kColumns> shown{};
  std::array<size_t, kColumns> width{};
  // Cells of dtype, kind, device that differ from the usual stand behind the row, as there is no room for columns.
  bool exceptions_behind = false;
  std::array<std::string_view, kColumns> usual;
  bool cut = false;        // names and shapes are cut to their columns
  size_t line = SIZE_MAX;  // columns of the terminal
  std::string above;       // sentences, without a full stop's line end; may be empty
  size_t behind = 0;       // columns kept for exceptions

  bool Has(Column column) const { return shown[static_cast<size_t>(column)]; }
  size_t Width(Column column) const { return width[static_cast<size_t>(column)]; }
};

// `width`: columns of the terminal, or kNoWidthLimit. `sorted`: a column that stays (the one rows are ordered by), or
// kName. `recorded`: the model's classes are in the file, so that requires_grad means something.
ColumnPlan PlanColumns(const ColumnFacts& facts, size_t width, Column sorted, bool recorded);

std::string_view ColumnTitle(Column column);

// What is said of requires_grad in place of a column; empty where it needs one, as it differs from row to row.
std::string GradInPlaceOfColumn(const ColumnFacts& facts, bool recorded);

}  // namespace pthview
