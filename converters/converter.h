// What a converter is: a row of the table in registry.cc.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/progress.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

struct ConvertOptions {
  std::string output;              // path of the main output file, or "-" for standard output
  bool force = false;              // replace an existing output
  std::string weights = "inline";  // onnx: inline | external | in-place
  std::string data = "none";       // json: none | base64 | file
  std::string graph = "auto";      // onnx: auto | recorded | inferred
  int opset = 0;                   // onnx: 0 = the default
  Progress* progress = nullptr;    // may be null
};

struct ConvertReport {
  std::vector<std::string> outputs;  // files written
  uint64_t bytes = 0;                // written in all
  std::vector<std::string> notes;    // what was assumed, changed or left out: one line each, for stderr
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
