// A page that holds all of it: what a file is, what looks unwell, its modules, its tensors with figures, histograms and
// small pictures. One file without anything from outside, for a browser now or in ten years, and for paper.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/analysis/statistics/health.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/base/output_file.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::report {

// A tensor of the page. Pointers may be null.
struct Row {
  std::string name;
  Index tensor = kNone;  // into Model::tensors
  const Statistics* statistics = nullptr;
  const Histogram* histogram = nullptr;
  const UpdateFigures* update = nullptr;
  std::string reason;  // why there are no figures
};

struct Input {
  const Model& model;  // with its modules inferred
  std::string title;   // of the file, without its folders: the page may be sent to others
  uint64_t file_bytes = 0;
  double near_zero = 0;
  std::vector<Row> rows;
  std::span<const HealthWarning> warnings;
  std::vector<std::string> notes;  // what was left out
};

// Bins that the page draws; more would be thinner than a pixel.
inline constexpr int kHistogramBins = 64;

// Writes the page. The same input gives the same bytes. Pictures get smaller as there are more tensors, and none are
// made beyond 20,000, so that 5,000 tensors take less than 20 MB; what a picture cannot be made of has none.
Status Write(const Input& input, OutputFile& out);

}  // namespace pthview::report
