#include "plugins/host/schema.h"

namespace pthview::plugins {
namespace {

using enum FieldType;

constexpr bool kMany = true;

constexpr std::string_view kFailureCodes[] = {"UNSPECIFIED", "UNRECOGNIZED", "TRUNCATED",
                                              "CORRUPT",     "UNSUPPORTED",  "LIMIT"};
constexpr std::string_view kPartKinds[] = {"OTHER", "MODEL", "EMA", "OPTIMIZER", "SCHEDULER"};
constexpr std::string_view kTensorKinds[] = {"PARAMETER", "BUFFER", "CONSTANT", "STATE"};
constexpr std::string_view kTypeKinds[] = {"UNKNOWN",      "TENSOR",    "NONE",   "BOOL",  "INT",      "FLOAT",
                                           "COMPLEX",      "NUMBER",    "STRING", "DTYPE", "DEVICE",   "LAYOUT",
                                           "MEMORYFORMAT", "GENERATOR", "LIST",   "TUPLE", "OPTIONAL", "DICT",
                                           "UNION",        "CLASS",     "ANY"};
constexpr std::string_view kSeverities[] = {"INFO", "WARNING", "ERROR", "DANGER"};

constexpr FieldRow kProgressFields[] = {{"done", 1, kUint64}, {"total", 2, kUint64}};
constexpr MessageType kProgress{"Progress", kProgressFields};

constexpr FieldRow kFailureFields[] = {
    {"code", 1, kEnum, false, nullptr, kFailureCodes}, {"message", 2, kString}, {"offset", 3, kUint64}};
constexpr MessageType kFailure{"Failure", kFailureFields};

constexpr FieldRow kPartFields[] = {{"kind", 1, kEnum, false, nullptr, kPartKinds}, {"path", 2, kString}};
constexpr MessageType kPart{"Part", kPartFields};

constexpr FieldRow kBytesFields[] = {{"file", 1, kUint32}, {"offset", 2, kUint64}, {"nbytes", 3, kUint64}};
constexpr MessageType kBytes{"Bytes", kBytesFields};

constexpr FieldRow kTensorFields[] = {
    {"name", 1, kString},
    {"dtype", 2, kString},
    {"shape", 3, kInt64, kMany},
    {"strides", 4, kInt64, kMany},
    {"storage_offset", 5, kInt64},
    {"data", 6, kMessage, false, &kBytes},
    {"kind", 7, kEnum, false, nullptr, kTensorKinds},
    {"part", 8, kUint32},
    {"device", 9, kString},
    {"requires_grad", 10, kBool},
};
constexpr MessageType kTensor{"Tensor", kTensorFields};

constexpr FieldRow kComplexFields[] = {{"real", 1, kDouble}, {"imaginary", 2, kDouble}};
constexpr MessageType kComplex{"Complex", kComplexFields};

// Values hold values, and types hold types.
extern const MessageType kAttributeValue;
extern const MessageType kType;

constexpr FieldRow kAttributeItemsFields[] = {{"items", 1, kMessage, kMany, &kAttributeValue}};
constexpr MessageType kAttributeItems{"AttributeItems", kAttributeItemsFields};

constexpr FieldRow kAttributeValueFields[] = {
    {"flag", 1, kBool},
    {"integer", 2, kInt64},
    {"real", 3, kDouble},
    {"complex", 4, kMessage, false, &kComplex},
    {"string", 5, kString},
    {"dtype", 6, kString},
    {"device", 7, kString},
    {"layout", 8, kString},
    {"memory_format", 9, kString},
    {"tensor", 10, kUint32},
    {"graph", 11, kUint32},
    {"value", 12, kUint32},
    {"list", 13, kMessage, false, &kAttributeItems},
    {"tuple", 14, kMessage, false, &kAttributeItems},
    {"dict", 15, kMessage, false, &kAttributeItems},
};
constexpr MessageType kAttributeValue{"AttributeValue", kAttributeValueFields};

constexpr FieldRow kAttributeFields[] = {{"name", 1, kString},
                                         {"text", 2, kString},
                                         {"value", 3, kMessage, false, &kAttributeValue},
                                         {"position", 4, kUint32}};
constexpr MessageType kAttribute{"Attribute", kAttributeFields};

constexpr FieldRow kDimFields[] = {{"size", 1, kInt64}, {"symbol", 2, kString}};
constexpr MessageType kDim{"Dim", kDimFields};

constexpr FieldRow kTypeFields[] = {
    {"kind", 1, kEnum, false, nullptr, kTypeKinds},
    {"dtype", 2, kString},
    {"ranked", 3, kBool},
    {"dims", 4, kMessage, kMany, &kDim},
    {"device", 5, kString},
    {"name", 6, kString},
    {"items", 7, kMessage, kMany, &kType},
};
constexpr MessageType kType{"Type", kTypeFields};

constexpr FieldRow kModuleFields[] = {
    {"path", 1, kString},   {"class_name", 2, kString}, {"attributes", 3, kMessage, kMany, &kAttribute},
    {"training", 4, kBool}, {"part", 5, kUint32},
};
constexpr MessageType kModule{"Module", kModuleFields};

constexpr FieldRow kMetadataFields[] = {
    {"path", 1, kString},   {"text", 2, kString}, {"integer", 3, kInt64},
    {"number", 4, kDouble}, {"flag", 5, kBool},   {"sequence", 6, kString},
};
constexpr MessageType kMetadata{"Metadata", kMetadataFields};

constexpr FieldRow kValueFields[] = {
    {"name", 1, kString}, {"type", 2, kString}, {"tensor", 3, kUint32}, {"value_type", 4, kMessage, false, &kType}};
constexpr MessageType kValue{"Value", kValueFields};

constexpr FieldRow kArgumentFields[] = {{"name", 1, kString}, {"values", 2, kUint32, kMany}, {"position", 3, kUint32}};
constexpr MessageType kArgument{"Argument", kArgumentFields};

constexpr FieldRow kNodeFields[] = {
    {"name", 1, kString},
    {"domain", 2, kString},
    {"op", 3, kString},
    {"overload", 4, kString},
    {"module", 5, kString},
    {"inputs", 6, kMessage, kMany, &kArgument},
    {"outputs", 7, kMessage, kMany, &kArgument},
    {"attributes", 8, kMessage, kMany, &kAttribute},
    {"blocks", 9, kUint32, kMany},
    {"location", 10, kString},
    {"source", 11, kString},
    {"call", 12, kUint32},
};
constexpr MessageType kNode{"Node", kNodeFields};

constexpr FieldRow kSymbolFields[] = {{"name", 1, kString}, {"low", 2, kInt64}, {"high", 3, kInt64}};
constexpr MessageType kSymbol{"Symbol", kSymbolFields};

constexpr FieldRow kMutationFields[] = {{"value", 1, kUint32}, {"tensor", 2, kUint32}, {"input", 3, kUint32}};
constexpr MessageType kMutation{"Mutation", kMutationFields};

constexpr FieldRow kGraphFields[] = {
    {"name", 1, kString},
    {"part", 2, kUint32},
    {"values", 3, kMessage, kMany, &kValue},
    {"inputs", 4, kUint32, kMany},
    {"outputs", 5, kUint32, kMany},
    {"nodes", 6, kMessage, kMany, &kNode},
    {"symbols", 7, kMessage, kMany, &kSymbol},
    {"mutations", 8, kMessage, kMany, &kMutation},
};
constexpr MessageType kGraph{"Graph", kGraphFields};

constexpr FieldRow kFindingFields[] = {{"severity", 1, kEnum, false, nullptr, kSeverities},
                                       {"code", 2, kString},
                                       {"where", 3, kString},
                                       {"text", 4, kString}};
constexpr MessageType kFinding{"Finding", kFindingFields};

constexpr FieldRow kModelFields[] = {
    {"format_text", 1, kString},
    {"producer", 2, kString},
    {"parts", 3, kMessage, kMany, &kPart},
    {"tensors", 4, kMessage, kMany, &kTensor},
    {"modules", 5, kMessage, kMany, &kModule},
    {"metadata", 6, kMessage, kMany, &kMetadata},
    {"graphs", 7, kMessage, kMany, &kGraph},
    {"findings", 8, kMessage, kMany, &kFinding},
};
constexpr MessageType kModel{"Model", kModelFields};

constexpr FieldRow kConvertedFields[] = {{"findings", 1, kMessage, kMany, &kFinding}};
constexpr MessageType kConverted{"Converted", kConvertedFields};

constexpr FieldRow kVerifiedFields[] = {{"same", 1, kBool}, {"findings", 2, kMessage, kMany, &kFinding}};
constexpr MessageType kVerified{"Verified", kVerifiedFields};

constexpr FieldRow kMessageFields[] = {
    {"protocol", 1, kUint32},
    {"progress", 2, kMessage, false, &kProgress},
    {"failure", 3, kMessage, false, &kFailure},
    {"model", 4, kMessage, false, &kModel},
    {"converted", 5, kMessage, false, &kConverted},
    {"verified", 6, kMessage, false, &kVerified},
};

// "storage_offset" is "storageOffset" in JSON.
bool IsCamelCaseOf(std::string_view json, std::string_view proto) {
  size_t j = 0;
  for (size_t p = 0; p < proto.size(); ++p, ++j) {
    char expected = proto[p];
    if (expected == '_' && p + 1 < proto.size()) expected = static_cast<char>(proto[++p] - 'a' + 'A');
    if (j >= json.size() || json[j] != expected) return false;
  }
  return j == json.size();
}

}  // namespace

constexpr MessageType kMessageType{"Message", kMessageFields};

namespace {

constexpr const MessageType* kAll[] = {
    &kComplex,  &kAttributeItems, &kAttributeValue, &kDim,     &kType,      &kSymbol,    &kMutation, &kProgress,
    &kFailure,  &kPart,           &kBytes,          &kTensor,  &kAttribute, &kModule,    &kMetadata, &kValue,
    &kArgument, &kNode,           &kGraph,          &kFinding, &kModel,     &kConverted, &kVerified, &kMessageType};

}  // namespace

const FieldRow* MessageType::Find(std::string_view wanted) const {
  for (const FieldRow& field : fields) {
    if (field.name == wanted || IsCamelCaseOf(wanted, field.name)) return &field;
  }
  return nullptr;
}

std::span<const MessageType* const> AllMessageTypes() { return kAll; }

}  // namespace pthview::plugins
