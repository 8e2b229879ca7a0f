#include "lib/model/value_type.h"

#include <array>

#include <fmt/format.h>

namespace pthview {
namespace {

struct KindRow {
  TypeKind kind;
  std::string_view name;
  std::string_view python;  // as Python's annotations spell it
};
constexpr std::array<KindRow, static_cast<size_t>(TypeKind::kCount)> kKinds = {{
    {TypeKind::kUnknown, "unknown", "?"},
    {TypeKind::kTensor, "tensor", "Tensor"},
    {TypeKind::kNone, "none", "None"},
    {TypeKind::kBool, "bool", "bool"},
    {TypeKind::kInt, "int", "int"},
    {TypeKind::kFloat, "float", "float"},
    {TypeKind::kComplex, "complex", "complex"},
    {TypeKind::kNumber, "number", "number"},
    {TypeKind::kString, "string", "str"},
    {TypeKind::kDType, "dtype", "torch.dtype"},
    {TypeKind::kDevice, "device", "torch.device"},
    {TypeKind::kLayout, "layout", "torch.layout"},
    {TypeKind::kMemoryFormat, "memory_format", "torch.memory_format"},
    {TypeKind::kGenerator, "generator", "torch.Generator"},
    {TypeKind::kList, "list", "List"},
    {TypeKind::kTuple, "tuple", "Tuple"},
    {TypeKind::kOptional, "optional", "Optional"},
    {TypeKind::kDict, "dict", "Dict"},
    {TypeKind::kUnion, "union", "Union"},
    {TypeKind::kClass, "class", "class"},
    {TypeKind::kAny, "any", "Any"},
}};

void AppendTensor(std::string& out, const ValueType& type) {
  bool dtype = type.dtype != DType::kUnknown;
  out += dtype ? DTypeName(type.dtype) : "Tensor";
  if (!type.dims) {
    if (dtype) out += "[...]";
    return;
  }
  out += '[';
  for (size_t i = 0; i < type.dims->size(); ++i) {
    const Dim& dim = (*type.dims)[i];
    if (i > 0) out += ", ";
    if (dim.size >= 0) {
      out += std::to_string(dim.size);
    } else {
      out += dim.symbol.empty() ? "?" : dim.symbol;
    }
  }
  out += ']';
}

void Append(std::string& out, const ValueType& type, int depth) {
  if (depth > kDeepestType) {
    out += "...";
    return;
  }
  if (type.kind == TypeKind::kTensor) return AppendTensor(out, type);
  if (type.kind == TypeKind::kClass && !type.name.empty()) {
    out += type.name;
    return;
  }
  out += kKinds[static_cast<size_t>(type.kind)].python;
  if (type.items.empty()) {  // a number that is known as an expression of sizes
    if (!type.name.empty()) out += "(" + type.name + ")";
    return;
  }
  out += '[';
  for (size_t i = 0; i < type.items.size(); ++i) {
    if (i > 0) out += ", ";
    Append(out, type.items[i], depth + 1);
  }
  out += ']';
}

}  // namespace

std::string_view TypeKindName(TypeKind kind) {
  return kind < TypeKind::kCount ? kKinds[static_cast<size_t>(kind)].name : kKinds[0].name;
}

std::string TypeText(const ValueType& type) {
  std::string text;
  if (type.known()) Append(text, type, 0);
  return text;
}

}  // namespace pthview
