#include "lib/analysis/statistics/statistics_job.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string>
#include <utility>

namespace pthview {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 22;
constexpr int64_t kSmallGroup = int64_t{1} << 16;
constexpr int64_t kMostChannels = int64_t{1} << 20;
// Of a large group: blocks spread over it.
constexpr int64_t kSamples = 16;
constexpr int64_t kSampleElements = static_cast<int64_t>(Moments::kBlock);
// How far the limit may come out from where the sample put it.
constexpr double kBand = 1.25;
constexpr size_t kMostCandidates = size_t{1} << 15;  // of a piece
constexpr size_t kFewValues = 16;

double StdOf(const Moments& moments) {
  return static_cast<double>(std::sqrt(moments.m2 / static_cast<long double>(moments.finite)));
}

// Calls `use` with the block's values, of either type.
template <typename Use>
void WithValues(const ValueBlock& block, Use use) {
  if (!block.floats.empty()) use(block.floats);
  if (!block.doubles.empty()) use(block.doubles);
}

int64_t CeilDivide(int64_t a, int64_t b) { return a / b + (a % b != 0); }

}  // namespace

StatisticsJob::StatisticsJob(ValueStream stream, const StatisticsOptions& options, size_t item)
    : stream_(std::move(stream)), options_(options), item_(item) {}

Result<std::unique_ptr<StatisticsJob>> StatisticsJob::Open(const Model& model, const Tensor& tensor,
                                                           std::optional<int64_t> axis,
                                                           const StatisticsOptions& options) {
  PTHVIEW_ASSIGN(ValueStream stream, ValueStream::Open(model, tensor, axis));
  std::unique_ptr<StatisticsJob> job(new StatisticsJob(std::move(stream), options, Info(tensor.dtype).item_size));
  const int64_t channels = job->stream_.channels();
  if (channels > kMostChannels) {
    return Error{.code = ErrorCode::kLimit,
                 .message = "tensor '" + std::string(tensor.path) + "' has " + std::to_string(channels) +
                            " channels along this axis, more than the " + std::to_string(kMostChannels) +
                            " that get a row each"};
  }
  const auto groups = static_cast<size_t>(channels);
  job->inner_ = channels == 0 ? 0 : job->stream_.count() / channels;
  job->small_ = job->inner_ <= kSmallGroup;
  if (job->small_) {
    job->done_.resize(groups);
    job->groups_per_task_ = std::max<int64_t>(1, kPieceElements / std::max<int64_t>(1, job->inner_));
    job->tasks_ = static_cast<size_t>(CeilDivide(channels, job->groups_per_task_));
    return job;
  }
  job->pieces_per_group_ = static_cast<size_t>(CeilDivide(job->inner_, kPieceElements));
  job->tasks_ = groups * job->pieces_per_group_;
  job->groups_ = std::vector<Group>(groups);
  for (size_t g = 0; g < groups; ++g) {
    job->groups_[g].pieces.resize(job->pieces_per_group_);
    if (options.percentiles) job->groups_[g].sketch = std::make_unique<QuantileSketch>();
    PTHVIEW_TRY(job->Sample(g));
  }
  return job;
}

bool StatisticsJob::Cancelled() const {
  return options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed);
}

void StatisticsJob::Advance(int64_t elements) const {
  if (options_.advance) options_.advance(static_cast<uint64_t>(elements) * item_);
}

double StatisticsJob::LimitOf(const Moments& moments) const {
  return moments.finite == 0 ? 0 : options_.near_zero * StdOf(moments);
}

// About where the limit will be. With channels only the group's beginning is asked, as far-apart places of a strided
// view take long to gather.
Status StatisticsJob::Sample(size_t group) {
  Moments sample;
  const int64_t start = static_cast<int64_t>(group) * inner_;
  const int64_t samples = groups_.size() == 1 ? kSamples : 1;
  for (int64_t i = 0; i < samples; ++i) {
    int64_t at = start + (inner_ - kSampleElements) / samples * i;
    PTHVIEW_TRY(stream_.Read(at, kSampleElements, [&](const ValueBlock& block, int64_t) {
      WithValues(block, [&](auto values) { sample.Add(values, 0); });
    }));
  }
  if (stream_.implicit_zeros() > 0 && sample.finite > 0) {
    sample.AddZeros(static_cast<int64_t>(static_cast<double>(stream_.implicit_zeros()) *
                                         static_cast<double>(sample.finite) / static_cast<double>(inner_)));
  }
  double limit = LimitOf(sample);
  groups_[group].band = {.sure = limit / kBand, .perhaps = limit * kBand};
  return Ok();
}

int64_t StatisticsJob::PieceFirst(size_t task) const {
  return static_cast<int64_t>(task / pieces_per_group_) * inner_ +
         static_cast<int64_t>(task % pieces_per_group_) * kPieceElements;
}

int64_t StatisticsJob::PieceCount(size_t task) const {
  return std::min(kPieceElements, inner_ - static_cast<int64_t>(task % pieces_per_group_) * kPieceElements);
}

Status StatisticsJob::Run(size_t task) { return small_ ? RunSmall(task) : RunPiece(task); }

Status StatisticsJob::RunSmall(size_t task) {
  const int64_t first_group = static_cast<int64_t>(task) * groups_per_task_;
  const int64_t groups = std::min(groups_per_task_, static_cast<int64_t>(done_.size()) - first_group);
  const int64_t per_element = stream_.values_per_element();
  const auto wanted = static_cast<size_t>(inner_ * per_element);
  std::vector<float> floats;
  std::vector<double> doubles;
  int64_t group = first_group;
  bool cancelled = false;
  auto finish = [&] {
    done_[static_cast<size_t>(group)] = OfSmall(floats, doubles, group * inner_ * per_element);
    floats.clear();
    doubles.clear();
    ++group;
  };
  auto take = [&]<typename T>(std::vector<T>& buffer, std::span<const T> values) {
    while (!values.empty()) {
      auto here = values.first(std::min(values.size(), wanted - buffer.size()));
      buffer.insert(buffer.end(), here.begin(), here.end());
      values = values.subspan(here.size());
      if (buffer.size() == wanted) finish();
    }
  };
  PTHVIEW_TRY(stream_.Read(first_group * inner_, groups * inner_, [&](const ValueBlock& block, int64_t) {
    if (cancelled || (cancelled = Cancelled())) return;
    take(floats, block.floats);
    take(doubles, block.doubles);
  }));
  if (cancelled) return Error{ErrorCode::kInterrupted, "interrupted"};
  while (wanted == 0 && group < first_group + groups) finish();
  Advance(groups * inner_);
  return Ok();
}

Statistics StatisticsJob::OfSmall(std::span<const float> floats, std::span<const double> doubles, int64_t first) const {
  Moments moments;
  DistinctValues distinct;
  auto add = [&](auto values) {
    distinct.Add(values);
    for (size_t at = 0; at < values.size(); at += Moments::kBlock) {
      moments.Add(values.subspan(at, std::min(Moments::kBlock, values.size() - at)), first + static_cast<int64_t>(at));
    }
  };
  add(floats);
  add(doubles);
  moments.AddZeros(stream_.implicit_zeros());
  if (stream_.implicit_zeros() > 0) distinct.Add(std::array{0.0});
  const double limit = LimitOf(moments);
  int64_t near = CountNear(floats, limit) + CountNear(doubles, limit) + (limit > 0 ? stream_.implicit_zeros() : 0);
  Statistics statistics = Finished(moments, near, limit, distinct);
  if (!options_.percentiles) return statistics;
  if (stream_.implicit_zeros() > 0) {
    QuantileSketch sketch;
    sketch.Add(floats);
    sketch.Add(doubles);
    sketch.AddZeros(stream_.implicit_zeros());
    statistics.percentiles = sketch.Quantiles(kPercentiles, statistics.min, statistics.max);
  } else {
    std::vector<double> finite(doubles.begin(), doubles.end());
    finite.insert(finite.end(), floats.begin(), floats.end());
    std::erase_if(finite, [](double value) { return !std::isfinite(value); });
    statistics.percentiles = ExactQuantiles(finite, kPercentiles);
  }
  return statistics;
}

Status StatisticsJob::RunPiece(size_t task) {
  Group& group = groups_[task / pieces_per_group_];
  Piece& piece = group.pieces[task % pieces_per_group_];
  const int64_t per_element = stream_.values_per_element();
  DistinctValues distinct;
  std::unique_ptr<QuantileSketch> sketch;
  if (group.sketch) sketch = std::make_unique<QuantileSketch>();
  std::array<double, Moments::kBlock> candidates;
  NearBand band{.sure = group.band.sure, .perhaps = group.band.perhaps, .candidates = candidates.data()};
  bool cancelled = false;
  PTHVIEW_TRY(stream_.Read(PieceFirst(task), PieceCount(task), [&](const ValueBlock& block, int64_t at) {
    if (cancelled || (cancelled = Cancelled())) return;
    WithValues(block, [&](auto values) {
      Moments::Near near = piece.moments.Add(values, at * per_element, band);
      piece.near += near.sure;
      if (piece.candidates.size() + near.candidates > kMostCandidates) {
        piece.overflow = true;
        piece.candidates = {};
      } else if (!piece.overflow) {
        piece.candidates.insert(piece.candidates.end(), candidates.begin(), candidates.begin() + near.candidates);
      }
      if (!distinct.many()) distinct.Add(values);
      if (sketch) sketch->Add(values);
    });
  }));
  if (cancelled) return Error{ErrorCode::kInterrupted, "interrupted"};
  Advance(PieceCount(task));
  std::lock_guard lock(mutex_);
  group.distinct.Merge(distinct);
  if (sketch) group.sketch->Merge(*sketch);
  return Ok();
}

std::vector<size_t> StatisticsJob::Recounts() {
  std::vector<size_t> again;
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    bool overflow = false;
    for (const Piece& piece : group.pieces) {
      group.moments.Merge(piece.moments);
      overflow |= piece.overflow;
    }
    group.moments.AddZeros(stream_.implicit_zeros());
    if (stream_.implicit_zeros() > 0) {
      group.distinct.Add(std::array{0.0});
      if (group.sketch) group.sketch->AddZeros(stream_.implicit_zeros());
    }
    group.limit = LimitOf(group.moments);
    group.recount = overflow || group.limit < group.band.sure || group.limit > group.band.perhaps;
    for (size_t p = 0; p < group.pieces.size(); ++p) {
      Piece& piece = group.pieces[p];
      if (group.recount) {
        again.push_back(g * pieces_per_group_ + p);
        continue;
      }
      group.near += piece.near;
      for (double candidate : piece.candidates) group.near += candidate < group.limit;
    }
  }
  return again;
}

Status StatisticsJob::Recount(size_t task) {
  Group& group = groups_[task / pieces_per_group_];
  int64_t near = 0;
  bool cancelled = false;
  PTHVIEW_TRY(stream_.Read(PieceFirst(task), PieceCount(task), [&](const ValueBlock& block, int64_t) {
    if (cancelled || (cancelled = Cancelled())) return;
    WithValues(block, [&](auto values) { near += CountNear(values, group.limit); });
  }));
  if (cancelled) return Error{ErrorCode::kInterrupted, "interrupted"};
  std::lock_guard lock(mutex_);
  group.near += near;
  return Ok();
}

std::vector<Statistics> StatisticsJob::Finish() {
  for (Group& group : groups_) {
    if (group.limit > 0) group.near += stream_.implicit_zeros();
    done_.push_back(Finished(group.moments, group.near, group.limit, group.distinct));
    if (!group.sketch) continue;
    Statistics& statistics = done_.back();
    statistics.percentiles = group.sketch->Quantiles(kPercentiles, statistics.min, statistics.max);
  }
  return std::move(done_);
}

Statistics StatisticsJob::Finished(const Moments& moments, int64_t near, double limit,
                                   const DistinctValues& distinct) const {
  Moments all = moments;
  all.Repeat(stream_.repeat());
  for (int64_t* place : {&all.min_at, &all.max_at}) {
    if (*place >= 0) *place = stream_.PlaceOf(*place / stream_.values_per_element());
  }
  Statistics statistics = FromMoments(all);
  statistics.near_zeros = near * stream_.repeat();
  if (all.finite > 0) statistics.near_limit = limit;
  if (!distinct.many()) {
    statistics.distinct = static_cast<int64_t>(distinct.size());
    if (distinct.size() <= kFewValues) statistics.values = distinct.Sorted();
  }
  return statistics;
}

}  // namespace pthview
