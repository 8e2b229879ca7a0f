// What loading a pickle with Python would do with a global that it names: build data, run code nobody knows, or run
// something known to be dangerous.
#pragma once

#include <string_view>

namespace pthview {

enum class Judgement : unsigned char {
  kData,       // builds containers, numbers, tensors; layers of torch.nn (torch_layers.h)
  kUnknown,    // code that is not known here: a class of the file's own project
  kDangerous,  // runs commands or code, opens files or sockets, imports by name
};

const char* JudgementName(Judgement judgement);  // "data", "unknown", "dangerous"

// Whether it runs source text that it is handed: exec, eval, what rebuilds an FX graph.
bool RunsSourceText(std::string_view module, std::string_view name);

// A list of dangerous names can never be complete, so that kUnknown does not mean harmless.
Judgement JudgeGlobal(std::string_view module, std::string_view name);

}  // namespace pthview
