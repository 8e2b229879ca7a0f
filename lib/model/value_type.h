// What a value of a graph is known to be: a tensor of some dtype and shape, a number, a list, ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/dtype.h"

namespace pthview {

// Deeper types are no program's; whoever walks types may recurse this far.
inline constexpr int kDeepestType = 32;

// A size that is known, one that has a name ("s0") or is an expression of names ("2*s0 + 1"), or neither.
struct Dim {
  int64_t size = -1;   // -1: not known
  std::string symbol;  // escaped form; empty when it has none. A size that is known may have a name too
  bool operator==(const Dim&) const = default;
};

enum class TypeKind : uint8_t {
  kUnknown,
  kTensor,
  kNone,
  kBool,
  kInt,
  kFloat,
  kComplex,
  kNumber,  // int, float or complex: torch's Scalar
  kString,
  kDType,
  kDevice,
  kLayout,
  kMemoryFormat,
  kGenerator,
  kList,      // items: what it holds
  kTuple,     // items: one a field
  kOptional,  // items: what it may hold
  kDict,      // items: key, value
  kUnion,     // items: what it may be
  kClass,     // name
  kAny,
  kCount,
};
std::string_view TypeKindName(TypeKind kind);  // "tensor", "int", "list", ...

struct ValueType {
  TypeKind kind = TypeKind::kUnknown;
  DType dtype = DType::kUnknown;         // kTensor
  std::optional<std::vector<Dim>> dims;  // kTensor; nullopt: the rank is not known
  std::string device;                    // kTensor: "cuda:0"; empty: not known
  std::string name;                      // kClass: its qualified name; kTuple: of a NamedTuple. Escaped form
  std::vector<ValueType> items;

  bool known() const { return kind != TypeKind::kUnknown; }
  bool operator==(const ValueType&) const = default;
};

// "float32[1, 3, s0, ?]", "Tensor" (nothing known), "Tensor[2, 3]", "float32[...]" (rank not known), "int",
// "List[int]", "Tuple[Tensor, int]", "Optional[Tensor]", "Dict[str, Tensor]"; "" when unknown. Deeper than kDeepestType
// is "...".
std::string TypeText(const ValueType& type);

}  // namespace pthview
