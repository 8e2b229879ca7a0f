// Pickles put together from opcodes: each function gives the bytes that leave one object on the unpickler's stack.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pthview::assembler {

using Code = std::string;
using Codes = std::vector<Code>;

template <typename T>
std::string Little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

inline Code Join(const Codes& codes) {
  Code all;
  for (const Code& code : codes) all += code;
  return all;
}

inline Code None() { return "N"; }
inline Code Bool(bool value) { return value ? "\x88" : "\x89"; }
inline Code Int(int64_t value) { return "\x8a\x08" + Little(value); }
inline Code Float(double value) {
  std::string bytes = Little(value);
  return "G" + std::string(bytes.rbegin(), bytes.rend());
}
inline Code Text(std::string_view text) { return "X" + Little(static_cast<uint32_t>(text.size())) + std::string(text); }
inline Code Bytes(std::string_view bytes) {
  return "B" + Little(static_cast<uint32_t>(bytes.size())) + std::string(bytes);
}
inline Code Global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
inline Code Tuple(const Codes& items) { return "(" + Join(items) + "t"; }
inline Code List(const Codes& items) { return "](" + Join(items) + "e"; }
inline Code Ints(const std::vector<int64_t>& values) {
  Codes items;
  for (int64_t value : values) items.push_back(Int(value));
  return Tuple(items);
}
using Pairs = std::vector<std::pair<Code, Code>>;
inline Code Dict(const Pairs& pairs) {
  Code all = "}(";
  for (const auto& [key, value] : pairs) all += key + value;
  return all + "u";
}
// With text keys.
inline Code Named(const Pairs& pairs) {
  Code all = "}(";
  for (const auto& [key, value] : pairs) all += Text(key) + value;
  return all + "u";
}
inline Code Reduce(const Code& callable, const Codes& args) { return callable + Tuple(args) + "R"; }
inline Code NewObject(const Code& type) { return type + ")\x81"; }
inline Code Build(const Code& object, const Code& state) { return object + state + "b"; }
inline Code Put(uint8_t index) { return std::string("q") + static_cast<char>(index); }
inline Code Get(uint8_t index) { return std::string("h") + static_cast<char>(index); }
inline Code Pickle(const Code& root) { return "\x80\x02" + root + "."; }

inline Code OrderedDict() { return Global("collections", "OrderedDict") + ")R"; }
inline Code StorageCode(std::string_view type, std::string_view key, int64_t numel, const Code& view = None()) {
  return Tuple({Text("storage"), Global("torch", type), Text(key), Text("cpu"), Int(numel), view}) + "Q";
}
inline Code Rebuild(std::string_view function, const Codes& args) {
  return Reduce(Global("torch._utils", function), args);
}
// _rebuild_tensor_v2 over a storage.
inline Code TensorV2(const Code& storage, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                     int64_t offset = 0, bool requires_grad = false) {
  return Rebuild("_rebuild_tensor_v2",
                 {storage, Int(offset), Ints(shape), Ints(strides), Bool(requires_grad), OrderedDict()});
}
// Elements 0 .. n-1 of a storage, as one row.
inline Code Row(std::string_view type, std::string_view key, int64_t n) {
  return TensorV2(StorageCode(type, key, n), {n}, {1});
}

struct StorageBytes {
  std::string key;
  int64_t numel;
  std::string bytes;
};

template <typename T>
StorageBytes Values(std::string_view key, std::initializer_list<T> values) {
  std::string bytes;
  for (T value : values) bytes += Little(value);
  return {std::string(key), static_cast<int64_t>(values.size()), bytes};
}

// A whole legacy file around `root`.
inline std::string LegacyFile(const Code& root, const std::vector<StorageBytes>& storages = {}) {
  std::string file = Pickle(std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12)) + Pickle(Int(1001)) +
                     Pickle(Named({{"little_endian", Bool(true)}})) + Pickle(root);
  Codes keys;
  for (const StorageBytes& storage : storages) keys.push_back(Text(storage.key));
  file += Pickle(List(keys));
  for (const StorageBytes& storage : storages) file += Little(storage.numel) + storage.bytes;
  return file;
}

}  // namespace pthview::assembler
