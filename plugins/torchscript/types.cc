#include "plugins/torchscript/types.h"

#include <iterator>

namespace pthview::torchscript {
namespace {

struct ScalarRow {
  std::string_view name;
  c10::ScalarType type;
};
constexpr ScalarRow kScalars[] = {
    {"uint8", c10::ScalarType::Byte},
    {"int8", c10::ScalarType::Char},
    {"int16", c10::ScalarType::Short},
    {"int32", c10::ScalarType::Int},
    {"int64", c10::ScalarType::Long},
    {"float16", c10::ScalarType::Half},
    {"float32", c10::ScalarType::Float},
    {"float64", c10::ScalarType::Double},
    {"complex32", c10::ScalarType::ComplexHalf},
    {"complex64", c10::ScalarType::ComplexFloat},
    {"complex128", c10::ScalarType::ComplexDouble},
    {"bool", c10::ScalarType::Bool},
    {"qint8", c10::ScalarType::QInt8},
    {"quint8", c10::ScalarType::QUInt8},
    {"qint32", c10::ScalarType::QInt32},
    {"bfloat16", c10::ScalarType::BFloat16},
    {"float8_e4m3fn", c10::ScalarType::Float8_e4m3fn},
    {"float8_e5m2", c10::ScalarType::Float8_e5m2},
    {"uint16", c10::ScalarType::UInt16},
    {"uint32", c10::ScalarType::UInt32},
    {"uint64", c10::ScalarType::UInt64},
};

struct KindRow {
  c10::TypeKind kind;
  proto::Type::Kind to;
};
constexpr KindRow kKinds[] = {
    {c10::TypeKind::NoneType, proto::Type::NONE},
    {c10::TypeKind::BoolType, proto::Type::BOOL},
    {c10::TypeKind::IntType, proto::Type::INT},
    {c10::TypeKind::SymIntType, proto::Type::INT},
    {c10::TypeKind::FloatType, proto::Type::FLOAT},
    {c10::TypeKind::ComplexType, proto::Type::COMPLEX},
    {c10::TypeKind::NumberType, proto::Type::NUMBER},
    {c10::TypeKind::StringType, proto::Type::STRING},
    {c10::TypeKind::DeviceObjType, proto::Type::DEVICE},
    {c10::TypeKind::ScalarTypeType, proto::Type::DTYPE},
    {c10::TypeKind::LayoutType, proto::Type::LAYOUT},
    {c10::TypeKind::MemoryFormatType, proto::Type::MEMORYFORMAT},
    {c10::TypeKind::GeneratorType, proto::Type::GENERATOR},
    {c10::TypeKind::ListType, proto::Type::LIST},
    {c10::TypeKind::TupleType, proto::Type::TUPLE},
    {c10::TypeKind::OptionalType, proto::Type::OPTIONAL},
    {c10::TypeKind::DictType, proto::Type::DICT},
    {c10::TypeKind::UnionType, proto::Type::UNION},
    {c10::TypeKind::AnyType, proto::Type::ANY},
    {c10::TypeKind::AnyListType, proto::Type::ANY},
    {c10::TypeKind::AnyTupleType, proto::Type::ANY},
    {c10::TypeKind::AnyClassType, proto::Type::ANY},
};

void WriteTensorType(const c10::TensorType& type, proto::Type& to) {
  to.set_kind(proto::Type::TENSOR);
  if (type.scalarType()) to.set_dtype(std::string(ScalarTypeName(*type.scalarType())));
  if (type.device()) to.set_device(type.device()->str());
  const auto sizes = type.sizes();
  if (!sizes.size()) return;
  to.set_ranked(true);
  for (size_t i = 0; i < *sizes.size(); ++i) {
    proto::Dim* dim = to.add_dims();
    if (sizes[i]) dim->set_size(*sizes[i]);
  }
}

}  // namespace

std::optional<c10::ScalarType> ScalarTypeOf(std::string_view name) {
  for (const ScalarRow& row : kScalars) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

std::string_view ScalarTypeName(c10::ScalarType type) {
  for (const ScalarRow& row : kScalars) {
    if (row.type == type) return row.name;
  }
  return {};
}

void WriteType(const c10::Type& type, proto::Type& to, int depth) {  // NOLINT(misc-no-recursion): kDeepest at most
  if (depth > kDeepest) return;
  if (type.kind() == c10::TypeKind::TensorType) return WriteTensorType(*type.expect<c10::TensorType>(), to);
  if (type.kind() == c10::TypeKind::ClassType || type.kind() == c10::TypeKind::InterfaceType ||
      type.kind() == c10::TypeKind::EnumType) {
    to.set_kind(proto::Type::CLASS);
    const auto* named = dynamic_cast<const c10::NamedType*>(&type);
    if (named != nullptr && named->name()) to.set_name(named->name()->qualifiedName());
    return;
  }
  for (const KindRow& row : kKinds) {
    if (row.kind == type.kind()) to.set_kind(row.to);
  }
  if (to.kind() == proto::Type::UNKNOWN) {
    to.set_kind(proto::Type::CLASS);
    to.set_name(type.str());
    return;
  }
  if (const auto* tuple = type.castRaw<c10::TupleType>(); tuple != nullptr && tuple->name()) {
    to.set_name(tuple->name()->qualifiedName());
  }
  if (type.kind() == c10::TypeKind::OptionalType) {
    return WriteType(*type.expect<c10::OptionalType>()->getElementType(), *to.add_items(), depth + 1);
  }
  for (const c10::TypePtr& item : type.containedTypes()) WriteType(*item, *to.add_items(), depth + 1);
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepest at most
bool WriteValue(const c10::IValue& value, const TensorIndex& tensor, proto::AttributeValue& to, int depth) {
  if (depth > kDeepest) return false;
  if (value.isNone()) return true;
  if (value.isBool()) {
    to.set_flag(value.toBool());
  } else if (value.isInt()) {
    to.set_integer(value.toInt());
  } else if (value.isDouble()) {
    to.set_real(value.toDouble());
  } else if (value.isComplexDouble()) {
    to.mutable_complex()->set_real(value.toComplexDouble().real());
    to.mutable_complex()->set_imaginary(value.toComplexDouble().imag());
  } else if (value.isString()) {
    to.set_string(value.toStringRef());
  } else if (value.isDevice()) {
    to.set_device(value.toDevice().str());
  } else if (value.isTensor()) {
    auto index = tensor(value.toTensor());
    if (!index) return false;
    to.set_tensor(*index);
  } else if (value.isTuple()) {
    for (const c10::IValue& item : value.toTupleRef().elements()) {
      if (!WriteValue(item, tensor, *to.mutable_tuple()->add_items(), depth + 1)) return false;
    }
    if (value.toTupleRef().elements().empty()) to.mutable_tuple();
  } else if (value.isList()) {
    to.mutable_list();
    for (const c10::IValue& item : value.toListRef()) {
      if (!WriteValue(item, tensor, *to.mutable_list()->add_items(), depth + 1)) return false;
    }
  } else if (value.isGenericDict()) {
    to.mutable_dict();
    for (const auto& item : value.toGenericDict()) {
      if (!WriteValue(item.key(), tensor, *to.mutable_dict()->add_items(), depth + 1)) return false;
      if (!WriteValue(item.value(), tensor, *to.mutable_dict()->add_items(), depth + 1)) return false;
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace pthview::torchscript
