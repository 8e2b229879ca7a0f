// Names that ONNX wants unique and in UTF-8: initializers and values share one namespace, nodes have another.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "lib/base/text_hash.h"

namespace pthview {

class UniqueNames {
 public:
  // `name`, or where that is taken `name` with a number behind it. The empty name counts as taken.
  std::string Claim(std::string_view name);
  // True, and taken from now on, when nobody had it.
  bool TryClaim(const std::string& name) { return !name.empty() && taken_.insert(name).second; }

 private:
  std::unordered_set<std::string, TextHash> taken_;
  std::unordered_map<std::string, size_t, TextHash> numbers_;  // the last one given for a name that was taken
};

// Text from a model as a protobuf string may hold it: bytes that are not UTF-8 in escaped form.
std::string ValidUtf8(std::string_view text);

}  // namespace pthview
