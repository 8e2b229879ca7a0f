#include "lib/analysis/statistics/figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace pthview {
namespace {

using S = Statistics;

constexpr Figure kFigures[] = {
    {"count", "values", nullptr, &S::count},
    {"finite", "values that are neither NaN nor infinite; all that follows is over these", nullptr, &S::finite},
    {"mean", "", &S::mean},
    {"std", "standard deviation, of the population", &S::std},
    {"min", "", &S::min},
    {"max", "", &S::max},
    {"min_at", "the first place of the smallest, in row-major order", nullptr, &S::min_at},
    {"max_at", "the first place of the largest", nullptr, &S::max_at},
    {"abs_max", "largest absolute value", &S::abs_max},
    {"l1", "sum of absolute values", &S::l1},
    {"l2", "root of the sum of squares", &S::l2},
    {"skewness", "0 for what lies evenly about the mean", &S::skewness},
    {"kurtosis", "excess: 0 for a normal distribution, -1.2 for a uniform one", &S::kurtosis},
    {"zeros", "exactly 0", nullptr, &S::zeros},
    {"near_zeros", "nearer to 0 than near_limit, zeros included", nullptr, &S::near_zeros},
    {"near_limit", "--near-zero times std", &S::near_limit},
    {"negatives", "below 0", nullptr, &S::negatives},
    {"nans", "", nullptr, &S::nans},
    {"infinities", "", nullptr, &S::infinities},
    {"distinct", "different values, where they are at most 256"},
    {"p1", "percentiles", nullptr, nullptr, 0},
    {"p5", "", nullptr, nullptr, 1},
    {"p25", "", nullptr, nullptr, 2},
    {"p50", "the median", nullptr, nullptr, 3},
    {"p75", "", nullptr, nullptr, 4},
    {"p95", "", nullptr, nullptr, 5},
    {"p99", "", nullptr, nullptr, 6},
};

std::optional<int64_t> WholeOf(const Figure& figure, const Statistics& s) {
  if (figure.whole == nullptr) return figure.real == nullptr && !figure.percentile ? s.distinct : std::nullopt;
  bool place = figure.whole == &S::min_at || figure.whole == &S::max_at;
  if (place && s.*figure.whole < 0) return std::nullopt;
  return s.*figure.whole;
}

double RealOf(const Figure& figure, const Statistics& s) {
  if (figure.real != nullptr) return s.*figure.real;
  if (figure.percentile && *figure.percentile < s.percentiles.size()) return s.percentiles[*figure.percentile];
  return S::kNone;
}

bool IsWhole(const Figure& figure) { return figure.real == nullptr && !figure.percentile; }

}  // namespace

std::span<const Figure> Figures() { return kFigures; }

const Figure* FigureByName(std::string_view name) {
  const auto* found = std::ranges::find(kFigures, name, &Figure::name);
  return found == std::end(kFigures) ? nullptr : found;
}

double ValueOf(const Figure& figure, const Statistics& statistics) {
  if (!IsWhole(figure)) return RealOf(figure, statistics);
  auto whole = WholeOf(figure, statistics);
  return whole ? static_cast<double>(*whole) : S::kNone;
}

void WriteFigures(JsonWriter& json, const Statistics& statistics) {
  for (const Figure& figure : kFigures) {
    if (figure.percentile && statistics.percentiles.empty()) continue;
    json.Key(figure.name);
    if (IsWhole(figure)) {
      auto whole = WholeOf(figure, statistics);
      whole ? json.Int(*whole) : json.Null();
    } else {
      double real = RealOf(figure, statistics);
      std::isnan(real) ? json.Null() : json.Double(real);
    }
  }
  if (statistics.values.empty()) return;
  json.Key("values").BeginArray(true);
  for (double value : statistics.values) json.Double(value);
  json.EndArray();
}

std::string FigureText(const Figure& figure, const Statistics& statistics) {
  if (IsWhole(figure)) {
    auto whole = WholeOf(figure, statistics);
    return whole ? std::to_string(*whole) : "";
  }
  double real = RealOf(figure, statistics);
  return std::isnan(real) ? "" : fmt::format("{}", real);
}

}  // namespace pthview
