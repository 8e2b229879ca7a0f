#include "lib/formats/script/mobile_text.h"

#include <fmt/format.h>

namespace pthview::mobile {

std::string TextOf(const FlatBuffer& buffer, ValueType type, FlatTable value) {
  auto list = [&](size_t width, auto print) {
    FlatVector items = value.Table(slot::kValue).Vector(slot::kItems, width);
    std::string text = "[";
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) text += ", ";
      if (text.size() > kMaxListText) return text + "...]";
      text += print(items, i);
    }
    return text + "]";
  };
  uint64_t at = value.Struct(slot::kValue);
  auto boolean = [](bool b) { return std::string(b ? "True" : "False"); };
  switch (type) {
    case ValueType::kInt: return std::to_string(buffer.Load<int64_t>(at));
    case ValueType::kBool: return boolean(buffer.Load<uint8_t>(at) != 0);
    case ValueType::kDouble: return fmt::format("{}", buffer.Load<double>(at));
    case ValueType::kComplex:
      return fmt::format("({}+{}j)", buffer.Load<double>(at), buffer.Load<double>(at + sizeof(double)));
    case ValueType::kString:
    case ValueType::kDevice: return value.Table(slot::kValue).String(0, 64 << 10);
    case ValueType::kEnum: return value.Table(slot::kValue).String(0, 4096);
    case ValueType::kIntList:
      return list(8, [](const FlatVector& v, size_t i) { return std::to_string(v.At<int64_t>(i)); });
    case ValueType::kDoubleList:
      return list(8, [](const FlatVector& v, size_t i) { return fmt::format("{}", v.At<double>(i)); });
    case ValueType::kBoolList:
      return list(1, [&](const FlatVector& v, size_t i) { return boolean(v.At<uint8_t>(i) != 0); });
    default: return "None";
  }
}

PlainKind KindOf(ValueType type) {
  switch (type) {
    case ValueType::kInt: return PlainKind::kInt;
    case ValueType::kBool: return PlainKind::kBool;
    case ValueType::kDouble: return PlainKind::kFloat;
    case ValueType::kString:
    case ValueType::kDevice: return PlainKind::kString;
    case ValueType::kNone: return PlainKind::kNone;
    default: return PlainKind::kSequence;
  }
}

}  // namespace pthview::mobile
