// Opens any bytes as a zip archive and reads every record.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lib/base/finding.h"
#include "lib/base/source.h"
#include "lib/container/zip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto source = pthview::OpenMemory("fuzz", std::vector<std::byte>(bytes, bytes + size));
  pthview::Findings findings;
  const auto archive = pthview::ZipArchive::Open(*source, &findings);
  if (!archive) return 0;
  for (const pthview::ZipRecord& record : archive->records()) {
    const pthview::ZipRecord* found = archive->Find(record.name);
    if (found == nullptr || found->name != record.name) std::abort();
    const auto content = archive->Read(record, uint64_t{1} << 24);
    if (content && content->size() != record.size) std::abort();
  }
  return 0;
}
