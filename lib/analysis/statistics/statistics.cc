#include "lib/analysis/statistics/statistics.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "lib/analysis/statistics/statistics_job.h"
#include "lib/base/threads.h"

namespace pthview {
namespace {

using Job = Result<std::unique_ptr<StatisticsJob>>;

struct Task {
  Job* job;
  size_t task;
};

// Runs tasks of several jobs; a job that fails takes its error's place and its other tasks are left out.
void RunTasks(std::span<const Task> tasks, Status (StatisticsJob::*run)(size_t)) {
  std::vector<Status> statuses(tasks.size());
  std::atomic<bool> failed = false;
  const bool alone = !tasks.empty() && tasks.front().job == tasks.back().job;
  ParallelFor(tasks.size(), [&](size_t i) {
    if (alone && failed.load(std::memory_order_relaxed)) return;
    statuses[i] = (**tasks[i].job->operator->().*run)(tasks[i].task);
    if (!statuses[i]) failed = true;
  });
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (!statuses[i] && *tasks[i].job) *tasks[i].job = std::move(statuses[i]).error();
  }
}

// Tensors with one or two tasks each are opened and run by one thread, so that their beginnings stay in its cache.
std::vector<Result<std::vector<Statistics>>> RunJobs(const Model& model, std::span<const Tensor* const> tensors,
                                                     std::optional<int64_t> axis, const StatisticsOptions& options) {
  std::vector<Job> jobs(tensors.size());
  ParallelFor(tensors.size(), [&](size_t i) {
    jobs[i] = StatisticsJob::Open(model, *tensors[i], axis, options);
    if (!jobs[i] || (*jobs[i])->tasks() != 1 || tensors.size() == 1) return;
    if (Status status = (*jobs[i])->Run(0); !status) jobs[i] = std::move(status).error();
  });
  std::vector<Task> tasks;
  for (Job& job : jobs) {
    if (!job || ((*job)->tasks() == 1 && tensors.size() > 1)) continue;
    for (size_t t = 0; t < (*job)->tasks(); ++t) tasks.push_back({&job, t});
  }
  RunTasks(tasks, &StatisticsJob::Run);
  tasks.clear();
  for (Job& job : jobs) {
    if (!job) continue;
    for (size_t t : (*job)->Recounts()) tasks.push_back({&job, t});
  }
  RunTasks(tasks, &StatisticsJob::Recount);
  std::vector<Result<std::vector<Statistics>>> results;
  results.reserve(jobs.size());
  for (Job& job : jobs) {
    if (job) {
      results.emplace_back((*job)->Finish());
    } else {
      results.emplace_back(std::move(job).error());
    }
  }
  return results;
}

}  // namespace

Statistics FromMoments(const Moments& moments) {
  Statistics s{.count = moments.finite + moments.nans + moments.infinities,
               .finite = moments.finite,
               .nans = moments.nans,
               .infinities = moments.infinities,
               .zeros = moments.zeros,
               .negatives = moments.negatives};
  s.moments = moments;
  if (moments.finite == 0) return s;
  auto n = static_cast<long double>(moments.finite);
  s.min = moments.min;
  s.max = moments.max;
  s.min_at = moments.min_at;
  s.max_at = moments.max_at;
  s.mean = static_cast<double>(moments.mean()) + 0.0;  // never -0
  s.std = static_cast<double>(std::sqrt(moments.m2 / n));
  s.l1 = static_cast<double>(moments.absolute);
  s.l2 = static_cast<double>(std::sqrt(moments.m2 + n * moments.mean() * moments.mean()));
  s.abs_max = std::max(std::abs(s.min), std::abs(s.max));
  if (moments.m2 > 0) {
    s.skewness = static_cast<double>(std::sqrt(n) * moments.m3 / (moments.m2 * std::sqrt(moments.m2)));
    s.kurtosis = static_cast<double>(n * moments.m4 / (moments.m2 * moments.m2) - 3);
  }
  return s;
}

Result<Statistics> ComputeStatistics(const Model& model, const Tensor& tensor, const StatisticsOptions& options) {
  const Tensor* const one[] = {&tensor};
  PTHVIEW_ASSIGN(std::vector<Statistics> rows, std::move(RunJobs(model, one, {}, options).front()));
  return std::move(rows.front());
}

std::vector<Result<Statistics>> ComputeAllStatistics(const Model& model, std::span<const Tensor* const> tensors,
                                                     const StatisticsOptions& options) {
  std::vector<Result<Statistics>> results;
  results.reserve(tensors.size());
  for (auto& rows : RunJobs(model, tensors, {}, options)) {
    if (rows) {
      results.emplace_back(std::move(rows->front()));
    } else {
      results.emplace_back(std::move(rows).error());
    }
  }
  return results;
}

Result<std::vector<Statistics>> ComputeChannelStatistics(const Model& model, const Tensor& tensor, int64_t axis,
                                                         const StatisticsOptions& options) {
  const Tensor* const one[] = {&tensor};
  return std::move(RunJobs(model, one, axis, options).front());
}

Statistics MergeStatistics(std::span<const Statistics* const> parts) {
  Moments moments;
  int64_t near = 0;
  for (const Statistics* part : parts) {
    moments.Merge(part->moments);
    near += part->near_zeros;
  }
  moments.min_at = moments.max_at = -1;
  Statistics merged = FromMoments(moments);
  merged.near_zeros = near;
  return merged;
}

}  // namespace pthview
