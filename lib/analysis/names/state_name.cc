#include "lib/analysis/names/state_name.h"

namespace pthview {

std::string_view StateKind(const Tensor& tensor) {
  return tensor.name.substr(tensor.name.rfind('.') + 1);  // npos + 1 is 0
}

std::string StateName(const Model& model, const Tensor& tensor) {
  if (tensor.state_of == kNone) return {};
  return std::string(StateKind(tensor)).append(" of ").append(model.tensors[tensor.state_of].name);
}

std::vector<Index> StatesOf(const Model& model, Index parameter) {
  std::vector<Index> states;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    if (model.tensors[i].state_of == parameter) states.push_back(static_cast<Index>(i));
  }
  return states;
}

}  // namespace pthview
