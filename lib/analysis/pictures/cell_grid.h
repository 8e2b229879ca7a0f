// A tensor as a grid of cells, each what a block of its values comes to: what is drawn in place of the values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::pictures {

// The finite values of a block, and how many others stand in it.
struct Cell {
  double sum = 0;
  double squares = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  int64_t count = 0;
  int64_t nans = 0;
  int64_t infinities = 0;

  // NaN without finite values.
  double Mean() const {
    return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
  }
  void Add(double value);
  void Merge(const Cell& other);
};

// A part of the matrix that a tensor is looked at as: its first dimension by all others (one row for fewer than two
// dimensions). What lies outside of it is cut off.
struct GridRegion {
  int64_t row = 0;
  int64_t rows = INT64_MAX;
  int64_t column = 0;
  int64_t columns = INT64_MAX;
};

struct GridOptions {
  int64_t most_rows = 256;  // cells
  int64_t most_columns = 256;
  // Elements that are read. Beyond, each cell is made of a sample of its block, evenly spread, so that the time stays
  // bounded whatever the shape says.
  int64_t budget = int64_t{1} << 24;
  bool dequantize = true;  // quantized values; else their integer codes
  bool flat = false;       // one row of all elements, whatever the shape
};

struct CellGrid {
  int64_t source_rows = 0;  // of the region
  int64_t source_columns = 0;
  int64_t rows = 0;  // of cells
  int64_t columns = 0;
  bool sampled = false;
  // Of a tensor quantized per channel along another dimension than the first, whose scales are not applied.
  bool codes = false;
  bool magnitudes = false;  // of complex values, which count by their absolute value
  std::vector<Cell> cells;  // row-major

  const Cell& At(int64_t row, int64_t column) const { return cells[static_cast<size_t>(row * columns + column)]; }
  // All that was read.
  Cell Total() const;
  // The least and the largest mean; nullopt where no cell has a finite value.
  std::optional<std::pair<double, double>> MeanRange() const;
  bool reduced() const { return rows < source_rows || columns < source_columns; }
  // "each cell is the mean of about 2 x 3 values"; "... of a sample of 64 values of about 2,000 x 4"; empty where a
  // cell is a value.
  std::string ReductionText() const;
};

// Sparse tensors are made dense where they are small. Errors as those of ForEachBlock and DenseCopy; kUnsupported where
// an element is a pair of numbers.
Result<CellGrid> MakeCellGrid(const Model& model, const Tensor& tensor, const GridRegion& region = {},
                              const GridOptions& options = {});

}  // namespace pthview::pictures
