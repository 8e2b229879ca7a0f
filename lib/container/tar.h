// Tar archives: where each member lies, without reading its data. Nothing is extracted, and links are not followed.
// Source: POSIX.1-1988 (ustar), the GNU tar manual ("Basic Tar Format", "GNU Extensions"), POSIX.1-2001 (pax).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/finding.h"
#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

struct TarMember {
  std::string name;     // raw bytes as the archive has them, without a leading "./"
  uint64_t offset = 0;  // of the first data byte in the source
  uint64_t size = 0;    // bytes really there
};

// True when `head`, the first bytes of a source, is a tar header whose checksum holds.
bool LooksLikeTar(std::span<const std::byte> head);

// The regular files in the archive, in its order. Of two members of one name both are listed. Links, devices and sparse
// files are left out with a finding ("tar-link", "tar-kind"); a member that is cut off is listed with what is there
// ("tar-cut"). kUnrecognized when the first header's checksum is wrong; a wrong one further on ends the list
// ("tar-header").
Result<std::vector<TarMember>> ReadTar(const ByteSource& source, Findings* findings);

// The first member of that name; null when there is none.
const TarMember* FindMember(std::span<const TarMember> members, std::string_view name);

}  // namespace pthview
