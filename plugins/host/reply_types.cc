#include "plugins/host/reply_types.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"

namespace pthview::plugins {
namespace {

namespace proto = ::pthview::plugin::v1;

// By proto::Type::Kind.
constexpr TypeKind kKinds[] = {TypeKind::kUnknown,      TypeKind::kTensor,    TypeKind::kNone,    TypeKind::kBool,
                               TypeKind::kInt,          TypeKind::kFloat,     TypeKind::kComplex, TypeKind::kNumber,
                               TypeKind::kString,       TypeKind::kDType,     TypeKind::kDevice,  TypeKind::kLayout,
                               TypeKind::kMemoryFormat, TypeKind::kGenerator, TypeKind::kList,    TypeKind::kTuple,
                               TypeKind::kOptional,     TypeKind::kDict,      TypeKind::kUnion,   TypeKind::kClass,
                               TypeKind::kAny};
static_assert(std::size(kKinds) == static_cast<size_t>(TypeKind::kCount));

Error Lie(std::string text) { return Error{.code = ErrorCode::kCorrupt, .message = std::move(text)}; }

Result<DType> DTypeOf(const std::string& name) {
  auto dtype = DTypeFromName(name);
  if (!dtype) return Lie(fmt::format("a graph speaks of the element type '{}', which there is not", EscapeName(name)));
  return *dtype;
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestAttribute at most
Status ReadValue(const proto::AttributeValue& from, int depth, AttributeValue& to) {
  if (depth > kDeepestAttribute) return Lie(fmt::format("an attribute nests more than {} deep", kDeepestAttribute));
  auto items = [&](const proto::AttributeItems& list, std::vector<AttributeValue>& into) -> Status {
    for (const proto::AttributeValue& item : list.items()) {
      PTHVIEW_TRY(ReadValue(item, depth + 1, into.emplace_back()));
    }
    return Ok();
  };
  using What = proto::AttributeValue;
  switch (from.what_case()) {
    case What::kFlag: to.of = from.flag(); break;
    case What::kInteger: to.of = int64_t{from.integer()}; break;
    case What::kReal: to.of = from.real(); break;
    case What::kComplex: to.of = std::complex<double>(from.complex().real(), from.complex().imaginary()); break;
    case What::kString: to.of = EscapeName(from.string()); break;
    case What::kDtype: {
      PTHVIEW_ASSIGN(to.of, DTypeOf(from.dtype()));
      break;
    }
    case What::kDevice: to.of = DeviceValue{EscapeName(from.device())}; break;
    case What::kLayout: to.of = LayoutValue{EscapeName(from.layout())}; break;
    case What::kMemoryFormat: to.of = MemoryFormatValue{EscapeName(from.memory_format())}; break;
    case What::kTensor: to.of = TensorValue{from.tensor()}; break;
    case What::kGraph: to.of = GraphReference{from.graph()}; break;
    case What::kValue: to.of = ValueReference{from.value()}; break;
    case What::kList:
    case What::kTuple: {
      bool tuple = from.what_case() == What::kTuple;
      ListValue list{.items = {}, .tuple = tuple};
      PTHVIEW_TRY(items(tuple ? from.tuple() : from.list(), list.items));
      to.of = std::move(list);
      break;
    }
    case What::kDict: {
      DictValue dict;
      PTHVIEW_TRY(items(from.dict(), dict.items));
      to.of = std::move(dict);
      break;
    }
    case What::WHAT_NOT_SET: to.of = NoneValue{}; break;
  }
  return Ok();
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestType at most
Status ReadTypeOf(const proto::Type& from, int depth, ValueType& to) {
  if (depth > kDeepestType) return Lie(fmt::format("a type nests more than {} deep", kDeepestType));
  auto kind = static_cast<size_t>(from.kind());
  to.kind = kind < std::size(kKinds) ? kKinds[kind] : TypeKind::kUnknown;
  if (!from.dtype().empty()) {
    PTHVIEW_ASSIGN(to.dtype, DTypeOf(from.dtype()));
  }
  if (from.ranked()) {
    to.dims.emplace();
    for (const proto::Dim& dim : from.dims()) {
      to.dims->push_back({dim.has_size() && dim.size() >= 0 ? dim.size() : -1, EscapeName(dim.symbol())});
    }
  }
  to.device = EscapeName(from.device());
  to.name = EscapeName(from.name());
  for (const proto::Type& item : from.items()) {
    PTHVIEW_TRY(ReadTypeOf(item, depth + 1, to.items.emplace_back()));
  }
  return Ok();
}

}  // namespace

Result<AttributeValue> ReadAttributeValue(const proto::AttributeValue& from) {
  AttributeValue value;
  PTHVIEW_TRY(ReadValue(from, 0, value));
  return value;
}

Result<ValueType> ReadType(const proto::Type& from) {
  ValueType type;
  PTHVIEW_TRY(ReadTypeOf(from, 0, type));
  return type;
}

Result<Attribute> ReadAttribute(const proto::Attribute& from) {
  Attribute attribute{.name = EscapeName(from.name()), .text = EscapeName(from.text())};
  if (from.has_position()) attribute.position = from.position();
  if (from.has_value()) {
    PTHVIEW_ASSIGN(attribute.value, ReadAttributeValue(from.value()));
    if (attribute.text.empty()) attribute.text = AttributeText(attribute.value);
  }
  return attribute;
}

}  // namespace pthview::plugins
