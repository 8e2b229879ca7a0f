#include "converters/torch/content_pickle.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/utf8.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

constexpr uint32_t kMostInKey = 4096;  // leaves of a tuple that is a key

// Text that Python decodes: UTF-8, where surrogates may stand.
bool Decodes(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    CodePoint c = DecodeUtf8(text, i);
    if (!c.valid && !c.surrogate) return false;
    i += c.length;
  }
  return true;
}

}  // namespace

ContentPickle::ContentPickle(const Model& model, const Content& content, std::span<const Index> selected)
    : model_(model),
      content_(content),
      selected_(model.tensors.size()),
      memo_(content.nodes.size()),
      open_(content.nodes.size()),
      storage_record_(model.storages.size()),
      untyped_(model.storages.size()) {
  for (Index row : selected) selected_[row] = true;
  std::vector<std::pair<size_t, size_t>> of_part(model.parts.size());  // tensors, of them selected
  for (Index row = 0; row < model.tensors.size(); ++row) {
    const Tensor& tensor = model.tensors[row];
    if (tensor.part == kNone) continue;
    ++of_part[tensor.part].first;
    of_part[tensor.part].second += selected_[row] ? 1 : 0;
  }
  for (size_t i = 0; i < of_part.size(); ++i) {
    const bool none = of_part[i].first > 0 && of_part[i].second == 0;
    if (none && !model.parts[i].path.empty()) left_out_.insert(model.parts[i].path);
  }
  // A storage has one type in a pickle, unless it is of bytes.
  std::map<std::tuple<Index, uint64_t, uint64_t>, DType> dtypes;
  std::vector<std::tuple<Index, uint64_t, uint64_t>> places(model.storages.size());
  std::map<std::tuple<Index, uint64_t, uint64_t>, bool> mixed;
  for (size_t i = 0; i < model.storages.size(); ++i) {
    const Storage& storage = model.storages[i];
    places[i] = {storage.source, storage.offset, storage.nbytes};
  }
  auto look = [&](const Tensor& tensor) {
    if (tensor.storage == kNone || tensor.layout != Layout::kDense) return;
    auto [at, is_new] = dtypes.try_emplace(places[tensor.storage], tensor.dtype);
    if (at->second != tensor.dtype || StorageClassOf(tensor.dtype).empty()) mixed[places[tensor.storage]] = true;
  };
  for (Index row : selected) look(model.tensors[row]);
  for (const Tensor& tensor : model.components) look(tensor);
  for (size_t i = 0; i < places.size(); ++i) untyped_[i] = mixed.contains(places[i]);
}

std::string ContentPickle::Write() {
  Value(content_.root);
  Beside(content_.root, nullptr, nullptr);
  while (!stack_.empty()) Step();
  for (const auto& [device, count] : devices_) {
    losses_.push_back({Loss::kChanged, "device", "",
                       fmt::format("{} tensors were on {}, and are written for the CPU", count, device)});
  }
  return std::move(pickle_).Finish();
}

void ContentPickle::Note(Loss::Kind kind, std::string_view code, std::string text) {
  losses_.push_back({kind, std::string(code), path_, std::move(text)});
}

void ContentPickle::Text(std::string_view text) {
  if (Decodes(text)) return pickle_.Text(text);
  Note(Loss::kChanged, "text", "it is no valid text, and is written with its odd bytes escaped");
  pickle_.Text(EscapeName(text));
}

void ContentPickle::Value(ContentValue value) {
  switch (value.kind) {
    case ContentKind::kNone: return pickle_.None();
    case ContentKind::kBool:
    case ContentKind::kInt:
    case ContentKind::kFloat:
      if (value.flag) Note(Loss::kChanged, "numpy-scalar", "a NumPy scalar is written as a number of Python");
      if (value.kind == ContentKind::kBool) return pickle_.Bool(value.boolean);
      return value.kind == ContentKind::kInt ? pickle_.Int(value.integer) : pickle_.Float(value.real);
    case ContentKind::kBigInt:
      if (pickle_.BigInt(value.Text())) return;
      Note(Loss::kDescribed, "integer", "it is too large for torch.load(weights_only=True), and is written as text");
      return pickle_.Text(value.Text());
    case ContentKind::kString: return Text(value.Text());
    case ContentKind::kBytes: return pickle_.Bytes(value.Text());
    case ContentKind::kByteArray: return pickle_.ByteArray(value.Text());
    case ContentKind::kDType:
      if (DTypeFromName(value.Text())) return pickle_.Global("torch", value.Text());
      Note(Loss::kDescribed, "dtype", "a type that torch does not have is written as text");
      return Text(value.Text());
    case ContentKind::kDevice: {
      const std::string_view text = value.Text();
      const size_t colon = text.find(':');
      pickle_.Global("torch", "device");
      pickle_.Mark();
      Text(text.substr(0, colon));
      int64_t index = 0;
      if (colon != std::string_view::npos) {
        for (char digit : text.substr(colon + 1, 4))
          index = index * 10 + (digit >= '0' && digit <= '9' ? digit - '0' : 0);
        pickle_.Int(index);
      }
      pickle_.Tuple();
      return pickle_.Reduce();
    }
    case ContentKind::kLayout:
      pickle_.Global("torch.serialization", "_get_layout");
      Text("torch." + std::string(value.Text().starts_with("torch.") ? value.Text().substr(6) : value.Text()));
      pickle_.Tuple1();
      return pickle_.Reduce();
    case ContentKind::kDescribed:
      Note(Loss::kDescribed, "described", fmt::format("no plain data: {}", EscapeName(value.Text().substr(0, 200))));
      return Text(value.Text());
    case ContentKind::kTensor: {
      if (selected_[value.index]) return TensorRow(value.index, value.flag);
      Note(Loss::kDropped, "not-selected", "the tensor is left out, and None stands in its place");
      return pickle_.None();
    }
    default: Open(value);
  }
}

void ContentPickle::Open(ContentValue value) {
  if (memo_[value.index] != 0) return pickle_.Get(memo_[value.index] - 1);
  const ContentNode& node = content_.nodes[value.index];
  if (open_[value.index]) {  // a tuple or set that contains itself through others
    Note(Loss::kDropped, "cycle", "it contains itself, and None stands in its place");
    return pickle_.None();
  }
  open_[value.index] = true;
  auto remember = [&] { memo_[value.index] = pickle_.Put() + 1; };
  switch (node.kind) {
    case ContentKind::kComplex:
      pickle_.Global("__builtin__", "complex");
      pickle_.Mark();
      break;
    case ContentKind::kTuple: pickle_.Mark(); break;
    case ContentKind::kSize:
      pickle_.Global("torch", "Size");
      pickle_.Mark();
      break;
    case ContentKind::kFrozenSet:
      Note(Loss::kChanged, "frozenset", "torch.load(weights_only=True) knows no frozenset: it is written as a set");
      [[fallthrough]];
    case ContentKind::kSet: {
      const bool hashable =
          std::ranges::all_of(content_.ItemsOf(value), [&](ContentValue item) { return Hashable(item, 0); });
      if (hashable) {
        pickle_.Global("__builtin__", "set");
      } else {
        Note(Loss::kChanged, "set",
             "it holds what has become plain data and cannot be in a set: it is written as a list");
      }
      pickle_.EmptyList();
      if (!hashable) remember();
      pickle_.Mark();
      break;
    }
    case ContentKind::kList:
      pickle_.EmptyList();
      remember();
      pickle_.Mark();
      break;
    case ContentKind::kOrderedDict:
      EmptyOrderedDict();
      remember();
      pickle_.Mark();
      break;
    case ContentKind::kCounter:
      pickle_.Global("collections", "Counter");
      pickle_.EmptyDict();
      pickle_.Mark();
      break;
    default:
      pickle_.EmptyDict();
      remember();
      pickle_.Mark();
      if (!node.class_name.empty()) {
        pickle_.Text(kClassKey);
        pickle_.Text(node.class_name);
        Note(Loss::kChanged, "object",
             fmt::format("an object of {} is written as a dict of its attributes", node.class_name));
      } else if (node.kind == ContentKind::kDefaultDict) {
        Note(Loss::kChanged, "defaultdict", "a defaultdict is written as a dict: what makes its defaults is code");
      }
  }
  stack_.push_back({.node = value.index, .path_length = path_.size()});
}

void ContentPickle::Step() {
  Frame& frame = stack_.back();
  const ContentNode& node = content_.nodes[frame.node];
  path_.resize(frame.path_length);
  if (frame.attributes) {
    stack_.pop_back();
    return pickle_.Build();
  }
  if (frame.next == node.count) {
    const uint32_t index = frame.node;
    stack_.pop_back();
    return Close(node, index);
  }
  const uint32_t at = frame.next;
  if (HasPairs(node.kind)) {
    frame.next += 2;
    const ContentValue key = content_.items[node.first + at];
    AppendStep(key);
    const ContentValue value = content_.items[node.first + at + 1];
    if (!Keep(value)) return;
    Key(key, at / 2);
    Value(value);
    return Beside(value, &node, &key);
  }
  frame.next += 1;
  AppendIndex(path_, at);
  Value(content_.items[node.first + at]);
  Beside(content_.items[node.first + at], nullptr, nullptr);
}

void ContentPickle::Beside(ContentValue value, const ContentNode* dict, const ContentValue* key) {
  if (value.kind != ContentKind::kTensor || !selected_[value.index]) return;
  const Tensor& tensor = model_.tensors[value.index];
  if (tensor.layout != Layout::kDense || tensor.quantization != kNone || tensor.component_count == 0) return;
  if (dict == nullptr || key->kind != ContentKind::kString) {
    return Note(Loss::kDropped, "tensor-attribute",
                fmt::format("what the {} carries beside its values is not written", tensor.class_name));
  }
  const auto taken = [&](std::string_view name) {
    for (uint32_t i = 0; i < dict->count; i += 2) {
      const ContentValue& other = content_.items[dict->first + i];
      if (other.kind == ContentKind::kString && other.Text() == name) return true;
    }
    return false;
  };
  for (const Component& component : model_.ComponentsOf(tensor)) {
    std::string name = fmt::format("{}.{}", key->Text(), component.name);
    while (taken(name)) name += '#';
    Note(Loss::kChanged, "tensor-attribute",
         fmt::format("what the {} carries beside its values stands beside it, as {}", tensor.class_name,
                     EscapeName(name)));
    Text(name);
    WriteTensor(model_.components[component.tensor], 1);
  }
}

bool ContentPickle::Keep(ContentValue value) {
  if (value.kind == ContentKind::kTensor && !selected_[value.index]) {
    Note(Loss::kDropped, "not-selected", "the tensor is left out");
    return false;
  }
  if (HasItems(value.kind) && left_out_.contains(path_)) {
    Note(Loss::kDropped, "not-selected", "the section is left out");
    return false;
  }
  return true;
}

void ContentPickle::Close(const ContentNode& node, uint32_t index) {
  open_[index] = false;
  auto remember = [&] { memo_[index] = pickle_.Put() + 1; };
  switch (node.kind) {
    case ContentKind::kComplex:
      pickle_.Tuple();
      pickle_.Reduce();
      return;
    case ContentKind::kTuple: pickle_.Tuple(); return remember();
    case ContentKind::kSize:
      pickle_.Tuple();
      pickle_.Tuple1();
      pickle_.Reduce();
      return remember();
    case ContentKind::kSet:
    case ContentKind::kFrozenSet:
      pickle_.Appends();
      if (memo_[index] != 0) return;  // a list
      pickle_.Tuple1();
      pickle_.Reduce();
      return remember();
    case ContentKind::kList: return pickle_.Appends();
    case ContentKind::kCounter:
      pickle_.SetItems();
      pickle_.Tuple1();
      pickle_.Reduce();
      return remember();
    default: pickle_.SetItems();
  }
  // `_metadata` and what else stands beside: a dict of its own, and then applied.
  if (node.kind != ContentKind::kOrderedDict || node.attributes == ContentNode::kNoNode) return;
  stack_.push_back({.node = index, .path_length = path_.size(), .attributes = true});
  Open(ContentValue::At(ContentKind::kDict, node.attributes));
}

// What Python takes as a key once it is plain data. Tuples may hold one another many times over: each is judged once,
// and those that would be written at length are none.
bool ContentPickle::Hashable(ContentValue value, int depth) { return LeavesOfKey(value, depth) > 0; }

// Leaves that are written for it as a key; 0: it is none.
uint32_t ContentPickle::LeavesOfKey(ContentValue value, int depth) {
  if (!HasItems(value.kind)) return value.kind == ContentKind::kByteArray || value.kind == ContentKind::kTensor ? 0 : 1;
  if (value.kind == ContentKind::kComplex) return 1;
  if ((value.kind != ContentKind::kTuple && value.kind != ContentKind::kSize) || depth > kMaxDepth) return 0;
  auto [known, is_new] = key_leaves_.try_emplace(value.index, 0);
  if (!is_new) return known->second;
  uint32_t leaves = 1;
  for (ContentValue item : content_.ItemsOf(value)) {
    const uint32_t more = LeavesOfKey(item, depth + 1);
    if (more == 0 || leaves + more > kMostInKey) return 0;
    leaves += more;
  }
  key_leaves_[value.index] = leaves;
  return leaves;
}

void ContentPickle::Key(ContentValue key, uint32_t entry) {
  if (!HasItems(key.kind) && Hashable(key, 0)) return Value(key);
  if (!Hashable(key, 0)) {
    Note(Loss::kDescribed, "key", "its key cannot be one as plain data, and is written as text");
    return Text(fmt::format("{} #{}", AsText(key, 0), entry));
  }
  // A tuple of leaves, of tuples: shallow, so that it needs no frames.
  auto write = [this](auto& self, ContentValue value) -> void {
    if (!HasItems(value.kind)) return Value(value);
    if (value.kind == ContentKind::kComplex) pickle_.Global("__builtin__", "complex");
    if (value.kind == ContentKind::kSize) pickle_.Global("torch", "Size");
    pickle_.Mark();
    for (ContentValue item : content_.ItemsOf(value)) self(self, item);
    pickle_.Tuple();
    if (value.kind == ContentKind::kSize) pickle_.Tuple1();
    if (value.kind != ContentKind::kTuple) pickle_.Reduce();
  };
  write(write, key);
}

std::string ContentPickle::AsText(ContentValue value, int depth) const {
  switch (value.kind) {
    case ContentKind::kNone: return "None";
    case ContentKind::kBool: return value.boolean ? "True" : "False";
    case ContentKind::kInt: return fmt::format("{}", value.integer);
    case ContentKind::kFloat: return fmt::format("{}", value.real);
    case ContentKind::kTensor: return fmt::format("tensor {}", model_.tensors[value.index].path);
    default: break;
  }
  if (HasText(value.kind)) return EscapeName(value.Text().substr(0, 200));
  const ContentNode& node = content_.nodes[value.index];
  std::string text = node.class_name.empty() ? std::string(ContentKindName(node.kind)) : std::string(node.class_name);
  text += '(';
  size_t shown = 0;
  for (ContentValue item : content_.ItemsOf(value)) {
    if (shown++ > 0) text += ", ";
    if (shown > 8 || depth > 2 || text.size() > 400) {
      text += "...";
      break;
    }
    text += AsText(item, depth + 1);
  }
  return text + ')';
}

void ContentPickle::AppendStep(ContentValue key) {
  if (key.kind == ContentKind::kString || key.kind == ContentKind::kBytes) return AppendTextKey(path_, key.Text());
  if (key.kind == ContentKind::kInt) return AppendIndex(path_, key.integer);
  AppendOtherKey(path_, AsText(key, 0));
}

void ContentPickle::EmptyOrderedDict() {
  pickle_.Global("collections", "OrderedDict");
  pickle_.EmptyTuple();
  pickle_.Reduce();
}

}  // namespace pthview
