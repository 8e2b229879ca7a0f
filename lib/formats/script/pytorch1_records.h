// The container of torch 1.0's first TorchScript archives, before they became zip archives.
//
//   0    "PYTORCH1" | u64 version of the container | padding to 64
//   64   records: u64 tag 1 | u64 size | padding to 64 | bytes | padding to 64
//        footer:  u64 tag 2 | u64 offset of the last record, which is the JSON text of the module tree | padding to 64
//
// Numbers are little-endian, padding is EF. Records have no names: the JSON text calls each by the offset at which it
// begins. Source: torch/csrc/jit/serialization of torch 1.0 (inline_container.h).
#pragma once

#include <span>
#include <vector>

#include "lib/base/finding.h"
#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/container/zip.h"

namespace pthview {

bool LooksLikePyTorch1(std::span<const std::byte> head);

// The records, each under its offset in decimal; the one of the module tree is called "model.json". Where there is no
// footer the last record is taken for it, and a finding says so. kTruncated when there is none at all.
Result<std::vector<PlainRecord>> ReadPyTorch1(const ByteSource& source, Findings* findings);

}  // namespace pthview
