// The table of figures: their names, and how to take each from a Statistics. Columns of tables, fields of JSON and CSV,
// and orders of rows all come from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/statistics/statistics.h"
#include "lib/base/json.h"

namespace pthview {

struct Figure {
  std::string_view name;                  // "mean", "near_zeros"
  std::string_view meaning;               // one line of help
  double Statistics::* real = nullptr;    // one of the two, but for `distinct` and percentiles
  int64_t Statistics::* whole = nullptr;  // -1 in a place: not known
  std::optional<size_t> percentile = {};  // into Statistics::percentiles
};

// In the order in which they are written.
std::span<const Figure> Figures();
// nullptr when there is none of that name.
const Figure* FigureByName(std::string_view name);

// NaN where it is not defined or not known.
double ValueOf(const Figure& figure, const Statistics& statistics);

// Appends "name": value for each figure to an object that is open; null where there is none. `values` too, where
// they are few.
void WriteFigures(JsonWriter& json, const Statistics& statistics);

// The number as CSV has it: shortest round trip, empty where there is none.
std::string FigureText(const Figure& figure, const Statistics& statistics);

}  // namespace pthview
