// A histogram in characters.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lib/analysis/statistics/statistics.h"

namespace pthview {

// A cell of a table: a bar of one character for each bin, or for each of 24 groups of them where nobody chose how many
// there are. Bins are shown by the square root of their counts, so that tails can be seen; empty ones are blanks.
std::string HistogramLine(const Histogram& histogram);

inline constexpr size_t kMostBarsByThemselves = 40;

// A line a bin: where it begins and ends, a bar, the count. Neighbouring bins are put together where there are more
// than `most`.
std::vector<std::string> HistogramBars(const Histogram& histogram, size_t most);

}  // namespace pthview
