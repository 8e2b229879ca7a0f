// Singular values of a weight seen as a matrix, and what they say about it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// The first dimension against all others: a convolution's filters are rows.
struct Spectrum {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<double> values;  // singular values, descending
  int64_t rank = 0;  // values above max(rows, columns) * epsilon of the dtype * the largest, as numpy's matrix_rank
  double stable_rank = kNone;  // squared Frobenius norm over the squared largest
  double condition = kNone;    // largest over smallest; infinite where the smallest is 0
  // Exponent of a power law through the tail of the squared values, its beginning chosen by the smallest
  // Kolmogorov-Smirnov distance (Clauset, Shalizi, Newman, 2009; Martin and Mahoney's alpha). NaN for fewer than 10.
  double alpha = kNone;
  double alpha_from = kNone;  // the squared value at which the tail begins
  bool from_gram = false;     // by the eigenvalues of W W^T: values under 1e-8 of the largest are noise
};

// Multiplications that the singular values of such a matrix take, roughly: rows * columns * the smaller of the two.
double SpectrumCost(int64_t rows, int64_t columns);

// The matrix's sizes; nullopt for fewer than two dimensions, or one of size 0.
struct MatrixShape {
  int64_t rows = 0;
  int64_t columns = 0;
};
std::optional<MatrixShape> MatrixShapeOf(const Tensor& tensor);

// kLimit when it costs more than `max_cost`; kUnsupported for what is no matrix, or holds NaN or infinities. Else as
// ValueReader.
Result<Spectrum> ComputeSpectrum(const Model& model, const Tensor& tensor, double max_cost);

// The fit alone, to eigenvalues in ascending order.
struct PowerLaw {
  double alpha = Spectrum::kNone;
  double from = Spectrum::kNone;
  double distance = Spectrum::kNone;
};
PowerLaw FitPowerLaw(const std::vector<double>& ascending);

// The singular values of a row-major matrix, descending.
std::vector<double> SingularValues(const std::vector<double>& matrix, int64_t rows, int64_t columns);

// Whether the matrix is, but for `noise` of its norm, one of a rank of at most `most`; that rank, else nullopt. Fast: a
// random projection to `most` + 8 columns.
std::optional<int64_t> LowRank(const std::vector<double>& matrix, int64_t rows, int64_t columns, int64_t most,
                               double noise);

}  // namespace pthview
