// The module tree of an exported program: from the names of its tensors and from what each node of the graph says about
// the modules around it (`nn_module_stack`).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/text_hash.h"
#include "lib/model/builder.h"

namespace pthview {

class ExportModules {
 public:
  ExportModules(ModelBuilder& builder, Index part) : builder_(builder), part_(part) {}

  struct Call {
    Index module = kNone;  // into Model::modules
    uint32_t number = 0;   // of the calls of this module, from 0
  };
  // The innermost module of a stack "key,path,class;key,path@1,class" (the second call of a module): all of it is made,
  // with the classes. kNone when the text is of another form, or names more modules than are allowed.
  Call OfStack(std::string_view stack);

  // Puts the part's tensors below the modules that their names tell. To be called last.
  void AddTensors();

 private:
  // kNone when the modules would be too many for the bytes that name them.
  Index Make(std::string_view path);

  ModelBuilder& builder_;
  Index part_;
  std::unordered_map<std::string, Call, TextHash> stacks_;
  std::unordered_map<std::string_view, Index, TextHash> modules_;  // by path
};

}  // namespace pthview
