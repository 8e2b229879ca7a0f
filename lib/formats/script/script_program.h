// The program of a TorchScript archive as text, for whoever compiles it: sources, the class of the model, what stands
// behind CONSTANTS.c0 and its like. Weights are not touched, and nothing is run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

struct ScriptProgram {
  struct Source {
    std::string name;    // below code/: "__torch__/torch/nn/modules/conv.py"
    std::string text;    // as it stands there, which may be anything
    std::string ranges;  // bytes of the .debug_pkl beside it: where in Python's files it was made from; may be empty
  };
  struct Constant {
    std::string tensor;  // name of the row in Model::tensors; empty: it is not a tensor
    DType dtype = DType::kUnknown;
    std::vector<int64_t> shape;
  };
  struct Attribute {
    std::string name;
    std::string type;  // as TorchScript writes it
  };
  struct Module {
    std::string path;  // as Module::path
    std::string class_name;
    std::vector<Attribute> attributes;  // archives with model.json: their sources define no classes
    std::string source;                 // the same: the name of a Source with the module's methods
  };
  std::vector<Source> sources;
  std::string root;      // "__torch__.model.Net"; empty in archives with model.json
  uint32_t version = 0;  // of the archive
  std::vector<Constant> constants;
  std::vector<Module> modules;  // parents before children
};

// Whether a model was read from an archive that holds the source text of a program.
bool HasScriptProgram(const Model& model);

// The program of such a model, read from its file again. kLimit when there are more than kMostScriptText bytes of
// source.
inline constexpr uint64_t kMostScriptText = uint64_t{24} << 20;
Result<ScriptProgram> ReadScriptProgram(const Model& model);

}  // namespace pthview
