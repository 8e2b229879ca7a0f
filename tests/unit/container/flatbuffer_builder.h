// Flatbuffers put together by hand: a tree of tables, each written before what it refers to.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pthview {

struct FlatNode {
  // A field is bytes in place, or a reference to another node.
  struct Field {
    std::string bytes;
    std::vector<FlatNode> target;  // none or one
  };
  enum class Kind { kTable, kBytes, kOffsets } kind = Kind::kTable;
  std::map<int, Field> fields;     // kTable, by slot
  std::string bytes;               // kBytes: what stands there, with its count when it is a vector
  std::vector<FlatNode> elements;  // kOffsets: a vector of references
};

inline std::string U32(uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof(value)}; }

template <typename T>
FlatNode::Field FlatScalar(T value) {
  return {{reinterpret_cast<const char*>(&value), sizeof(value)}, {}};
}
inline FlatNode FlatTableNode(std::map<int, FlatNode::Field> fields) { return {.fields = std::move(fields)}; }
inline FlatNode FlatBytes(std::string bytes) { return {.kind = FlatNode::Kind::kBytes, .bytes = std::move(bytes)}; }
inline FlatNode FlatText(const std::string& text) {
  return FlatBytes(U32(static_cast<uint32_t>(text.size())) + text + '\0');
}
template <typename T>
FlatNode FlatNumbers(const std::vector<T>& values) {
  std::string bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return FlatBytes(U32(static_cast<uint32_t>(values.size())) + bytes);
}
inline FlatNode FlatOffsets(std::vector<FlatNode> elements) {
  return {.kind = FlatNode::Kind::kOffsets, .elements = std::move(elements)};
}
inline FlatNode::Field Ref(FlatNode node) { return {{}, {std::move(node)}}; }

class FlatWriter {
 public:
  explicit FlatWriter(const std::string& identifier) : out_(U32(0) + identifier) {}

  std::string Finish(const FlatNode& root) && {
    Patch(0, Write(root));
    return std::move(out_);
  }

 private:
  void Patch(size_t at, size_t target) {
    auto distance = static_cast<uint32_t>(target - at);
    std::memcpy(out_.data() + at, &distance, sizeof(distance));
  }

  size_t Write(const FlatNode& node) {
    if (node.kind == FlatNode::Kind::kBytes) {
      size_t at = out_.size();
      out_ += node.bytes;
      return at;
    }
    std::vector<std::pair<size_t, const FlatNode*>> references;
    size_t at = 0;
    if (node.kind == FlatNode::Kind::kOffsets) {
      at = out_.size();
      out_ += U32(static_cast<uint32_t>(node.elements.size()));
      for (const FlatNode& element : node.elements) {
        references.emplace_back(out_.size(), &element);
        out_ += U32(0);
      }
    } else {
      int slots = node.fields.empty() ? 0 : node.fields.rbegin()->first + 1;
      std::vector<uint16_t> vtable(2 + static_cast<size_t>(slots), 0);
      std::string body(4, '\0');
      for (const auto& [slot, field] : node.fields) {
        vtable[2 + static_cast<size_t>(slot)] = static_cast<uint16_t>(body.size());
        body += field.target.empty() ? field.bytes : U32(0);
      }
      vtable[0] = static_cast<uint16_t>(vtable.size() * 2);
      vtable[1] = static_cast<uint16_t>(body.size());
      auto back = static_cast<int32_t>(vtable[0]);
      std::memcpy(body.data(), &back, sizeof(back));
      out_.append(reinterpret_cast<const char*>(vtable.data()), vtable.size() * 2);
      at = out_.size();
      out_ += body;
      for (const auto& [slot, field] : node.fields) {
        if (!field.target.empty())
          references.emplace_back(at + vtable[2 + static_cast<size_t>(slot)], field.target.data());
      }
    }
    for (const auto& [place, target] : references) Patch(place, Write(*target));
    return at;
  }

  std::string out_;
};

}  // namespace pthview
