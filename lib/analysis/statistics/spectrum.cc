#include "lib/analysis/statistics/spectrum.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <eigen3/Eigen/Eigenvalues>
#include <eigen3/Eigen/QR>
#include <eigen3/Eigen/SVD>

#include "lib/analysis/statistics/value_reader.h"

namespace pthview {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Beyond this the eigenvalues of the smaller Gram matrix take a fraction of the time.
constexpr int64_t kLargestBySvd = 384;
constexpr size_t kFewestForTail = 10;

double EpsilonOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return std::numeric_limits<double>::epsilon();
    case DType::kFloat16: return 0x1p-10;
    case DType::kBFloat16: return 0x1p-7;
    default: return std::numeric_limits<float>::epsilon();
  }
}

}  // namespace

double SpectrumCost(int64_t rows, int64_t columns) {
  auto m = static_cast<double>(rows);
  auto n = static_cast<double>(columns);
  return m * n * std::min(m, n);
}

std::optional<MatrixShape> MatrixShapeOf(const Tensor& tensor) {
  if (tensor.shape.size() < 2 || tensor.numel == 0) return std::nullopt;
  return MatrixShape{tensor.shape[0], tensor.numel / tensor.shape[0]};
}

std::vector<double> SingularValues(const std::vector<double>& matrix, int64_t rows, int64_t columns) {
  Eigen::Map<const Matrix> map(matrix.data(), rows, columns);
  const int64_t small = std::min(rows, columns);
  std::vector<double> values(static_cast<size_t>(small));
  if (small <= kLargestBySvd) {
    // The tall way round, with QR first: far fewer steps for long rows.
    Eigen::MatrixXd tall = rows >= columns ? Eigen::MatrixXd(map) : Eigen::MatrixXd(map.transpose());
    Eigen::MatrixXd square =
        tall.rows() > tall.cols()
            ? Eigen::MatrixXd(
                  Eigen::HouseholderQR<Eigen::MatrixXd>(tall).matrixQR().topRows(small).triangularView<Eigen::Upper>())
            : tall;
    Eigen::BDCSVD<Eigen::MatrixXd> svd(square);
    for (int64_t i = 0; i < small; ++i) values[static_cast<size_t>(i)] = svd.singularValues()[i];
    return values;
  }
  Eigen::MatrixXd gram =
      rows <= columns ? Eigen::MatrixXd(map * map.transpose()) : Eigen::MatrixXd(map.transpose() * map);
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram, Eigen::EigenvaluesOnly);
  for (int64_t i = 0; i < small; ++i) {
    values[static_cast<size_t>(i)] = std::sqrt(std::max(0.0, solver.eigenvalues()[small - 1 - i]));
  }
  return values;
}

std::optional<int64_t> LowRank(const std::vector<double>& matrix, int64_t rows, int64_t columns, int64_t most,
                               double noise) {
  Eigen::Map<const Matrix> map(matrix.data(), rows, columns);
  const double norm = map.norm();
  if (norm == 0) return 0;
  const int64_t width = std::min({most + 8, rows, columns});
  // Any matrix that is not orthogonal to what is looked for will do; a fixed one gives the same answer every time.
  Eigen::MatrixXd probe(columns, width);
  uint64_t state = 0x9E3779B97F4A7C15;
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t i = 0; i < columns; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      probe(i, j) = static_cast<double>(static_cast<int64_t>(state >> 11)) / 0x1p52 - 1.0;
    }
  }
  Eigen::MatrixXd image = map * probe;
  Eigen::HouseholderQR<Eigen::MatrixXd> qr(image);
  Eigen::MatrixXd basis = qr.householderQ() * Eigen::MatrixXd::Identity(rows, width);
  Eigen::MatrixXd inside = basis.transpose() * map;
  // Orthogonal parts: what the basis does not hold is the rest of the norm.
  double rest = std::sqrt(std::max(0.0, norm * norm - inside.squaredNorm()));
  if (rest > noise * norm) return std::nullopt;
  Eigen::BDCSVD<Eigen::MatrixXd> svd(inside * inside.transpose());
  double left = norm * norm;
  for (int64_t rank = 0; rank <= most && rank < width; ++rank) {
    if (std::sqrt(std::max(0.0, left)) <= noise * norm) return rank;
    left -= svd.singularValues()[rank];
  }
  return std::nullopt;
}

PowerLaw FitPowerLaw(const std::vector<double>& ascending) {
  PowerLaw best;
  auto first = std::ranges::upper_bound(ascending, 0.0) - ascending.begin();
  std::vector<double> x(ascending.begin() + first, ascending.end());
  const size_t n = x.size();
  if (n < kFewestForTail) return best;
  std::vector<double> logs(n);
  for (size_t i = 0; i < n; ++i) logs[i] = std::log(x[i]);
  double sum = 0;  // of the logarithms from i on
  for (size_t i = n; i-- > 0;) {
    sum += logs[i];
    const size_t tail = n - i;
    if (tail < 2 || (i > 0 && x[i - 1] == x[i])) continue;
    double excess = sum - static_cast<double>(tail) * logs[i];
    if (excess <= 0) continue;
    double alpha = 1 + static_cast<double>(tail) / excess;
    double distance = 0;
    for (size_t k = i; k < n; ++k) {
      double model = 1 - std::exp((1 - alpha) * (logs[k] - logs[i]));
      double before = static_cast<double>(k - i) / static_cast<double>(tail);
      double after = static_cast<double>(k - i + 1) / static_cast<double>(tail);
      distance = std::max({distance, std::abs(model - before), std::abs(after - model)});
    }
    if (!(distance >= best.distance)) best = {.alpha = alpha, .from = x[i], .distance = distance};
  }
  return best;
}

Result<Spectrum> ComputeSpectrum(const Model& model, const Tensor& tensor, double max_cost) {
  auto shape = MatrixShapeOf(tensor);
  if (!shape || Info(tensor.dtype).kind == DTypeClass::kComplex) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "tensor '" + std::string(tensor.path) + "' is no real matrix"};
  }
  if (double cost = SpectrumCost(shape->rows, shape->columns); cost > max_cost) {
    return Error{.code = ErrorCode::kLimit,
                 .message = "the singular values of tensor '" + std::string(tensor.path) + "' take about " +
                            std::to_string(static_cast<uint64_t>(cost / 1e9)) +
                            " billion multiplications, more than the " +
                            std::to_string(static_cast<uint64_t>(max_cost / 1e9)) + " that are allowed",
                 .hint = "--max-cost allows more"};
  }
  PTHVIEW_ASSIGN(ValueReader reader, ValueReader::OpenAll(model, tensor));
  std::vector<double> matrix;
  matrix.reserve(static_cast<size_t>(tensor.numel));
  PTHVIEW_TRY(reader.Read(0, reader.count(), [&](const ValueBlock& block) {
    matrix.insert(matrix.end(), block.floats.begin(), block.floats.end());
    matrix.insert(matrix.end(), block.doubles.begin(), block.doubles.end());
  }));
  shape->columns = static_cast<int64_t>(matrix.size()) / shape->rows;
  if (!std::ranges::all_of(matrix, [](double value) { return std::isfinite(value); })) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "tensor '" + std::string(tensor.path) + "' holds NaN or infinities"};
  }
  Spectrum spectrum{.rows = shape->rows, .columns = shape->columns};
  // To 1 and back: squares of large and small values stay within doubles.
  double largest = 0;
  for (double value : matrix) largest = std::max(largest, std::abs(value));
  const double scale = largest > 0 ? largest : 1;
  for (double& value : matrix) value /= scale;
  spectrum.values = SingularValues(matrix, spectrum.rows, spectrum.columns);
  spectrum.from_gram = std::min(spectrum.rows, spectrum.columns) > kLargestBySvd;
  double frobenius = 0;
  for (double value : spectrum.values) frobenius += value * value;
  const double top = spectrum.values.front();
  double edge = static_cast<double>(std::max(spectrum.rows, spectrum.columns)) * EpsilonOf(tensor.dtype) * top;
  if (spectrum.from_gram) edge = std::max(edge, 1e-7 * top);
  spectrum.rank = std::ranges::count_if(spectrum.values, [&](double value) { return value > edge; });
  if (top > 0) {
    spectrum.stable_rank = frobenius / (top * top);
    spectrum.condition = top / spectrum.values.back();
  }
  std::vector<double> squares;
  for (double value : spectrum.values) squares.push_back(value * value * scale * scale);
  std::ranges::reverse(squares);
  PowerLaw law = FitPowerLaw(squares);
  spectrum.alpha = law.alpha;
  spectrum.alpha_from = law.from;
  for (double& value : spectrum.values) value *= scale;
  return spectrum;
}

}  // namespace pthview
