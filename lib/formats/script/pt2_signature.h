// What an exported program's signature says of its graph: which inputs are weights, which outputs are written back, and
// for which sizes it was exported. Source: GraphSignature in torch/_export/serde/schema.py; torch 2.1 wrote
// {"inputs_to_parameters", "inputs_to_buffers", "buffers_to_mutate", "user_outputs"} instead of lists of specs.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/text_hash.h"
#include "lib/formats/common/json_tree.h"
#include "lib/model/model.h"

namespace pthview {

// An output that goes into a buffer or parameter, or into what the caller passed in.
struct WrittenBack {
  Index tensor = kNone;    // into Model::tensors
  std::string_view input;  // the graph's name of the input; empty: none
};

struct ExportSignature {
  std::unordered_map<std::string_view, Index, TextHash> weights;  // into Model::tensors, by the graph's name for them
  std::unordered_map<size_t, WrittenBack> written;                // by the output's place
  std::unordered_map<std::string_view, WrittenBack, TextHash> written_names;  // torch 2.1: by the output's name

  Index Weight(std::string_view name) const;
  const WrittenBack* Written(size_t output, std::string_view name) const;
};

// Also sets `kind` and `persistent` of the part's tensors, which the signature knows best. Views into the document.
ExportSignature ReadSignature(Json signature, Index part, Model& model);

// {"s0": {"min_val": 2, "max_val": 16}}. A bound that is none (as torch writes infinity) is left out.
std::vector<SymbolRange> ReadRanges(Json constraints);

}  // namespace pthview
