// What a converter is: a row of the table in registry.cc.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/output_file.h"
#include "lib/base/progress.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// One thing that the output has otherwise than the source, or not at all.
struct Loss {
  enum Kind : uint8_t {
    kDropped,    // not in the output
    kChanged,    // there, as something else that means the same
    kDescribed,  // there as text for a person only
  };
  Kind kind = kDropped;
  std::string code;   // stable: "object", "data", "not-contiguous"
  std::string where;  // path in the source; empty: all of it
  std::string text;   // one sentence
};
std::string_view LossKindName(Loss::Kind kind);  // "dropped", "changed", "described"

// Where the values of a model were put, each tensor contiguous: for JSON that refers to them. Files lie behind each
// other in one space, with gaps between, and a place is a number in that space.
struct PlacedWeights {
  static constexpr uint64_t kNowhere = UINT64_MAX;
  static constexpr uint64_t kGap = 64;
  struct File {
    std::string name;  // relative to the JSON's folder
    uint64_t nbytes = 0;
    uint64_t begin = 0;  // where it lies in the space
  };
  std::vector<File> files;
  std::vector<uint64_t> tensors;     // by row of Model::tensors: its place, or kNowhere
  std::vector<uint64_t> components;  // the same by row of Model::components

  // Where a further file begins.
  uint64_t Add(std::string name, uint64_t nbytes) {
    const uint64_t begin = files.empty() ? 0 : files.back().begin + files.back().nbytes + kGap;
    files.push_back({std::move(name), nbytes, begin});
    return begin;
  }
};

struct ConvertOptions {
  std::string output;                     // path of the main output file, or "-" for standard output
  bool force = false;                     // replace an existing output
  std::string weights = "inline";         // onnx: inline | external | in-place
  std::string data = "none";              // json: none | base64 | file; describe: not even where they are
  const PlacedWeights* placed = nullptr;  // json: the values are there; instead of `data`
  std::string graph = "auto";             // onnx: auto | recorded | inferred
  int opset = 0;                          // onnx: 0 = the default
  Progress* progress = nullptr;           // may be null
  OutputObserver* observer = nullptr;     // sees what is written, each byte once and in order; may be null
};

struct ConvertReport {
  std::vector<std::string> outputs;     // files written
  uint64_t bytes = 0;                   // written in all
  std::vector<std::string> notes;       // what was assumed, changed or left out: one line each, for stderr
  std::vector<Loss> losses;             // the same one by one, from converters that keep count
  std::optional<PlacedWeights> placed;  // where the values went, from converters that write nothing else
  bool more_to_say = false;             // the source holds more than the output can: JSON beside it should
};

struct Converter {
  std::string_view name;                         // "onnx"
  std::string_view text;                         // one line for `pthview plugins` and help
  std::span<const std::string_view> extensions;  // {".onnx"}
  std::span<const std::string_view> options;     // those of `pthview convert` that only some converters know: {"data"}
  bool takes_all;                                // without --part: every tensor of the file, not only those of models
  // `tensors` selects rows of model.tensors, in order (the CLI's --part/--include/--exclude/--all have been applied).
  // May add inferred structure to the model.
  Result<ConvertReport> (*write)(Model& model, std::span<const Index> tensors, const ConvertOptions& options);
};

std::span<const Converter> Converters();
// By name, or null.
const Converter* FindConverter(std::string_view name);
// By the output's extension, or null.
const Converter* ConverterForPath(std::string_view path);

}  // namespace pthview
