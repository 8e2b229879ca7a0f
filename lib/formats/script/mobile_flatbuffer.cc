// PyTorch mobile's flatbuffer files: "PTMF" at byte 4. One root table of flat tables that refer to each other by index:
// a row of values (tensors, lists, objects, functions), one of object types, one of storages. The bytes of a storage
// are a vector in the file itself.
//
// Source: torch/csrc/jit/serialization/mobile_bytecode.fbs, flatbuffer_loader.cpp.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "lib/base/allowance.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/container/flatbuffer.h"
#include "lib/formats/common/record_rows.h"
#include "lib/formats/common/tensor_kind.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/script/bytecode_graph.h"
#include "lib/formats/script/mobile_bytecode.h"
#include "lib/formats/script/mobile_schema.h"
#include "lib/formats/script/mobile_tensors.h"
#include "lib/formats/script/mobile_text.h"
#include "lib/model/builder.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

using mobile::KindOf;
using mobile::kMaxListText;
using mobile::kOffsetBytes;
using mobile::TextOf;
using mobile::ValueType;
namespace slot = mobile::slot;

constexpr size_t kMaxDepth = 1000;
constexpr size_t kMaxShortList = 256;
constexpr size_t kChildBytes = 32;  // of what a value in a container takes here

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
        buffer_(*builder.model().sources[source]),
        root_(buffer_.Root()),
        values_(root_.Vector(slot::kValues, kOffsetBytes)),
        types_(root_.Vector(slot::kObjectTypes, kOffsetBytes)),
        tensors_(builder, source, root_.Vector(slot::kStorages, kOffsetBytes)),
        first_row_(values_.size(), kNone),
        budget_(Allowance::OfFile(buffer_.size())),
        visits_left_(MostVisits()) {}

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
      } else if (visits_left_ == 0 || budget_.left() == 0) {
        builder_.Note(Severity::kWarning, "shared-containers", "",
                      fmt::format("values that stand in many places are listed at the first ones only: they are more "
                                  "than {}, or take more than {} bytes",
                                  MostVisits(), budget_.total()));
        break;
      } else {
        --visits_left_;
        Visit(item);
      }
    }
    TellBuffers();
    ReadOperators();
    ReadFunctions();
    ReadExtraFiles();
    return Ok();
  }

 private:
  size_t MostVisits() const { return values_.size() * 4 + 4096; }

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
      builder_.Note(Severity::kInfo, "cycle", item.path.substr(0, 200),
                    fmt::format("it contains itself, or stands more than {} deep", kMaxDepth));
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
      if (!budget_.Take(kChildBytes + stack_.back().path.size())) break;
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

  bool AreScalars(const FlatVector& items) {
    if (!budget_.Take(items.size())) return false;
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
      text +=
          type == ValueType::kString ? fmt::format("'{}'", TextOf(buffer_, type, value)) : TextOf(buffer_, type, value);
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
      child.key = TextOf(buffer_, type, key);
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
    Index module = AddModule(item, ClassName(object.Scalar<uint32_t>(slot::kTypeIndex)));
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

  // In the arena, once for all of its objects. A longer name is cut and ends in "...", as those of pickles.
  std::string_view ClassName(uint32_t type) {
    constexpr size_t kLongest = 200;
    auto [at, is_new] = class_names_.try_emplace(type);
    if (is_new) {
      std::string name = types_.TableAt(type).String(slot::kTypeName, kLongest + 1);
      if (name.size() > kLongest) name.replace(kLongest - 3, std::string::npos, "...");
      at->second = builder_.arena().Copy(EscapeName(name));
    }
    return at->second;
  }

  Index AddModule(const Item& item, std::string_view class_name) {
    auto index = static_cast<Index>(model_.modules.size());
    Module module{.name = builder_.arena().Copy(EscapeName(item.key)),
                  .path = builder_.arena().Copy(item.path),
                  .class_name = class_name,
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
    // Many values may be one table, and many tables have one shape.
    if (first == kNone && !budget_.Take(MobileTensors::Cost(meta))) return;
    Tensor tensor;
    if (first != kNone) {
      tensor = model_.tensors[first];
      tensor.same_as = first;
    } else {
      tensor = tensors_.Read(meta, item.path);
    }
    tensor.path = builder_.arena().Copy(item.path);
    tensor.name = tensor.path;
    tensor.part = 0;
    tensor.kind = KindByName(tensor.name, tensor.dtype);
    Index index = builder_.AddTensor(tensor);
    if (first == kNone) first = index;
    if (item.module != kNone) model_.modules[item.module].tensors.push_back(index);
  }

  void AddPlain(const Item& item, ValueType type, FlatTable value) {
    std::string text = TextOf(buffer_, type, value);
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
    std::unordered_set<std::string, TextHash> seen;
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

  // An instruction takes 8 bytes in the file, and a node of a graph some 500.
  void ReadFunctions() {
    constexpr uint64_t kTimes = 64;
    builder_.AllowText(std::min<uint64_t>(buffer_.size(), uint64_t{values_.size()} << 10) * kTimes);
    std::vector<bytecode::Function> functions;
    std::unordered_set<uint64_t> seen;  // many values may be one table
    for (uint32_t i = 0; i < values_.size(); ++i) {
      ValueType type;
      FlatTable value = ValueAt(i, &type);
      if (type != ValueType::kFunction || !seen.insert(value.Struct(slot::kValue)).second) continue;
      auto function = ReadMobileFunction(buffer_, value.Table(slot::kValue), values_, builder_);
      if (!function) break;
      functions.push_back(std::move(*function));
    }
    const auto slots = MobileSlots(values_, types_, root_.Scalar<uint32_t>(slot::kStateObject));
    AddBytecodeGraphs(functions, *slots, 0, builder_);
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
  FlatBuffer buffer_;
  FlatTable root_;
  FlatVector values_;
  FlatVector types_;
  MobileTensors tensors_;
  std::vector<Index> first_row_;  // by value: the row of a tensor that was listed already
  Allowance budget_;
  size_t visits_left_;
  std::vector<Item> stack_;
  std::unordered_set<uint32_t> open_;
  std::unordered_map<uint32_t, std::string_view> class_names_;  // by object type
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
