// Which tensor of one file is which of another: by name, by name with other prefixes, by content.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

enum class MatchedBy : uint8_t {
  kName,     // the same name, in parts of the same kind
  kPrefix,   // the same name behind other prefixes: of wrappers ("module."), or that many tensors have in common
  kMap,      // a rename that was given
  kContent,  // the same values, shape and dtype under another name
};

struct Match {
  Index a = kNone;  // into Model::tensors of each
  Index b = kNone;
  MatchedBy by = MatchedBy::kName;
};

struct Matching {
  std::vector<Match> matches;  // in the order of a
  std::vector<Index> only_a;
  std::vector<Index> only_b;
  std::vector<std::string> notes;  // "names of a carry the prefix 'module.', those of b none"
};

struct MatchOptions {
  // Renames: a name of a that begins with `first` begins with `second` in b. Tried in order, before all else.
  std::vector<std::pair<std::string, std::string>> map;
  bool by_content = true;  // reads tensors that are still alone and have a partner of their shape and dtype
};

// `chosen_a` and `chosen_b` are rows of Model::tensors. Expects InferModules to have been called on both, for the
// wrappers' prefixes. Linear in the tensors. Errors are those of reading.
Result<Matching> MatchTensors(const Model& a, std::span<const Index> chosen_a, const Model& b,
                              std::span<const Index> chosen_b, const MatchOptions& options = {});

// The name without its part's wrapper prefix.
std::string_view PlainName(const Model& model, const Tensor& tensor);

}  // namespace pthview
