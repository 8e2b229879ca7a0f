// The source text of a TorchScript archive as text: what LibTorch does not know in it, and taking out what it cannot
// compile. TorchScript's printer writes it (torch/csrc/jit/serialization/python_print.cpp), so its form is known:
//
//   class Net(Module):
//     def forward(self: __torch__.Net,
//       x: Tensor) -> Tensor:
//       kept = ops.torchvision.nms(boxes, scores, 0.5)
//       a, b, = torch.split(x, [1, 2])
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pthview::torchscript {

// One way in which an operator is called.
struct OperatorUse {
  std::string name;                   // "torchvision::nms"; "aten::relu" for torch.relu
  size_t positional = 0;              // arguments without a name
  std::vector<std::string> keywords;  // the names of the others
  size_t results = 1;

  bool operator==(const OperatorUse&) const = default;
};

// The calls of `ops.NAMESPACE.NAME` and `torch.NAME` in `text`, each way once.
std::vector<OperatorUse> FindOperatorUses(std::string_view text);

// Replaces the body of the function around line `line` (from 1) by one that returns nothing computed, in as many lines
// and bytes where it is long enough for that. The function's name with its class ("Net.forward"); empty when there is
// none around it, or it has no body any more.
std::string BlankFunction(std::string& text, size_t line);

// The same for every function of this name: what only sets objects up does not have to compile.
void BlankFunctionsNamed(std::string& text, std::string_view name);

// Writes `Any` in place of the type `name` wherever it stands as a whole, and spaces for what it was longer.
size_t ForgetType(std::string& text, std::string_view name);

}  // namespace pthview::torchscript
