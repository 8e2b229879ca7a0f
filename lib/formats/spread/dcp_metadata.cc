// Metadata, as pickled:
//
//   state_dict_metadata  {name: TensorStorageMetadata{properties, size, chunks: [ChunkStorageMetadata{offsets, sizes}]}
//                              | BytesStorageMetadata}
//   planner_data         {name: (outermost key, ..., innermost key)}, when a nested dict was flattened
//   storage_data         {MetadataIndex{fqn, offset, index}: _StorageInfo{relative_path, offset, length,
//                              transform_descriptors}}
#include "lib/formats/spread/dcp_metadata.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "lib/base/allowance.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/formats/common/pickled_ints.h"
#include "lib/formats/torch/torch_values.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Tree;
using pickle::Value;

TorchPickle AsTorchPickle(Tree tree) {
  TorchPickle file;
  file.tree = std::move(tree);
  file.meanings = MeaningsOf(file.tree);
  file.storages.resize(file.tree.persistent_ids().size());
  return file;
}

class Reader {
 public:
  Reader(Tree tree, Findings* findings)
      : file_(AsTorchPickle(std::move(tree))),
        tree_(file_.tree),
        values_(file_),
        findings_(*findings),
        budget_(Allowance::OfFile(tree_.end)) {}

  Result<DcpMetadata> Read() {
    auto root = values_.AttributesOf(tree_.root);
    const Value* entries = root ? TorchValues::Find(*root, "state_dict_metadata") : nullptr;
    auto pairs = entries != nullptr ? values_.Pairs(*entries) : std::nullopt;
    if (!pairs) {
      return Error{.code = ErrorCode::kCorrupt,
                   .message = "no metadata of a distributed checkpoint: it lists no state_dict"};
    }
    if (const Value* places = TorchValues::Find(*root, "storage_data")) ReadPlaces(*places);
    if (const Value* planner = TorchValues::Find(*root, "planner_data")) ReadSections(*planner);
    for (const auto& [name, entry] : *pairs) {
      if (name.IsText()) ReadEntry(name.Text(), entry);
    }
    if (spent_) {
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("its metadata names things again and again: more than the {} bytes of names "
                                          "and chunks that are allowed (8 times its size and 4 MB)",
                                          budget_.total())};
    }
    return std::move(result_);
  }

 private:
  bool ClassIs(Value value, std::string_view name) const { return values_.ClassOf(value).name == name; }

  const Value* Attribute(Value object, std::string_view name) {
    auto pairs = values_.AttributesOf(object);
    return pairs ? TorchValues::Find(*pairs, name) : nullptr;
  }

  std::optional<std::vector<int64_t>> Ints(const Value* value) const {
    return value != nullptr ? IntsOf(tree_, *value) : std::nullopt;
  }

  // For what is kept of the pickle, which may name one text or list many times.
  bool Spend(size_t text, size_t dimensions) {
    spent_ = spent_ || !budget_.Take(text + 16 * dimensions + 128);
    return !spent_;
  }

  // The extensions through which a stream went, outermost first: ["stream.zstd/1"]. nullopt when one is not known.
  std::optional<size_t> ZstdLayers(const Value* transforms) const {
    constexpr size_t kMost = 4;
    if (transforms == nullptr || transforms->Is(Kind::kNone)) return 0;
    auto items = values_.Items(*transforms);
    if (!items || items->size() > kMost) return std::nullopt;
    for (Value item : *items) {
      if (!item.IsText() || (item.Text() != "stream.zstd/1" && !item.Text().starts_with("stream.zstd/1."))) {
        return std::nullopt;
      }
    }
    return items->size();
  }

  static std::string PlaceKey(std::string_view name, const std::vector<int64_t>& offsets) {
    std::string key(name);
    key += '\0';
    for (int64_t offset : offsets) key += std::to_string(offset) + ',';
    return key;
  }

  void ReadPlaces(Value places) {
    auto pairs = values_.Pairs(places);
    if (!pairs) return;
    for (const auto& [index, info] : *pairs) {
      const Value* name = Attribute(index, "fqn");
      const Value* file = Attribute(info, "relative_path");
      const Value* offset = Attribute(info, "offset");
      const Value* length = Attribute(info, "length");
      bool whole = name && file && offset && length && name->IsText() && file->IsText() && offset->Is(Kind::kInt) &&
                   length->Is(Kind::kInt) && offset->integer >= 0 && length->integer >= 0;
      if (!whole) {
        findings_.Add(Severity::kWarning, "dcp-entry", "storage_data", "a place that is not understood");
        continue;
      }
      const std::optional<size_t> zstd = ZstdLayers(Attribute(info, "transform_descriptors"));
      if (!zstd) {
        findings_.Add(Severity::kError, "dcp-transform", EscapeName(name->Text()),
                      "its bytes are transformed (compressed, encrypted) by an extension that is not read");
        continue;
      }
      auto box = Ints(Attribute(index, "offset")).value_or(std::vector<int64_t>());
      if (!Spend(name->Text().size() + file->Text().size(), box.size())) return;
      DcpSlice slice{std::string(file->Text()), static_cast<uint64_t>(offset->integer),
                     static_cast<uint64_t>(length->integer), *zstd};
      places_.insert_or_assign(PlaceKey(name->Text(), box), std::move(slice));
    }
  }

  std::optional<DcpSlice> PlaceOf(std::string_view name, const std::vector<int64_t>& offsets) const {
    auto found = places_.find(PlaceKey(name, offsets));
    if (found == places_.end()) found = places_.find(PlaceKey(name, {}));  // a chunk that is the whole tensor
    if (found == places_.end()) return std::nullopt;
    return found->second;
  }

  void ReadSections(Value planner) {
    auto pairs = values_.Pairs(planner);
    if (!pairs) return;
    for (const auto& [name, path] : *pairs) {
      auto steps = tree_.Sequence(path);
      if (name.IsText() && steps.size() > 1 && steps[0].IsText()) {
        section_of_.emplace(name.Text(), steps[0].Text());
      }
    }
  }

  size_t SectionOf(std::string_view name) {
    auto found = section_of_.find(name);
    std::string_view section = found == section_of_.end() ? std::string_view() : found->second;
    if (!name.starts_with(section) || !name.substr(section.size()).starts_with('.')) section = {};
    auto [at, is_new] = sections_.try_emplace(section, result_.sections.size());
    if (is_new) result_.sections.emplace_back(section);
    return at->second;
  }

  void ReadEntry(std::string_view name, Value entry) {
    if (!Spend(2 * name.size(), 0)) return;
    if (ClassIs(entry, "BytesStorageMetadata")) {
      result_.bytes.push_back({std::string(name), PlaceOf(name, {}), SectionOf(name)});
      return;
    }
    auto shape = Ints(Attribute(entry, "size"));
    const Value* chunks = Attribute(entry, "chunks");
    std::optional<std::span<const Value>> items;
    if (chunks != nullptr) items = values_.Items(*chunks);
    if (!ClassIs(entry, "TensorStorageMetadata") || !shape || !items) return NotUnderstood(name);
    DcpTensor tensor{.name = std::string(name), .shape = std::move(*shape), .section = SectionOf(name)};
    if (const Value* properties = Attribute(entry, "properties")) ReadProperties(*properties, &tensor);
    for (Value item : *items) {
      auto offsets = Ints(Attribute(item, "offsets"));
      auto sizes = Ints(Attribute(item, "sizes"));
      if (!offsets || !sizes) return NotUnderstood(name);
      auto place = PlaceOf(name, *offsets);
      if (!Spend(name.size() + (place ? place->file.size() : 0), offsets->size() + sizes->size())) return;
      tensor.chunks.push_back({std::move(*offsets), std::move(*sizes), std::move(place)});
    }
    result_.tensors.push_back(std::move(tensor));
  }

  // Its state is (dtype, layout, requires_grad, memory format, pinned), or the same as a dict.
  void ReadProperties(Value properties, DcpTensor* tensor) {
    if (!properties.Is(Kind::kObject)) return;
    auto items = tree_.StateItemsOf(tree_.ObjectOf(properties));
    const Value* dtype = items.empty() ? Attribute(properties, "dtype") : items.data();
    const Value* grad = items.size() > 2 ? items.data() + 2 : Attribute(properties, "requires_grad");
    if (dtype != nullptr && dtype->Is(Kind::kGlobal)) tensor->dtype = file_.meanings[dtype->index].dtype;
    if (grad != nullptr && grad->Is(Kind::kBool)) tensor->requires_grad = grad->boolean;
  }

  void NotUnderstood(std::string_view name) {
    findings_.Add(Severity::kError, "dcp-entry", EscapeName(name), "an entry of the metadata that is not understood");
  }

  TorchPickle file_;
  const Tree& tree_;
  TorchValues values_;
  Findings& findings_;
  std::unordered_map<std::string, DcpSlice, TextHash> places_;
  std::unordered_map<std::string_view, std::string_view, TextHash> section_of_;
  std::unordered_map<std::string_view, size_t, TextHash> sections_;  // rows of result_.sections
  Allowance budget_;
  bool spent_ = false;
  DcpMetadata result_;
};

}  // namespace

bool LooksLikeDcpMetadata(std::span<const std::byte> head) {
  std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  return text.starts_with('\x80') && text.substr(0, 200).find("torch.distributed.checkpoint.metadata") != text.npos &&
         text.substr(0, 200).find("Metadata") != text.npos;
}

Result<DcpMetadata> ReadDcpMetadata(Tree tree, Findings* findings) { return Reader(std::move(tree), findings).Read(); }

}  // namespace pthview
