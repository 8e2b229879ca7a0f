// What `info` says of a model in figures.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "lib/analysis/summary/parameter_counts.h"
#include "lib/model/model.h"
#include "tools/cli/selection.h"

namespace pthview {

struct PartFacts {
  uint64_t tensors = 0;
  ParameterCounts parameters;
  uint64_t bytes = 0;
};

struct Facts {
  std::vector<PartFacts> parts;
  std::map<std::string_view, uint64_t> dtypes;
  std::map<std::string_view, uint64_t> devices;
  uint64_t again = 0;  // names of tensors that were listed before
  uint64_t file_bytes = 0;
};

// Of all the files that the model lies in (packed ones as they lie there), with the one that was named; of the source
// itself where there is no file behind it.
uint64_t BytesOfFiles(const Model& model);

// Of what `narrowing` leaves.
Facts FactsOf(const Model& model, const Narrowing& narrowing);

}  // namespace pthview
