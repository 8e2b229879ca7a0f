// Content: what a checkpoint holds, as a tree of plain Python values whose leaves may be tensors of the model.
//
// The other tables of a model say what stands where, as text. Content keeps the values themselves, with their types and
// in their order, so that a checkpoint can be written again. It is filled only when asked for (OpenOptions::content).
// Nothing in it is code: of an object it holds the name of the class and the attributes.
//
// A value is 16 bytes; containers are rows of `nodes`, shared as in Python: a list that is reached twice is one node,
// and a node may contain itself, so whoever walks it keeps a set.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pthview {

enum class ContentKind : uint8_t {
  kNone,
  kBool,
  kInt,     // fits int64
  kBigInt,  // text: decimal digits with a sign
  kFloat,
  kString,     // text: UTF-8 with surrogates as ED A0..BF xx, as Python's surrogatepass writes them
  kBytes,      // text: raw
  kByteArray,  // text: raw
  kDType,      // text: torch's name, "float32"
  kDevice,     // text: "cuda:0"
  kLayout,     // text: "strided"
  kDescribed,  // text: what stood there, for a person; nothing that can be loaded
  kTensor,     // a row of Model::tensors; flag: it is an nn.Parameter
  // with items: index is a row of `nodes`
  kComplex,  // two floats
  kTuple,
  kList,
  kSize,  // torch.Size
  kSet,
  kFrozenSet,
  kDict,  // of these, items are key, value, key, value, ...
  kOrderedDict,
  kDefaultDict,
  kCounter,
  kObject,  // attributes of an instance of class_name; keys are strings
};
inline constexpr ContentKind kLastContentKind = ContentKind::kObject;

std::string_view ContentKindName(ContentKind kind);  // "none", "bool", ..., "ordered-dict", "object"
constexpr bool HasItems(ContentKind kind) { return kind >= ContentKind::kComplex; }
constexpr bool HasPairs(ContentKind kind) { return kind >= ContentKind::kDict; }
constexpr bool HasText(ContentKind kind) {
  return kind == ContentKind::kBigInt || (kind >= ContentKind::kString && kind <= ContentKind::kDescribed);
}

struct ContentValue {
  ContentKind kind = ContentKind::kNone;
  bool flag = false;    // kTensor: nn.Parameter; kBool, kInt, kFloat, kComplex: it was a NumPy scalar
  uint32_t length = 0;  // bytes of `text`
  union {
    int64_t integer = 0;
    double real;
    bool boolean;
    const char* text;  // in the model's arena
    uint32_t index;    // kTensor: into Model::tensors; with items: into Content::nodes
  };

  std::string_view Text() const { return {text, length}; }
  static ContentValue Bool(bool value);
  static ContentValue Int(int64_t value);
  static ContentValue Float(double value);
  // `value` must outlive the content and have less than 4 GB.
  static ContentValue OfText(ContentKind kind, std::string_view value);
  static ContentValue At(ContentKind kind, uint32_t index);
};

struct ContentNode {
  static constexpr uint32_t kNoNode = UINT32_MAX;
  ContentKind kind = ContentKind::kDict;
  std::string_view class_name;    // of an object; of a dict that was of a class of its own
  uint64_t first = 0;             // into Content::items
  uint32_t count = 0;             // items; even where HasPairs
  uint32_t attributes = kNoNode;  // a dict of what an OrderedDict carries beside its items: `_metadata`
};

struct Content {
  ContentValue root;
  std::vector<ContentNode> nodes;
  std::vector<ContentValue> items;
  bool given = false;  // false: nobody asked, or the format has no such tree

  std::span<const ContentValue> ItemsOf(ContentValue value) const {
    const ContentNode& node = nodes[value.index];
    return std::span(items).subspan(node.first, node.count);
  }
  // A new node with room for `count` items, which are None until they are set.
  uint32_t AddNode(ContentKind kind, uint32_t count, std::string_view class_name = {});
};

struct Model;

// The content of a model whose format keeps no such tree: its tensors by name, a dict for each part, and its plain
// values by path under "metadata". Text is added to the model's arena.
Content ContentOfTables(Model& model);

}  // namespace pthview
