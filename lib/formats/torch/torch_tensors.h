// From a pickled call that would rebuild a tensor to a Tensor of the model. One function a rebuild function of
// formats.md section 2; nothing is read but the pickle's own values.
// Source: torch/_utils.py, torch/_tensor.py (the __reduce_ex__ side and the functions named there).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/allowance.h"
#include "lib/formats/torch/torch_globals.h"
#include "lib/formats/torch/torch_storages.h"
#include "lib/model/builder.h"
#include "lib/pickle/machine.h"
#include "lib/pickle/value.h"

namespace pthview {

// A tensor that a persistent id names as a whole (tar files).
struct TensorRow {
  StorageRow storage;
  std::span<const int64_t> shape;    // in the model's arena
  std::span<const int64_t> strides;  // in elements
  int64_t offset = 0;                // in elements
  bool is_tensor = false;
};

// A pickle with what its names and persistent ids mean: the input of everything below.
struct TorchPickle {
  pickle::Tree tree;
  std::vector<GlobalMeaning> meanings;  // by global index
  std::vector<StorageRow> storages;     // by persistent id index
  std::vector<TensorRow> tensors;       // by persistent id index; empty unless the file is a tar
  int depth = 0;                        // nesting of files inside pickles (_load_from_bytes)
  // Elements of arrays between the opcodes (joblib_arrays.h), by object; offsets are those of the source.
  std::vector<pickle::RawBlock> raw_blocks;
  Index raw_source = kNone;
};

// How many bytes a pickle of `size` bytes may have copied out of it: a number takes two bytes in a list, eight as a
// value.
constexpr uint64_t InlineAllowance(uint64_t size) { return size * 8 + (1 << 16); }

// Reads the bytes of a torch file that stands inside a pickle, and returns the storage that is its root object.
using NestedStorageReader = std::function<std::optional<StorageRow>(std::string_view bytes, int depth)>;

class TensorReader {
 public:
  TensorReader(const TorchPickle& file, ModelBuilder& builder, NestedStorageReader nested);

  // The tensor that `value` stands for; nullopt when it stands for something else. `where` names it in findings.
  std::optional<Tensor> Read(pickle::Value value, std::string_view where);

  // Cheap: whether Read would give a tensor (it may still carry findings).
  bool IsTensor(pickle::Value value) const;

  // Adds the findings that are about many tensors at once; to be called when all have been read.
  void Report();

  // Whether the value is a Parameter (so that it counts as one wherever it stands).
  bool IsParameter(pickle::Value value) const;

 private:
  using Args = std::span<const pickle::Value>;
  // Parameters wrap tensors that wrap tensors; nothing real goes deeper than a few steps.
  static constexpr int kDeepest = 16;

  GlobalMeaning MeaningOf(pickle::Value callable) const;
  std::optional<Tensor> ReadAt(pickle::Value value, int depth);
  std::optional<Tensor> ReadObject(const pickle::Object& object, int depth);
  std::optional<Tensor> Rebuild(GlobalMeaning meaning, Args args, int depth);
  std::optional<Tensor> RebuildStrided(GlobalKind kind, Args args);
  std::optional<Tensor> RebuildQuantized(Args args, int depth);
  std::optional<Tensor> RebuildSparse(Layout layout, Args data, int depth);
  std::optional<Tensor> RebuildMeta(Args args);
  std::optional<Tensor> RebuildNested(Args args, int depth);
  std::optional<Tensor> RebuildWrapper(Args args);
  std::optional<Tensor> RebuildFromNumpy(Args args, int depth);
  std::optional<Tensor> RebuildFromType(GlobalKind kind, Args args, int depth);
  std::optional<Tensor> ReadOldForm(GlobalMeaning meaning, const pickle::Object& object, int depth);
  std::optional<Tensor> FromPythonList(DType dtype, pickle::Value list);
  Tensor BareStorage(const StorageRow& row);
  const TensorRow* RowOf(pickle::Value persistent) const;
  std::optional<StorageRow> StorageOf(pickle::Value value, int depth = 0);
  std::optional<Component> ComponentOf(std::string_view name, pickle::Value value, int depth);

  // torch_wrappers.cc: what a subclass or a parameter holds beside, or instead of, data of its own.
  struct Placement {
    enum Kind : uint8_t { kShard, kReplicate, kPartial, kOther } kind = kOther;
    int64_t dim = 0;
    std::string text;
  };
  struct Mesh {
    std::vector<int64_t> shape;       // ranks along each dimension; empty: not known
    std::vector<int64_t> coordinate;  // of the rank that wrote the file; empty: not known
    std::string text;
  };
  void ReadState(Tensor& tensor, pickle::Value state, int depth);
  void ReadDTensor(Tensor& tensor, std::span<const pickle::Pair> fields, int depth);
  Placement ReadPlacement(pickle::Value value) const;
  Mesh ReadMesh(pickle::Value value);
  // Where the local tensor begins in the whole; nullopt when that cannot be told.
  static std::optional<std::vector<int64_t>> OffsetsOf(std::span<const int64_t> shape, std::span<const int64_t> local,
                                                       std::span<const Placement> placed, const Mesh& mesh);
  void ReadShards(Tensor& tensor, pickle::Value state, int depth);
  std::optional<Tensor> ReadOldShardedTensor(const pickle::Object& object, int depth);
  std::optional<Tensor> RebuildJagged(Args args, int depth);
  std::optional<int64_t> CountByLengths(const Tensor& values, const Tensor& lengths, int64_t ragged_dim);
  void Gather(std::string_view key, pickle::Value value, int depth, std::vector<Component>* components);
  std::vector<pickle::Pair> FieldsOf(pickle::Value value) const;
  std::string_view ClassNameOf(pickle::Value value) const;
  Component Named(std::string_view name, Tensor tensor);
  void Hold(Tensor& tensor, std::span<const Component> components);
  static void Become(Tensor& tensor, const Tensor& local);
  // Counts a tensor of a class that holds others; `first` tells about it when it is the first of its class.
  void Count(std::string_view code, std::string_view class_name, std::string first);
  // A plain value under the tensor's path; its part is set by whoever lists the tensor.
  void AddFact(std::string_view key, PlainKind kind, std::string_view text, std::string_view class_name = {});
  std::optional<StorageRow> Nested(Args args);
  bool Ints(pickle::Value sequence, std::vector<int64_t>* out);
  Layout LayoutOf(pickle::Value value) const;
  DType DTypeOf(pickle::Value value) const;
  std::string_view DeviceOf(pickle::Value value);
  std::string_view QualifiedName(pickle::Value global);

  const TorchPickle& file_;
  const pickle::Tree& tree_;
  ModelBuilder& builder_;
  NestedStorageReader nested_;
  std::string_view where_;
  std::vector<int64_t> shape_;
  std::vector<int64_t> strides_;
  std::vector<std::pair<uint64_t, std::optional<StorageRow>>> nested_cache_;  // by identity of the call
  DeviceNames devices_;
  std::unordered_map<uint32_t, std::string_view> qualified_names_;  // by index of the global
  std::unordered_map<uint64_t, std::vector<std::byte>> decoded_;    // bytes of nested files, by identity of their call
  uint64_t decoded_bytes_ = 0;
  // Components that may still be read: without sharing there is at most one in 16 bytes of pickle, and with it tensors
  // made of tensors would double at each level.
  int64_t component_budget_;
  struct Holders {
    std::string_view code;
    std::string_view class_name;
    std::string where;  // of the first
    std::string first;
    uint64_t count = 0;
  };
  std::vector<Holders> holders_;
  int inside_ = 0;          // tensors around the one that is being read
  Allowance state_budget_;  // for the attributes of tensors, which may be shared by reference
};

}  // namespace pthview
