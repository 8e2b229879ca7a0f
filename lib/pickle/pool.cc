#include "lib/pickle/pool.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace pthview::pickle {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLargestSmallBlock = size_t{256} << 10;  // from about here on clearing a huge page is the cheaper way

// Address space aligned to huge pages, nothing of it in memory yet.
void* MapAligned(size_t size) {
  void* map =
      mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<char*>(map);
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before != 0) munmap(begin, before);
  if (before != kHugePage) munmap(begin + before + size, kHugePage - before);
  begin += before;
  madvise(begin, size, MADV_HUGEPAGE);  // a wish; it goes along when the block is moved
  return begin;
}

}  // namespace

void* GrowBlock(void* block, size_t old_size, size_t used, size_t* size) {
  if (*size <= kLargestSmallBlock) {
    void* grown = std::realloc(block, *size);
    if (grown == nullptr) throw std::bad_alloc();
    return grown;
  }
  *size = (*size + kHugePage - 1) / kHugePage * kHugePage;
  void* grown = MapAligned(*size);
  if (old_size > kLargestSmallBlock) {
    if (mremap(block, old_size, *size, MREMAP_MAYMOVE | MREMAP_FIXED, grown) == MAP_FAILED) {
      munmap(grown, *size);
      throw std::bad_alloc();
    }
  } else if (block != nullptr) {
    std::memcpy(grown, block, used);
    std::free(block);
  }
  return grown;
}

void FreeBlock(void* block, size_t size) {
  if (size > kLargestSmallBlock) {
    munmap(block, size);
  } else {
    std::free(block);
  }
}

}  // namespace pthview::pickle
