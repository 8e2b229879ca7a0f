// Lists any bytes as a tar archive, and reads every member.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lib/container/tar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto source = pthview::OpenMemory("fuzz", std::vector<std::byte>(bytes, bytes + size));
  pthview::Findings findings;
  const auto members = pthview::ReadTar(*source, &findings);
  if (!members) return 0;
  for (const pthview::TarMember& member : *members) {
    if (!source->Read(member.offset, member.size)) std::abort();
  }
  return 0;
}
