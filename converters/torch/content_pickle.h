// A model's content as a pickle that torch.load(weights_only=True) reads.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "converters/converter.h"
#include "converters/torch/pickle_writer.h"
#include "lib/model/model.h"

namespace pthview {

class ContentPickle {
 public:
  // `selected` are the rows of model.tensors that are written. `content` outlives this.
  ContentPickle(const Model& model, const Content& content, std::span<const Index> selected);

  // The pickle, at once. Then storages() and losses() are known.
  std::string Write();

  // The storages that the pickle refers to: record data/<i> holds the bytes of Model::storages[storages()[i].storage],
  // cut to whole elements.
  struct Record {
    Index storage = kNone;
    uint64_t nbytes = 0;
  };
  const std::vector<Record>& storages() const { return records_; }
  std::vector<Loss> TakeLosses() { return std::move(losses_); }

 private:
  static constexpr int kMaxDepth = 16;  // of tensors that hold tensors, and of tuples as keys
  static constexpr std::string_view kClassKey = "__class__";

  // The storage class of a type; empty for types that torch has given none, whose bytes are in an untyped storage.
  // Source: torch/storage.py (_dtype_to_storage_type_map).
  static std::string StorageClassOf(DType dtype);

  struct Frame {
    uint32_t node = 0;
    uint32_t next = 0;
    size_t path_length = 0;
    bool attributes = false;  // what follows is what the dict carries beside its items
  };

  // Writes a leaf or a known node, or opens a frame.
  void Value(ContentValue value);
  void Open(ContentValue value);
  void Step();
  void Close(const ContentNode& node, uint32_t index);
  void Key(ContentValue key, uint32_t entry);
  bool Hashable(ContentValue value, int depth);
  uint32_t LeavesOfKey(ContentValue value, int depth);
  std::string AsText(ContentValue value, int depth) const;
  void AppendStep(ContentValue key);
  void Text(std::string_view text);
  // Whether a dict's entry is written; what is not, the ledger names.
  bool Keep(ContentValue value);

  // What a tensor carries beside its values (scales of a subclass), behind it in the same dict, as "<key>.<name>".
  // `dict` is where it stands, and `key` under which name; null: elsewhere, and they are lost.
  void Beside(ContentValue value, const ContentNode* dict, const ContentValue* key);

  void WriteTensor(const Tensor& tensor, int depth);
  void TensorRow(Index row, bool parameter);
  void Dense(const Tensor& tensor);
  void Meta(const Tensor& tensor, bool said = false);
  void Holder(const Tensor& tensor, int depth);  // of components
  void Components(const Tensor& tensor, std::span<const std::string_view> names, int depth);
  bool HasComponents(const Tensor& tensor, std::span<const std::string_view> names) const;
  void StorageId(const Tensor& tensor, bool untyped);
  void Sizes(std::span<const int64_t> sizes);
  void EmptyOrderedDict();
  void Note(Loss::Kind kind, std::string_view code, std::string text);

  const Model& model_;
  const Content& content_;
  PickleWriter pickle_;
  std::vector<bool> selected_;
  std::unordered_set<std::string_view> left_out_;  // paths of parts of which no tensor is selected
  std::vector<Frame> stack_;
  std::string path_;
  std::vector<uint32_t> memo_;                                           // by node, plus 1
  std::unordered_map<uint32_t, uint32_t> key_leaves_;                    // by node
  std::vector<bool> open_;                                               // by node
  std::unordered_map<uint64_t, uint32_t> tensor_memo_;                   // by row, twice for parameters
  std::map<std::tuple<Index, uint64_t, uint64_t>, uint32_t> record_of_;  // by place
  std::vector<uint32_t> storage_record_;                                 // by storage, plus 1
  std::vector<bool> untyped_;  // by storage: tensors of several dtypes share it
  std::vector<Record> records_;
  std::vector<Loss> losses_;
  std::map<std::string, size_t, std::less<>> devices_;
  std::map<std::string, size_t, std::less<>> class_notes_;
};

}  // namespace pthview
