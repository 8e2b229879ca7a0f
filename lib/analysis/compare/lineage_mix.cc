#include "lib/analysis/compare/lineage_mix.h"

#include <algorithm>
#include <cmath>

#include <eigen3/Eigen/Eigenvalues>
#include <eigen3/Eigen/QR>

namespace pthview {
namespace {

// One row a sample, each scaled by the root of what it stands for.
Eigen::MatrixXd Rows(const FileSignature& target, std::span<const FileSignature* const> sources,
                     Eigen::VectorXd* goal) {
  size_t count = 0;
  for (const auto& [name, tensor] : target.tensors) count += tensor.samples.size();
  Eigen::MatrixXd rows(static_cast<Eigen::Index>(count), static_cast<Eigen::Index>(sources.size()));
  goal->resize(static_cast<Eigen::Index>(count));
  Eigen::Index row = 0;
  for (const auto& [name, tensor] : target.tensors) {
    const double scale = std::sqrt(tensor.weight);
    for (size_t k = 0; k < tensor.samples.size(); ++k, ++row) {
      (*goal)[row] = scale * tensor.samples[k];
      for (size_t s = 0; s < sources.size(); ++s) {
        auto found = sources[s]->tensors.find(name);
        bool there = found != sources[s]->tensors.end() && k < found->second.samples.size();
        rows(row, static_cast<Eigen::Index>(s)) = there ? scale * found->second.samples[k] : 0;
      }
    }
  }
  return rows;
}

}  // namespace

// What least squares leaves of the target, by the sources' Gram matrix. That squares the condition, so directions in
// which the sources hardly differ are left out: they could take away 1e-6 of the norm at most, which is allowed for.
bool MayBeMix(std::span<const double> products, double tolerance) {
  using Products = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto size = static_cast<Eigen::Index>(std::llround(std::sqrt(static_cast<double>(products.size()))));
  Eigen::Map<const Products> all(products.data(), size, size);
  const Eigen::Index sources = size - 1;
  if (!all.allFinite() || sources < 1) return true;
  const double norm2 = all(sources, sources);
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(Eigen::MatrixXd(all.topLeftCorner(sources, sources)));
  Eigen::VectorXd along = solver.eigenvectors().transpose() * all.col(sources).head(sources);
  double left = norm2;
  for (Eigen::Index i = 0; i < sources; ++i) {
    const double value = solver.eigenvalues()[i];
    if (value > 1e-12 * solver.eigenvalues()[sources - 1]) left -= along[i] * along[i] / value;
  }
  const double allowed = 2 * tolerance + 1e-5;
  return left <= allowed * allowed * norm2;
}

// Least squares by QR, dropping sources with negative weights until there are none (few sources: a step each).
std::optional<std::vector<double>> FindMix(const FileSignature& target, std::span<const FileSignature* const> sources,
                                           double tolerance) {
  Eigen::VectorXd goal;
  Eigen::MatrixXd rows = Rows(target, sources, &goal);
  const double norm = goal.norm();
  if (norm == 0 || rows.rows() <= rows.cols()) return std::nullopt;
  std::vector<Eigen::Index> active;
  for (Eigen::Index s = 0; s < rows.cols(); ++s) active.push_back(s);
  while (active.size() >= 2) {
    Eigen::MatrixXd some = rows(Eigen::all, active);
    Eigen::VectorXd weights = some.colPivHouseholderQr().solve(goal);
    if ((some * weights - goal).norm() > tolerance * norm) return std::nullopt;
    Eigen::Index least;
    if (weights.minCoeff(&least) < -1e-3) {
      active.erase(active.begin() + least);
      continue;
    }
    if (std::abs(weights.sum() - 1) > 0.01) return std::nullopt;
    std::vector<double> all(sources.size());
    for (size_t i = 0; i < active.size(); ++i) {
      all[static_cast<size_t>(active[i])] = std::max(0.0, weights[static_cast<Eigen::Index>(i)]);
    }
    return all;
  }
  return std::nullopt;
}

}  // namespace pthview
