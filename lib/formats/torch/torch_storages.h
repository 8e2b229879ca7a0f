// Persistent ids: how a PyTorch pickle names the storages (and, in old files, the classes) that stand outside of it.
// Source: torch/serialization.py, persistent_id in _save and _legacy_save.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/formats/torch/torch_globals.h"
#include "lib/model/model.h"
#include "lib/pickle/value.h"

namespace pthview {

// ('storage', class, key, location, numel [, None | (view_key, offset, size)])
struct StorageId {
  DType dtype = DType::kUnknown;
  std::string_view key;       // an int key is written out in decimal
  std::string_view location;  // "cpu", "cuda:0"
  int64_t numel = 0;          // elements of dtype; for UntypedStorage bytes (dtype is uint8 then)
  bool untyped = false;
  bool has_view = false;  // legacy only: this is a window of [view_offset, view_offset + view_size) elements
  std::string_view view_key;
  int64_t view_offset = 0;
  int64_t view_size = 0;
};

// A class together with the source text that files of torch 0.x and 1.x carry: ('module', class, file, source).
struct ModuleSourceId {
  pickle::Value class_name;  // kGlobal
  std::string_view file;
  std::string_view source;
};

// Names of devices, each kept once. Real ones are as short as "cuda:0"; a longer one than 64 bytes is cut, and ends in
// "...": every tensor is listed with it, and a pickle may name it many times.
class DeviceNames {
 public:
  explicit DeviceNames(Arena& arena) : arena_(arena) {}
  std::string_view Of(std::string_view device);

 private:
  static constexpr size_t kMostKnown = 64;  // what comes after that many is kept for itself and not looked for
  Arena& arena_;
  std::vector<std::string_view> known_;
};

// Of protocol 0 too, where the id is text. Views of what is returned live as long as `tree` and `arena`.
std::optional<StorageId> ParseStorageId(const pickle::Tree& tree, const std::vector<GlobalMeaning>& meanings,
                                        pickle::Value id, Arena& arena);
std::optional<ModuleSourceId> ParseModuleSourceId(const pickle::Tree& tree, pickle::Value id);

// Bytes of a storage of `numel` items. Storages of packed types (quint4x2) count bytes, unlike tensors over them.
// nullopt on overflow or a negative count.
std::optional<uint64_t> BytesOfStorage(DType dtype, int64_t numel);

// What a persistent id of one pickle stands for. One row for each of tree.persistent_ids().
struct StorageRow {
  Index storage = kNone;          // into Model::storages
  DType dtype = DType::kUnknown;  // the class named there; a tensor of _rebuild_tensor_v3 says its own
  int64_t numel = 0;              // elements of dtype
  std::string_view device;
  bool is_storage = false;  // false: a class, or nothing known
};

}  // namespace pthview
