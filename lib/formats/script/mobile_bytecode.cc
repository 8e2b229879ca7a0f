#include "lib/formats/script/mobile_bytecode.h"

#include <unordered_map>
#include <utility>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/formats/script/mobile_schema.h"
#include "lib/formats/script/mobile_text.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

using mobile::kOffsetBytes;
using mobile::ValueType;
namespace slot = mobile::slot;

constexpr size_t kLongestName = 1024;

//   0 op    1 -    2 u16 n    4 i32 x
struct StoredInstruction {
  uint8_t op;
  uint8_t unused;
  uint16_t n;
  int32_t x;
};
static_assert(sizeof(StoredInstruction) == 8);

Attribute ConstantOf(const FlatBuffer& buffer, const FlatVector& values, uint32_t index) {
  FlatTable value = values.TableAt(index);
  const auto type = static_cast<ValueType>(value.Scalar<uint8_t>(slot::kValueType));
  const uint64_t at = value.Struct(slot::kValue);
  AttributeValue constant;
  auto list = [&](size_t width, auto item) {
    FlatVector items = value.Table(slot::kValue).Vector(slot::kItems, width);
    constexpr size_t kMostItems = 10'000;
    ListValue made;
    for (size_t i = 0; i < std::min(items.size(), kMostItems); ++i) made.items.push_back(item(items, i));
    if (items.size() <= kMostItems) constant = {std::move(made)};
  };
  switch (type) {
    case ValueType::kNone: constant = {NoneValue{}}; break;
    case ValueType::kInt: constant = {buffer.Load<int64_t>(at)}; break;
    case ValueType::kBool: constant = {buffer.Load<uint8_t>(at) != 0}; break;
    case ValueType::kDouble: constant = {buffer.Load<double>(at)}; break;
    case ValueType::kString: constant = {EscapeName(mobile::TextOf(buffer, type, value))}; break;
    case ValueType::kDevice: constant = {DeviceValue{EscapeName(mobile::TextOf(buffer, type, value))}}; break;
    case ValueType::kIntList:
      list(8, [](const FlatVector& items, size_t i) { return AttributeValue{items.At<int64_t>(i)}; });
      break;
    case ValueType::kDoubleList:
      list(8, [](const FlatVector& items, size_t i) { return AttributeValue{items.At<double>(i)}; });
      break;
    case ValueType::kBoolList:
      list(1, [](const FlatVector& items, size_t i) { return AttributeValue{items.At<uint8_t>(i) != 0}; });
      break;
    default: break;
  }
  if (constant.typed()) return TypedAttribute({}, std::move(constant));
  if (type == ValueType::kTensor) return {.name = {}, .text = "<tensor>"};
  return {.name = {}, .text = EscapeName(mobile::TextOf(buffer, type, value))};
}

class ObjectSlots : public bytecode::Slots {
 public:
  ObjectSlots(const FlatVector& values, const FlatVector& types, uint32_t root) : values_(values), types_(types) {
    objects_.emplace("", root);
  }

  std::optional<std::string> NameOf(const std::string& path, size_t slot) override {
    auto found = objects_.find(path);
    if (found == objects_.end()) return std::nullopt;
    FlatTable value = values_.TableAt(found->second);
    if (static_cast<ValueType>(value.Scalar<uint8_t>(slot::kValueType)) != ValueType::kObject) return std::nullopt;
    FlatTable object = value.Table(slot::kValue);
    FlatVector attributes = object.Vector(slot::kAttributes, sizeof(uint32_t));
    FlatVector names =
        types_.TableAt(object.Scalar<uint32_t>(slot::kTypeIndex)).Vector(slot::kAttributeNames, kOffsetBytes);
    if (slot >= attributes.size()) return std::nullopt;
    std::string name = slot < names.size() ? names.StringAt(slot, 4096) : std::to_string(slot);
    std::string inside = path;
    AppendTextKey(inside, name);
    objects_.emplace(std::move(inside), attributes.At<uint32_t>(slot));
    return name;
  }

 private:
  const FlatVector& values_;
  const FlatVector& types_;
  std::unordered_map<std::string, uint32_t, TextHash> objects_;  // by path, as far as anything asked for them
};

}  // namespace

std::optional<bytecode::Function> ReadMobileFunction(const FlatBuffer& buffer, FlatTable table,
                                                     const FlatVector& values, ModelBuilder& builder) {
  bytecode::Function function;
  function.name = table.String(slot::kFunctionName, kLongestName);
  FlatVector code = table.Vector(slot::kInstructions, sizeof(StoredInstruction));
  FlatVector operators = table.Vector(slot::kOperators, kOffsetBytes);
  FlatVector constants = table.Vector(slot::kConstants, sizeof(uint32_t));
  FlatVector types = table.Vector(slot::kFunctionTypes, kOffsetBytes);
  FlatVector arguments = table.Table(slot::kSchema).Vector(slot::kArguments, kOffsetBytes);
  const size_t rows = code.size() + operators.size() + constants.size() + types.size() + arguments.size();
  if (!builder.TakeText(rows * sizeof(bytecode::Operator))) return std::nullopt;
  for (size_t i = 0; i < code.size(); ++i) {
    const auto at = code.At<StoredInstruction>(i);
    const bool known = at.op < static_cast<uint8_t>(bytecode::Opcode::kCount);
    function.code.push_back({known ? static_cast<bytecode::Opcode>(at.op) : bytecode::Opcode::kCount, at.x, at.n});
  }
  uint64_t text = 0;
  for (size_t i = 0; i < operators.size(); ++i) {
    FlatTable row = operators.TableAt(i);
    function.operators.push_back({row.String(slot::kOperatorName, kLongestName),
                                  row.String(slot::kOverload, kLongestName),
                                  row.Scalar<int32_t>(slot::kArgumentCount, -1)});
    text += function.operators.back().name.size() + function.operators.back().overload.size();
  }
  for (size_t i = 0; i < constants.size() && builder.TakeText(std::exchange(text, 0)); ++i) {
    function.constants.push_back(ConstantOf(buffer, values, constants.At<uint32_t>(i)));
    text += sizeof(Attribute) + function.constants.back().text.size() * 8;
  }
  for (size_t i = 0; i < types.size(); ++i) {
    function.types.push_back(types.StringAt(i, kLongestName));
    text += function.types.back().size();
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    FlatTable row = arguments.TableAt(i);
    function.arguments.push_back(
        {row.String(slot::kArgumentName, kLongestName), row.String(slot::kArgumentType, kLongestName)});
    text += function.arguments.back().name.size() + function.arguments.back().type.size();
  }
  if (!builder.TakeText(text)) return std::nullopt;
  return function;
}

std::unique_ptr<bytecode::Slots> MobileSlots(const FlatVector& values, const FlatVector& types, uint32_t root) {
  return std::make_unique<ObjectSlots>(values, types, root);
}

}  // namespace pthview
