// The computation of one tensor's statistics, cut into tasks that run in any order at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "lib/analysis/statistics/distinct_values.h"
#include "lib/analysis/statistics/quantile_sketch.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/statistics/value_stream.h"

namespace pthview {

// A tensor has one group of values, or one a channel. Small groups are held and finished at once. Large ones are read
// in pieces: a sample first says about where the limit of near zeros will be; what lies far from it is counted, what
// lies about it is kept as candidates. Should the limit come out elsewhere, Recount() reads the pieces once more.
class StatisticsJob {
 public:
  static Result<std::unique_ptr<StatisticsJob>> Open(const Model& model, const Tensor& tensor,
                                                     std::optional<int64_t> axis, const StatisticsOptions& options);

  size_t tasks() const { return tasks_; }
  Status Run(size_t task);
  // After all tasks: which are to be run again with Recount.
  std::vector<size_t> Recounts();
  Status Recount(size_t task);
  std::vector<Statistics> Finish();

 private:
  struct Piece {
    Moments moments;
    int64_t near = 0;
    std::vector<double> candidates;
    bool overflow = false;
  };
  struct Group {
    Moments moments;
    NearBand band;
    std::vector<Piece> pieces;
    DistinctValues distinct;
    std::unique_ptr<QuantileSketch> sketch;
    int64_t near = 0;
    double limit = 0;
    bool recount = false;
  };

  StatisticsJob(ValueStream stream, const StatisticsOptions& options, size_t item);
  Status Sample(size_t group);
  Status RunSmall(size_t task);
  Status RunPiece(size_t task);
  Statistics OfSmall(std::span<const float> floats, std::span<const double> doubles, int64_t first) const;
  Statistics Finished(const Moments& moments, int64_t near, double limit, const DistinctValues& distinct) const;
  double LimitOf(const Moments& moments) const;
  bool Cancelled() const;
  void Advance(int64_t elements) const;
  int64_t PieceFirst(size_t task) const;
  int64_t PieceCount(size_t task) const;

  ValueStream stream_;
  const StatisticsOptions& options_;
  uint64_t item_;      // bytes of an element
  int64_t inner_ = 0;  // elements of a group
  size_t tasks_ = 0;
  bool small_ = true;
  int64_t groups_per_task_ = 1;   // small groups
  size_t pieces_per_group_ = 1;   // large groups
  std::vector<Statistics> done_;  // small groups
  std::vector<Group> groups_;     // large groups
  std::mutex mutex_;              // over distinct and sketch of the groups
};

}  // namespace pthview
