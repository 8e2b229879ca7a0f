// PyTorch mobile's flatbuffer files: "PTMF" at byte 4. One root table of flat tables that refer to each other by index:
// a row of values (tensors, lists, objects, functions), one of object types, one of storages. The bytes of a storage
// are a vector in the file itself.
//
// Source: torch/csrc/jit/serialization/mobile_bytecode.fbs (the slot numbers below), flatbuffer_loader.cpp.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/container/flatbuffer.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/record_rows.h"
#include "lib/formats/tensor_kind.h"
#include "lib/formats/torch_enums.h"
#include "lib/formats/work_budget.h"
#include "lib/model/builder.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

// Slots of the tables.
namespace slot {
constexpr int kBytecodeVersion = 0, kExtraFiles = 1, kStateObject = 3, kValues = 4, kStorages = 6, kObjectTypes = 7;
constexpr int kValueType = 0, kValue = 1;
constexpr int kStorageIndex = 0, kScalarType = 1, kStorageOffset = 2, kSizes = 3, kStrides = 4, kRequiresGrad = 5,
              kQuantized = 6;
constexpr int kScheme = 0, kScale = 1, kZeroPoint = 2, kScales = 3, kZeroPoints = 4, kAxis = 5;
constexpr int kTypeIndex = 0, kState = 1, kAttributes = 2;
constexpr int kTypeName = 0, kAttributeNames = 2;
constexpr int kItems = 0, kKeys = 0, kDictValues = 1;
constexpr int kOperators = 2, kOperatorName = 0, kOverload = 1;
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

constexpr size_t kOffsetBytes = sizeof(uint32_t);
constexpr size_t kMaxDepth = 1000;
constexpr size_t kMaxListText = 4096;
constexpr size_t kMaxShortList = 256;
constexpr uint8_t kPerChannelAffine = 1;

int Match(const OpenContext& context) {
  return context.head.size() >= 8 &&
                 std::string_view(reinterpret_cast<const char*>(context.head.data()) + 4, 4) == "PTMF"
             ? 100
             : 0;
}

class MobileFile {
 public:
  MobileFile(ModelBuilder& builder, Index source)
      : builder_(builder),
        model_(builder.model()),
        source_(source),
        buffer_(*builder.model().sources[source]),
        root_(buffer_.Root()),
        values_(root_.Vector(slot::kValues, kOffsetBytes)),
        types_(root_.Vector(slot::kObjectTypes, kOffsetBytes)),
        storages_(root_.Vector(slot::kStorages, kOffsetBytes)),
        storage_rows_(storages_.size(), kNone),
        first_row_(values_.size(), kNone),
        budget_(buffer_.size()),
        visits_left_(values_.size() * 4 + 4096) {}

  uint32_t version() const { return root_.Scalar<uint32_t>(slot::kBytecodeVersion); }

  Status Read() {
    if (!root_ || values_.size() == 0) {
      return Error{.code = ErrorCode::kCorrupt,
                   .message = "the flatbuffer has no table of values",
                   .hint = "the file may be cut short; copy it again"};
    }
    model_.parts.push_back({.kind = PartKind::kModel});
    stack_.push_back({.value = root_.Scalar<uint32_t>(slot::kStateObject)});
    while (!stack_.empty()) {
      Item item = std::move(stack_.back());
      stack_.pop_back();
      if (item.leave) {
        open_.erase(item.value);
      } else if (visits_left_ == 0 || !budget_.Take(0)) {
        builder_.Note(Severity::kWarning, "shared-containers", "",
                      "values that stand in many places are listed at the first ones only");
        break;
      } else {
        --visits_left_;
        Visit(item);
      }
    }
    TellBuffers();
    ReadOperators();
    ReadExtraFiles();
    return Ok();
  }

 private:
  struct Item {
    uint32_t value = 0;
    bool leave = false;  // the container is done
    Index module = kNone;
    std::string key;  // the last step of the path, raw
    std::string path;
  };

  FlatTable ValueAt(uint32_t index, ValueType* type) const {
    FlatTable value = values_.TableAt(index);
    *type = static_cast<ValueType>(value.Scalar<uint8_t>(slot::kValueType));
    return value;
  }

  void Visit(const Item& item) {
    ValueType type;
    FlatTable value = ValueAt(item.value, &type);
    switch (type) {
      case ValueType::kTensor: return AddTensor(item, value.Table(slot::kValue));
      case ValueType::kObject: return EnterObject(item, value.Table(slot::kValue));
      case ValueType::kList:
      case ValueType::kTuple: return EnterItems(item, value.Table(slot::kValue));
      case ValueType::kDict: return EnterDict(item, value.Table(slot::kValue));
      case ValueType::kFunction: return;
      default: return AddPlain(item, type, value);
    }
  }

  // False when the value is open around here already.
  bool Enter(const Item& item) {
    if (open_.size() >= kMaxDepth || !open_.insert(item.value).second) {
      builder_.Note(Severity::kInfo, "cycle", item.path.substr(0, 200), "it contains itself, or nests too deeply");
      return false;
    }
    stack_.push_back({.value = item.value, .leave = true});
    return true;
  }

  // Pushes the children that `child` describes, so that the first is visited first.
  template <typename Function>
  void PushChildren(size_t count, Function child) {
    size_t first = stack_.size();
    for (size_t i = 0; i < count && stack_.size() - first < visits_left_; ++i) {
      stack_.push_back(child(i));
      if (!budget_.Take(stack_.back().path.size())) break;
    }
    std::reverse(stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
  }

  void EnterItems(const Item& item, FlatTable list) {
    FlatVector items = list.Vector(slot::kItems, sizeof(uint32_t));
    if (items.size() > 0 && items.size() <= kMaxShortList && AreScalars(items)) return AddShortList(item, items);
    if (!Enter(item)) return;
    PushChildren(items.size(), [&](size_t i) {
      Item child{.value = items.At<uint32_t>(i), .module = item.module, .key = std::to_string(i), .path = item.path};
      AppendIndex(child.path, static_cast<int64_t>(i));
      return child;
    });
  }

  bool AreScalars(const FlatVector& items) const {
    for (size_t i = 0; i < items.size(); ++i) {
      ValueType type;
      ValueAt(items.At<uint32_t>(i), &type);
      bool scalar = type <= ValueType::kString && type != ValueType::kTensor;
      if (!scalar) return false;
    }
    return true;
  }

  // ['a', 'b'] is one row.
  void AddShortList(const Item& item, const FlatVector& items) {
    std::string text = "[";
    for (size_t i = 0; i < items.size() && text.size() < kMaxListText; ++i) {
      ValueType type;
      FlatTable value = ValueAt(items.At<uint32_t>(i), &type);
      if (i > 0) text += ", ";
      text += type == ValueType::kString ? fmt::format("'{}'", TextOf(type, value)) : TextOf(type, value);
    }
    AddRow(item, text + "]", PlainKind::kSequence);
  }

  void EnterDict(const Item& item, FlatTable dict) {
    FlatVector keys = dict.Vector(slot::kKeys, sizeof(uint32_t));
    FlatVector values = dict.Vector(slot::kDictValues, sizeof(uint32_t));
    if (!Enter(item)) return;
    PushChildren(std::min(keys.size(), values.size()), [&](size_t i) {
      Item child{.value = values.At<uint32_t>(i), .module = item.module, .path = item.path};
      ValueType type;
      FlatTable key = ValueAt(keys.At<uint32_t>(i), &type);
      child.key = TextOf(type, key);
      if (type == ValueType::kString) {
        AppendTextKey(child.path, child.key);
      } else {
        AppendOtherKey(child.path, child.key);
      }
      return child;
    });
  }

  void EnterObject(const Item& item, FlatTable object) {
    FlatTable type = types_.TableAt(object.Scalar<uint32_t>(slot::kTypeIndex));
    FlatVector attributes = object.Vector(slot::kAttributes, sizeof(uint32_t));
    if (!Enter(item)) return;
    Index module = AddModule(item, type.String(slot::kTypeName, 4096));
    if (attributes.size() == 0) {  // a class with __setstate__: its state is one value
      auto state = object.Scalar<uint32_t>(slot::kState);
      if (state != 0) stack_.push_back({.value = state, .module = module, .path = item.path});
      return;
    }
    FlatVector names = type.Vector(slot::kAttributeNames, kOffsetBytes);
    PushChildren(attributes.size(), [&](size_t i) {
      Item child{.value = attributes.At<uint32_t>(i), .module = module, .path = item.path};
      child.key = i < names.size() ? names.StringAt(i, 4096) : std::to_string(i);
      AppendTextKey(child.path, child.key);
      return child;
    });
  }

  Index AddModule(const Item& item, std::string_view class_name) {
    auto index = static_cast<Index>(model_.modules.size());
    Module module{.name = builder_.arena().Copy(EscapeName(item.key)),
                  .path = builder_.arena().Copy(item.path),
                  .class_name = builder_.arena().Copy(EscapeName(class_name)),
                  .parent = item.module};
    if (item.module != kNone) {
      model_.modules[item.module].children.push_back(index);
    } else {
      model_.parts[0].root = index;
    }
    model_.modules.push_back(std::move(module));
    return index;
  }

  void AddTensor(const Item& item, FlatTable meta) {
    Index& first = first_row_[item.value];
    Tensor tensor;
    if (first != kNone) {
      tensor = model_.tensors[first];
      tensor.same_as = first;
    } else {
      tensor = ReadTensor(meta, item.path);
      AddQuantization(meta, tensor, item.path);
    }
    tensor.path = builder_.arena().Copy(item.path);
    tensor.name = tensor.path;
    tensor.part = 0;
    tensor.kind = KindByName(tensor.name, tensor.dtype);
    Index index = builder_.AddTensor(tensor);
    if (first == kNone) first = index;
    if (item.module != kNone) model_.modules[item.module].tensors.push_back(index);
  }

  Tensor ReadTensor(FlatTable meta, std::string_view where) {
    auto ints = [&](int field) {
      FlatVector vector = meta.Vector(field, sizeof(int32_t));
      std::vector<int64_t> out;
      for (size_t i = 0; i < vector.size() && i < 2048; ++i) out.push_back(vector.At<int32_t>(i));
      return out;
    };
    std::vector<int64_t> shape = ints(slot::kSizes);
    std::vector<int64_t> strides = ints(slot::kStrides);
    DType dtype = DTypeFromC10(meta.Scalar<int8_t>(slot::kScalarType));
    TensorDraft draft{.shape = shape, .strides = strides, .dtype = dtype, .device = "cpu"};
    draft.offset = meta.Scalar<int32_t>(slot::kStorageOffset);
    draft.storage = StorageAt(meta.Scalar<uint32_t>(slot::kStorageIndex), dtype);
    draft.requires_grad = meta.Scalar<uint8_t>(slot::kRequiresGrad) != 0;
    return builder_.Check(draft, where);
  }

  void AddQuantization(FlatTable meta, Tensor& tensor, std::string_view where) {
    FlatTable schema = meta.Table(slot::kQuantized);
    if (!schema) return;
    Quantization quantization{.scale = schema.Scalar<double>(slot::kScale),
                              .zero_point = schema.Scalar<int32_t>(slot::kZeroPoint)};
    quantization.per_channel = schema.Scalar<uint8_t>(slot::kScheme) == kPerChannelAffine;
    if (quantization.per_channel) {
      quantization.axis = schema.Scalar<int32_t>(slot::kAxis);
      Tensor scales = ReadTensor(schema.Table(slot::kScales), where);
      Tensor zero_points = ReadTensor(schema.Table(slot::kZeroPoints), where);
      auto axis = static_cast<size_t>(quantization.axis);
      if (axis >= tensor.shape.size() || scales.numel != tensor.shape[axis] || zero_points.numel != scales.numel) {
        builder_.Note(Severity::kError, "quantization", where, "its scales and zero points do not match its shape");
        return;
      }
      quantization.scales = builder_.AddComponent(scales);
      quantization.zero_points = builder_.AddComponent(zero_points);
      Component components[] = {{"scales", quantization.scales}, {"zero_points", quantization.zero_points}};
      builder_.Attach(tensor, components);
    }
    tensor.quantization = static_cast<Index>(model_.quantizations.size());
    model_.quantizations.push_back(quantization);
  }

  Index StorageAt(uint32_t index, DType dtype) {
    if (index >= storage_rows_.size()) return kNone;
    Index& row = storage_rows_[index];
    if (row != kNone) return row;
    FlatVector bytes = storages_.TableAt(index).Vector(0, 1);
    Storage storage{.offset = bytes.offset(), .nbytes = bytes.size(), .dtype = dtype, .device = "cpu"};
    storage.key = builder_.arena().Copy(std::to_string(index));
    if (bytes.offset() != 0) storage.source = source_;
    return row = builder_.AddStorage(storage);
  }

  std::string TextOf(ValueType type, FlatTable value) const {
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
      case ValueType::kInt: return std::to_string(buffer_.Load<int64_t>(at));
      case ValueType::kBool: return boolean(buffer_.Load<uint8_t>(at) != 0);
      case ValueType::kDouble: return fmt::format("{}", buffer_.Load<double>(at));
      case ValueType::kComplex:
        return fmt::format("({}+{}j)", buffer_.Load<double>(at), buffer_.Load<double>(at + sizeof(double)));
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

  void AddPlain(const Item& item, ValueType type, FlatTable value) {
    std::string text = TextOf(type, value);
    if (item.module != kNone && item.key == "training" && type == ValueType::kBool) {
      model_.modules[item.module].training = text == "True";
    } else {
      AddRow(item, text, KindOf(type));
    }
  }

  void AddRow(const Item& item, const std::string& text, PlainKind kind) {
    if (!budget_.Take(text.size())) return;
    if (item.module == kNone) return AddPlainText(builder_, item.path, text, kind, 0);
    model_.modules[item.module].attributes.push_back({EscapeName(item.key), EscapeName(text), Origin::kRecorded});
  }

  static PlainKind KindOf(ValueType type) {
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

  // The file does not name buffers. Where anything requires a gradient, what does not is taken for one.
  void TellBuffers() {
    auto trained = [](const Tensor& tensor) { return tensor.requires_grad.value_or(false); };
    if (std::none_of(model_.tensors.begin(), model_.tensors.end(), trained)) return;
    for (Tensor& tensor : model_.tensors) {
      tensor.kind = trained(tensor) ? TensorKind::kParameter : TensorKind::kBuffer;
    }
  }

  // The operators that any function calls, each once.
  void ReadOperators() {
    std::unordered_set<std::string> seen;
    for (uint32_t i = 0; i < values_.size(); ++i) {
      ValueType type;
      FlatTable value = ValueAt(i, &type);
      if (type != ValueType::kFunction) continue;
      FlatVector operators = value.Table(slot::kValue).Vector(slot::kOperators, kOffsetBytes);
      for (size_t k = 0; k < operators.size(); ++k) {
        if (visits_left_ == 0) return;
        --visits_left_;
        FlatTable row = operators.TableAt(k);
        std::string name = row.String(slot::kOperatorName, 1024);
        std::string overload = row.String(slot::kOverload, 1024);
        if (!overload.empty()) name += "." + overload;
        if (!seen.insert(name).second) continue;
        if (!budget_.Take(name.size())) return;
        AddOperatorRow(builder_, seen.size() - 1, name, 0);
      }
    }
  }

  void ReadExtraFiles() {
    FlatVector files = root_.Vector(slot::kExtraFiles, kOffsetBytes);
    for (size_t i = 0; i < files.size(); ++i) {
      FlatTable file = files.TableAt(i);
      std::string path = "extra";
      AppendTextKey(path, file.String(0, 4096));
      std::string content = file.String(1, 64 << 10);
      if (!budget_.Take(path.size() + content.size())) return;
      AddPlainText(builder_, path, content, PlainKind::kString, 0);
    }
  }

  ModelBuilder& builder_;
  Model& model_;
  Index source_;
  FlatBuffer buffer_;
  FlatTable root_;
  FlatVector values_;
  FlatVector types_;
  FlatVector storages_;
  std::vector<Index> storage_rows_;  // by storage number
  std::vector<Index> first_row_;     // by value: the row of a tensor that was listed already
  WorkBudget budget_;
  size_t visits_left_;
  std::vector<Item> stack_;
  std::unordered_set<uint32_t> open_;
};

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  Index source = builder.AddSource(std::move(context.source));
  MobileFile file(builder, source);
  PTHVIEW_TRY(file.Read());
  Model& model = builder.model();
  model.format_text = fmt::format("PyTorch mobile flatbuffer, bytecode version {}", file.version());
  model.producer = "torch 1.12 or later";
  return std::move(builder).Finish();
}

}  // namespace

const Format kMobileFlatbuffer = {"mobile-flatbuffer", "PyTorch mobile model (flatbuffer)", Match, Open};

}  // namespace pthview
