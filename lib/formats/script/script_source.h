// The source records of a TorchScript archive, code/**.py: which attributes of a class are parameters and buffers, and
// which are constants. TorchScript's printer writes one line for each, in a form of its own:
//
//   class Conv2d(Module):
//     __parameters__ = ["weight", "bias", ]
//     __buffers__ = []
//     weight : Tensor
//     training : bool
//     out_channels : Final[int] = 8
//     def forward(self: __torch__.torch.nn.modules.conv.Conv2d,
//
// Source: torch/csrc/jit/serialization/python_print.cpp.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pthview {

struct ScriptClass {
  std::string_view name;  // "Conv2d"
  std::string_view text;  // the whole class statement
  std::vector<std::string> parameters;
  std::vector<std::string> buffers;
  std::vector<std::pair<std::string_view, std::string_view>> constants;  // name and value, as they are written
};

// The classes of one record, as views into `source`. Lines of any other form are passed over.
std::vector<ScriptClass> ParseScriptClasses(std::string_view source);

}  // namespace pthview
