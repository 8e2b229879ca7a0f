// Reads any bytes as what stands behind the header of a legacy file. The first byte says whether they have a list of
// keys and storages of their own, or are the object alone.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/formats/format.h"
#include "tests/fuzz/walk_model.h"

namespace {

// pickle(0x1950a86a20f9469cfc6c), pickle(1001), pickle({}).
constexpr char kHeader[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";
// pickle(['0', '1'])
constexpr char kKeys[] =
    "\x80\x02]("
    "X\x01\x00\x00\x00"
    "0"
    "X\x01\x00\x00\x00"
    "1e.";
constexpr char kStorage[] =
    "\x04\x00\x00\x00\x00\x00\x00\x00"
    "0123456789abcdef";

template <size_t n>
void Append(std::vector<std::byte>& out, const char (&text)[n]) {
  const auto* from = reinterpret_cast<const std::byte*>(text);
  out.insert(out.end(), from, from + n - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> file;
  Append(file, kHeader);
  // Even: the input has a key list of its own. Odd: the object fills it, and two storages of 16 bytes follow.
  file.insert(file.end(), bytes + 1, bytes + size);
  if (data[0] % 2 != 0) {
    Append(file, kKeys);
    for (int storage = 0; storage < 2; ++storage) {
      Append(file, kStorage);
    }
  }
  auto model = pthview::OpenInside("fuzz", pthview::OpenMemory("fuzz", std::move(file)), {}, 0);
  if (model) pthview::WalkModel(*model);
  return 0;
}
