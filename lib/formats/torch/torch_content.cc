#include "lib/formats/torch/torch_content.h"

#include <algorithm>
#include <complex>
#include <cstring>
#include <string>

#include "lib/base/element.h"
#include "lib/base/escape.h"
#include "lib/base/utf8.h"
#include "lib/formats/torch/numpy_arrays.h"
#include "lib/formats/torch/readable_values.h"
#include "lib/formats/torch/torch_walk_internal.h"
#include "lib/pickle/print.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Value;
using enum GlobalKind;

namespace {

constexpr size_t kDescribedBytes = 400;
constexpr size_t kShareFrom = 32;  // shorter texts cost no more than the value that refers to them

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    CodePoint c = DecodeUtf8(text, i);
    if (!c.valid) return false;
    i += c.length;
  }
  return true;
}

template <typename T>
T As(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

Content TorchContent::Read() {
  content_.given = true;
  content_.root = Make(tree_.root);
  while (!pending_.empty()) {
    const Pending next = pending_.back();
    pending_.pop_back();
    Fill(next);
  }
  return std::move(content_);
}

ContentValue TorchContent::Text(ContentKind kind, std::string_view text) {
  if (text.size() < kShareFrom) return ContentValue::OfText(kind, arena_.Copy(text));
  auto [at, is_new] = long_texts_.try_emplace(text.data());
  if (is_new || at->second.second < text.size()) at->second = {arena_.Copy(text).data(), text.size()};
  return ContentValue::OfText(kind, {at->second.first, text.size()});
}

ContentValue TorchContent::Described(Value value) {
  return ContentValue::OfText(ContentKind::kDescribed, arena_.Copy(pickle::Print(tree_, value, kDescribedBytes)));
}

std::string_view TorchContent::ClassOf(const ClassName& type) {
  std::string name = type.Full();
  auto [at, is_new] = class_names_.try_emplace(std::move(name));
  if (is_new) at->second = arena_.Copy(at->first);
  return at->second;
}

Value TorchContent::Untagged(Value value) const {
  for (int tags = 0; tags < 16 && values_.ObjectKind(value) == kRestoreTypeTag; ++tags) {
    auto args = tree_.Sequence(tree_.ObjectOf(value).args);
    if (args.empty()) break;
    value = args[0];
  }
  return value;
}

ContentValue TorchContent::MakeScalar(Value value) {
  switch (value.kind) {
    case Kind::kBool: return ContentValue::Bool(value.boolean);
    case Kind::kInt: return ContentValue::Int(value.integer);
    case Kind::kBigInt: {
      std::string text = pickle::BigIntToString(value);
      return ContentValue::OfText(text.starts_with('<') ? ContentKind::kDescribed : ContentKind::kBigInt,
                                  arena_.Copy(text));
    }
    case Kind::kFloat: return ContentValue::Float(value.real);
    case Kind::kString: return Text(ContentKind::kString, value.Text());
    // The str of Python 2: text where it can be, which is how torch.load reads it.
    case Kind::kBytes:
      return Text(value.flag && IsUtf8(value.Text()) ? ContentKind::kString : ContentKind::kBytes, value.Text());
    case Kind::kByteArray: return Text(ContentKind::kByteArray, value.Text());
    default: return {};
  }
}

ContentValue TorchContent::Make(Value value) {
  value = WithoutConfigNodes(tree_, Untagged(value));
  if (TorchValues::IsScalar(value)) return MakeScalar(value);
  if (tensors_.IsTensor(value)) {
    const Index row = row_of_(value);
    if (row == kNone) return Described(value);
    ContentValue made = ContentValue::At(ContentKind::kTensor, row);
    made.flag = tensors_.IsParameter(value);
    return made;
  }
  if (value.Is(Kind::kGlobal)) {
    const GlobalMeaning& meaning = file_.meanings[value.index];
    if (meaning.kind == kDType) return ContentValue::OfText(ContentKind::kDType, DTypeName(meaning.dtype));
    if (meaning.kind == kLayout)
      return ContentValue::OfText(ContentKind::kLayout, arena_.Copy(tree_.GlobalOf(value).name));
    return ContentValue::OfText(ContentKind::kDescribed, arena_.Copy(values_.SimpleText(value)));
  }
  if (auto pairs = values_.Pairs(value)) {
    ContentKind kind = ContentKind::kDict;
    std::string_view class_name;
    switch (value.Is(Kind::kObject) ? values_.ObjectKind(value) : kDict) {
      case kDict: break;
      case kOrderedDict: kind = ContentKind::kOrderedDict; break;
      case kDefaultDict: kind = ContentKind::kDefaultDict; break;
      case kCounter: kind = ContentKind::kCounter; break;
      default: class_name = ClassOf(values_.ClassOf(value));
    }
    return Container(value, kind, static_cast<uint32_t>(2 * pairs->size()), class_name);
  }
  if (value.Is(Kind::kObject)) return MakeObject(value);
  auto items = values_.Items(value);
  if (!items) return Described(value);
  const ContentKind kind = value.Is(Kind::kTuple) ? ContentKind::kTuple
                           : value.Is(Kind::kSet) ? (value.flag ? ContentKind::kFrozenSet : ContentKind::kSet)
                                                  : ContentKind::kList;
  return Container(value, kind, static_cast<uint32_t>(items->size()));
}

ContentValue TorchContent::MakeObject(Value value) {
  const Object& object = tree_.ObjectOf(value);
  auto args = tree_.Sequence(object.args);
  const GlobalKind kind = values_.ObjectKind(value);
  switch (kind) {
    case kDevice: {
      std::string text = values_.SimpleText(value);
      if (text.empty()) break;
      return ContentValue::OfText(ContentKind::kDevice, arena_.Copy(text));
    }
    case kGetLayout:
      if (args.empty() || !args[0].IsText()) break;
      return ContentValue::OfText(ContentKind::kLayout, arena_.Copy(values_.SimpleText(value)));
    case kNumpyScalar:
      if (auto scalar = NumpyScalarOf(tree_, file_.meanings, value)) {
        const DTypeInfo& info = Info(scalar->dtype);
        ContentValue made;
        if (info.kind == DTypeClass::kBool) {
          made = ContentValue::Bool(scalar->bytes[0] != std::byte{0});
        } else if (info.kind == DTypeClass::kInteger) {
          std::string text;
          AppendElement(text, scalar->dtype, scalar->bytes.data());
          const bool large = scalar->dtype == DType::kUint64 && As<uint64_t>(scalar->bytes.data()) > INT64_MAX;
          made = large ? ContentValue::OfText(ContentKind::kBigInt, arena_.Copy(text))
                       : ContentValue::Int(std::stoll(text));
        } else if (info.kind == DTypeClass::kComplex) {
          const bool wide = scalar->dtype == DType::kComplex128;
          const ContentValue both[] = {
              ContentValue::Float(wide ? As<double>(scalar->bytes.data()) : As<float>(scalar->bytes.data())),
              ContentValue::Float(wide ? As<double>(scalar->bytes.data() + 8) : As<float>(scalar->bytes.data() + 4))};
          made = Entries(ContentKind::kComplex, both);
        } else {
          double number = 0;
          DecodeToDouble(scalar->dtype, scalar->bytes.data(), 1, &number);
          made = ContentValue::Float(number);
        }
        made.flag = true;
        return made;
      }
      break;
    case kComplex:
      if (args.size() == 2 && args[0].Is(Kind::kFloat) && args[1].Is(Kind::kFloat)) {
        const ContentValue both[] = {MakeScalar(args[0]), MakeScalar(args[1])};
        return Entries(ContentKind::kComplex, both);
      }
      break;
    case kCodecsEncode:
    case kByteArray: {
      auto bytes = BytesOf(tree_, file_.meanings, value);
      if (!bytes) break;
      const bool array = object.callable.Is(Kind::kGlobal) && tree_.GlobalOf(object.callable).name == "bytearray";
      return ContentValue::OfText(
          array ? ContentKind::kByteArray : ContentKind::kBytes,
          arena_.Copy(std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size())));
    }
    case kSize: {
      auto sizes = args.size() == 1 ? values_.Items(args[0]) : std::nullopt;
      const bool whole = sizes && std::ranges::all_of(*sizes, [](Value v) { return v.Is(Kind::kInt); });
      if (!whole) break;
      std::vector<ContentValue> items;
      for (Value v : *sizes) items.push_back(MakeScalar(v));
      return Entries(ContentKind::kSize, items);
    }
    case kNumpyDType: return ContentValue::OfText(ContentKind::kDescribed, arena_.Copy(values_.SimpleText(value)));
    default: break;
  }
  if (auto items = values_.Items(value)) {
    const ContentKind as = kind == kSet         ? ContentKind::kSet
                           : kind == kFrozenSet ? ContentKind::kFrozenSet
                           : kind == kTuple     ? ContentKind::kTuple
                                                : ContentKind::kList;
    return Container(value, as, static_cast<uint32_t>(items->size()));
  }
  return Container(value, ContentKind::kObject, 0, ClassOf(values_.ClassOf(value)));
}

ContentValue TorchContent::Container(Value value, ContentKind kind, uint32_t count, std::string_view class_name) {
  auto [at, is_new] = node_of_.try_emplace(pickle::Tree::Identity(value));
  if (is_new) {
    at->second = content_.AddNode(kind, kind == ContentKind::kObject ? 0 : count, class_name);
    pending_.push_back({value, at->second});
  }
  return ContentValue::At(content_.nodes[at->second].kind, at->second);
}

ContentValue TorchContent::Entries(ContentKind kind, std::span<const ContentValue> items, std::string_view class_name) {
  const uint32_t node = content_.AddNode(kind, static_cast<uint32_t>(items.size()), class_name);
  std::copy(items.begin(), items.end(), content_.items.begin() + static_cast<int64_t>(content_.nodes[node].first));
  return ContentValue::At(kind, node);
}

void TorchContent::FillPairs(uint32_t node, Pairs pairs) {
  uint64_t at = content_.nodes[node].first;
  for (const Pair& pair : pairs) {
    const ContentValue key = Make(pair.first);  // each may add nodes and so move the items
    content_.items[at++] = key;
    const ContentValue value = Make(pair.second);
    content_.items[at++] = value;
  }
}

void TorchContent::Fill(const Pending& pending) {
  const Value value = pending.value;
  const uint32_t node = pending.node;
  if (content_.nodes[node].kind != ContentKind::kObject) {
    if (auto pairs = values_.Pairs(value)) {
      FillPairs(node, *pairs);
      // What an OrderedDict carries beside its items: the `_metadata` of a state_dict.
      if (!value.Is(Kind::kObject)) return;
      auto attributes = values_.Attributes(tree_.ObjectOf(value));
      if (!attributes || attributes->empty()) return;
      const uint32_t beside = content_.AddNode(ContentKind::kDict, static_cast<uint32_t>(2 * attributes->size()));
      content_.nodes[node].attributes = beside;
      FillPairs(beside, *attributes);
      return;
    }
    uint64_t at = content_.nodes[node].first;
    const auto items = values_.Items(value);
    for (Value item : *items) {
      const ContentValue made = Make(item);
      content_.items[at++] = made;
    }
    return;
  }
  if (forms_.IsModule(value)) return FillModule(value, node);
  // Anything else: its attributes, and what it was made with.
  const Object& object = tree_.ObjectOf(value);
  std::vector<ContentValue> items;
  auto add = [&](std::string_view key, ContentValue item) {
    items.push_back(ContentValue::OfText(ContentKind::kString, key));
    items.push_back(item);
  };
  auto sequence = [&](std::span<const Value> values, ContentKind kind) {
    std::vector<ContentValue> made;
    for (Value v : values) made.push_back(Make(v));
    return Entries(kind, made);
  };
  auto args = tree_.Sequence(object.args);
  const GlobalKind kind = values_.ObjectKind(value);
  if (kind == kReconstructor || kind == kNewObject) {
    args = args.subspan(std::min<size_t>(args.size(), kind == kNewObject ? 1 : 3));
  }
  if (std::string shown = ReadableText(tree_, file_.meanings, value); !shown.empty()) {
    add("__text__", ContentValue::OfText(ContentKind::kString, arena_.Copy(UnescapeName(shown))));
  }
  if (!args.empty()) add("__args__", sequence(args, ContentKind::kTuple));
  if (Value kwargs = tree_.KwargsOf(object); kwargs.Is(Kind::kDict)) add("__kwargs__", Make(kwargs));
  if (auto attributes = values_.Attributes(object)) {
    for (const Pair& pair : *attributes) {
      items.push_back(Make(pair.first));
      items.push_back(Make(pair.second));
    }
  } else if (const Value* state = tree_.StateOf(object)) {
    add("__state__", Make(*state));
  }
  if (auto more = tree_.ItemsOf(object); !more.empty()) add("__items__", sequence(more, ContentKind::kList));
  if (auto more = tree_.DictItemsOf(object); !more.empty()) {
    std::vector<ContentValue> made;
    for (const Pair& pair : more) {
      made.push_back(Make(pair.first));
      made.push_back(Make(pair.second));
    }
    add("__items__", Entries(ContentKind::kDict, made));
  }
  content_.nodes[node].first = content_.items.size();
  content_.nodes[node].count = static_cast<uint32_t>(items.size());
  content_.items.insert(content_.items.end(), items.begin(), items.end());
}

// Depth first, as state_dict() goes: parameters, then buffers, then what is inside.
void TorchContent::FillModule(Value root, uint32_t node) {
  std::vector<ContentValue> state;
  std::vector<ContentValue> modules;
  struct Step {
    Value module;
    std::string prefix;
    size_t depth;
  };
  std::vector<Step> stack = {{root, "", 0}};
  auto text = [&](const std::string& key) { return ContentValue::OfText(ContentKind::kString, arena_.Copy(key)); };
  while (!stack.empty()) {
    const Step step = std::move(stack.back());
    stack.pop_back();
    const auto form = forms_.Read(step.module);
    if (!form || --module_budget_ < 0) continue;
    auto left_out = form->not_persistent != nullptr ? values_.Items(*form->not_persistent) : std::nullopt;
    std::vector<ContentValue> beside;
    for (const Pairs& table : {form->parameters, form->buffers}) {
      for (const Pair& pair : table) {
        if (!pair.first.IsText() || pair.second.Is(Kind::kNone) || --module_budget_ < 0) continue;
        const std::string_view name = pair.first.Text();
        const bool kept = table.data() == form->parameters.data() || !left_out ||
                          std::ranges::none_of(*left_out, [&](Value v) { return v.IsText() && v.Text() == name; });
        std::vector<ContentValue>& into = kept ? state : beside;
        into.push_back(text(kept ? step.prefix + std::string(name) : std::string(name)));
        into.push_back(Make(pair.second));
      }
    }
    for (const Pair& pair : form->attributes) {
      if (!pair.first.IsText()) continue;
      const std::string_view name = pair.first.Text();
      // Bookkeeping is left out where it says nothing: hooks that are there are named.
      if (name != "training" && IsModuleBookkeeping(name)) {
        auto hooks = name.ends_with("hooks") ? values_.Pairs(pair.second) : std::nullopt;
        if (!hooks || hooks->empty()) continue;
      }
      beside.push_back(Make(pair.first));
      beside.push_back(Make(pair.second));
    }
    modules.push_back(text(step.prefix.empty() ? "" : step.prefix.substr(0, step.prefix.size() - 1)));
    modules.push_back(Entries(ContentKind::kObject, beside, ClassOf(form->type)));
    const Pairs children = form->submodules;
    if (step.depth >= 1000 || step.prefix.size() > (size_t{1} << 16)) continue;
    for (size_t i = children.size(); i-- > 0;) {
      if (!children[i].first.IsText() || !children[i].second.Is(Kind::kObject)) continue;
      stack.push_back({children[i].second, step.prefix + std::string(children[i].first.Text()) + ".", step.depth + 1});
    }
  }
  const ContentValue both[] = {text("state_dict"), Entries(ContentKind::kOrderedDict, state), text("modules"),
                               Entries(ContentKind::kOrderedDict, modules)};
  content_.nodes[node].first = content_.items.size();
  content_.nodes[node].count = 4;
  content_.items.insert(content_.items.end(), std::begin(both), std::end(both));
}

}  // namespace pthview
