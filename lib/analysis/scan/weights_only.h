// What `torch.load(weights_only=True)`, the default since torch 2.6, says of a pickle: which names it refuses, and
// which it refuses whatever is allowed. Source: torch 2.13, torch/_weights_only_unpickler.py.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pthview {

struct CodeUse;

// What one row of pickles (a data.pkl; the five of a legacy file) does that matters there beside the names in it.
struct WeightsOnlyFacts {
  std::string refused;      // the first thing that no list of allowed names mends: "STACK_GLOBAL", ...; empty: none
  uint64_t refused_at = 0;  // byte within the record
  // Classes that no global names, but that instances with a state are of: "numpy.dtypes.Float64DType".
  std::set<std::string> classes;

  void Refuse(std::string_view what, uint64_t at) {
    if (!refused.empty()) return;
    refused = what;
    refused_at = at;
  }
};

struct WeightsOnlyReport {
  std::string record;                // the pickle that torch.load reads
  std::vector<std::string> refused;  // names to allow, in the order they are met
  std::vector<std::string> imports;  // modules that allow names of their own when they are imported
  std::string never;                 // why no list helps; empty when one does
  uint64_t never_at = 0;

  bool Loads() const { return refused.empty() && imports.empty() && never.empty(); }
  // A line of Python: `torch.serialization.add_safe_globals([argparse.Namespace])`, complete; empty when no name is
  // refused.
  std::string Line() const;
  // The modules that the line needs, one `import` each.
  std::vector<std::string> LineImports() const;
};

// Whether the opcode is one that the unpickler knows.
bool IsWeightsOnlyOpcode(uint8_t opcode);
// Whether items can be set on, or appended to, what calling the global gives.
bool TakesItems(std::string_view module, std::string_view name);
// The class of numpy.dtype(code): "numpy.dtypes.Float64DType" for "f8"; empty when there is none.
std::string NumpyDTypeClass(std::string_view code);
// The class of what the function gives, where that gets a state and is named nowhere; else empty.
std::string_view ClassMadeBy(std::string_view module, std::string_view name);

WeightsOnlyReport JudgeWeightsOnly(const std::vector<CodeUse>& code, const WeightsOnlyFacts& facts);

}  // namespace pthview
