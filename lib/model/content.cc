#include "lib/model/content.h"

#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/base/escape.h"
#include "lib/model/model.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

constexpr std::array<std::string_view, static_cast<size_t>(kLastContentKind) + 1> kNames = {
    "none",  "bool",   "int",       "big-int",   "float",        "string",       "bytes",   "bytearray",
    "dtype", "device", "layout",    "described", "tensor",       "complex",      "tuple",   "list",
    "size",  "set",    "frozenset", "dict",      "ordered-dict", "default-dict", "counter", "object"};

// A plain row's text back to the value that it was written of; what text alone cannot give back is described.
ContentValue ValueOf(const PlainValue& row, Arena& arena) {
  const std::string_view text = row.text;
  switch (row.kind) {
    case PlainKind::kNone: return {};
    case PlainKind::kBool: return ContentValue::Bool(text == "True");
    case PlainKind::kInt: {
      int64_t number = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc() && end == text.data() + text.size()) return ContentValue::Int(number);
      const bool digits = !text.empty() && text.find_first_not_of("-0123456789") == std::string_view::npos;
      return ContentValue::OfText(digits ? ContentKind::kBigInt : ContentKind::kDescribed, text);
    }
    case PlainKind::kFloat: {
      double number = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc() && end == text.data() + text.size()) return ContentValue::Float(number);
      return ContentValue::OfText(ContentKind::kDescribed, text);
    }
    case PlainKind::kString: return ContentValue::OfText(ContentKind::kString, arena.Copy(UnescapeName(text)));
    case PlainKind::kBytes: return ContentValue::OfText(ContentKind::kBytes, arena.Copy(UnescapeName(text)));
    case PlainKind::kSequence:
    case PlainKind::kEmpty:
    case PlainKind::kObject: return ContentValue::OfText(ContentKind::kDescribed, text);
  }
  return {};
}

}  // namespace

std::string_view ContentKindName(ContentKind kind) { return kNames[static_cast<size_t>(kind)]; }

ContentValue ContentValue::Bool(bool value) {
  ContentValue made;
  made.kind = ContentKind::kBool;
  made.boolean = value;
  return made;
}

ContentValue ContentValue::Int(int64_t value) {
  ContentValue made;
  made.kind = ContentKind::kInt;
  made.integer = value;
  return made;
}

ContentValue ContentValue::Float(double value) {
  ContentValue made;
  made.kind = ContentKind::kFloat;
  made.real = value;
  return made;
}

ContentValue ContentValue::OfText(ContentKind kind, std::string_view value) {
  ContentValue made;
  made.kind = kind;
  made.length = static_cast<uint32_t>(value.size());
  made.text = value.data();
  return made;
}

ContentValue ContentValue::At(ContentKind kind, uint32_t index) {
  ContentValue made;
  made.kind = kind;
  made.index = index;
  return made;
}

uint32_t Content::AddNode(ContentKind kind, uint32_t count, std::string_view class_name) {
  nodes.push_back({.kind = kind, .class_name = class_name, .first = items.size(), .count = count});
  items.resize(items.size() + count);
  return static_cast<uint32_t>(nodes.size() - 1);
}

Content ContentOfTables(Model& model) {
  Content content;
  content.given = true;
  struct Section {
    std::string key;
    std::vector<ContentValue> items;
  };
  std::vector<Section> sections(model.parts.size() + 1);  // the last: tensors of no part
  for (size_t i = 0; i < model.parts.size(); ++i) {
    const Part& part = model.parts[i];
    sections[i].key = !part.path.empty()              ? KeyOf(part.path)
                      : part.kind == PartKind::kModel ? "state_dict"
                                                      : std::string(PartKindName(part.kind));
  }
  sections.back().key = "tensors";
  for (Index i = 0; i < model.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[i];
    Section& section = sections[tensor.part == kNone ? model.parts.size() : tensor.part];
    section.items.push_back(ContentValue::OfText(ContentKind::kString, model.arena.Copy(KeyOf(tensor.name))));
    section.items.push_back(ContentValue::At(ContentKind::kTensor, i));
  }
  std::erase_if(sections, [](const Section& section) { return section.items.empty(); });
  std::unordered_map<std::string, size_t> used;
  std::vector<ContentValue> root;
  for (Section& section : sections) {
    const uint32_t node = content.AddNode(ContentKind::kOrderedDict, static_cast<uint32_t>(section.items.size()));
    std::copy(section.items.begin(), section.items.end(), content.items.begin() + content.nodes[node].first);
    const size_t times = used[section.key]++;
    if (times > 0) section.key += "#" + std::to_string(times);
    root.push_back(ContentValue::OfText(ContentKind::kString, model.arena.Copy(section.key)));
    root.push_back(ContentValue::At(ContentKind::kOrderedDict, node));
  }
  // What every safetensors file of torch says of itself is no value of the checkpoint.
  const bool bare = model.plain.empty() || (model.plain.size() == 1 && model.plain[0].text == "pt" &&
                                            model.plain[0].path == "__metadata__.format");
  if (!bare) {
    const uint32_t node = content.AddNode(ContentKind::kDict, static_cast<uint32_t>(2 * model.plain.size()));
    uint64_t at = content.nodes[node].first;
    for (const PlainValue& row : model.plain) {
      content.items[at++] = ContentValue::OfText(ContentKind::kString, model.arena.Copy(UnescapeName(row.path)));
      content.items[at++] = ValueOf(row, model.arena);
    }
    root.push_back(ContentValue::OfText(ContentKind::kString, "metadata"));
    root.push_back(ContentValue::At(ContentKind::kDict, node));
  }
  if (root.size() == 2 && bare) {
    content.root = root[1];
    return content;
  }
  const uint32_t node = content.AddNode(ContentKind::kDict, static_cast<uint32_t>(root.size()));
  std::copy(root.begin(), root.end(), content.items.begin() + content.nodes[node].first);
  content.root = ContentValue::At(ContentKind::kDict, node);
  return content;
}

}  // namespace pthview
