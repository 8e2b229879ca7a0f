// What stands where in a mobile flatbuffer file (mobile_flatbuffer.cc).
// Source: torch/csrc/jit/serialization/mobile_bytecode.fbs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pthview::mobile {

// Slots of the tables, by what they describe: the file, a value, a tensor, its quantization, an object, an object's
// type, a list or dict, a function.
namespace slot {
constexpr int kBytecodeVersion = 0, kExtraFiles = 1, kStateObject = 3, kValues = 4, kStorages = 6, kObjectTypes = 7;
constexpr int kValueType = 0, kValue = 1;
constexpr int kStorageIndex = 0, kScalarType = 1, kStorageOffset = 2, kSizes = 3, kStrides = 4, kRequiresGrad = 5,
              kQuantized = 6;
constexpr int kScheme = 0, kScale = 1, kZeroPoint = 2, kScales = 3, kZeroPoints = 4, kAxis = 5;
constexpr int kTypeIndex = 0, kState = 1, kAttributes = 2;
constexpr int kTypeName = 0, kAttributeNames = 2;
constexpr int kItems = 0, kKeys = 0, kDictValues = 1;
constexpr int kFunctionName = 0, kInstructions = 1, kOperators = 2, kConstants = 3, kFunctionTypes = 4, kSchema = 6;
constexpr int kOperatorName = 0, kOverload = 1, kArgumentCount = 2;
constexpr int kArguments = 0, kArgumentName = 0, kArgumentType = 1;
}  // namespace slot

enum class ValueType : uint8_t {
  kNone,
  kInt,
  kBool,
  kDouble,
  kComplex,
  kTensor,
  kString,
  kList,
  kTuple,
  kDict,
  kObject,
  kIntList,
  kDoubleList,
  kBoolList,
  kDevice,
  kEnum,
  kFunction,
};

constexpr size_t kOffsetBytes = sizeof(uint32_t);  // of an element of a vector of tables or strings

}  // namespace pthview::mobile
