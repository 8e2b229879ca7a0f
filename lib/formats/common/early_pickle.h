// The pickle of a torch.save archive, read while the archive itself is still being opened.
//
// Of a checkpoint of 50,000 tensors the pickle and the archive's records take about the same time, and neither needs
// the other. What is read early counts only when the opened archive then says that the record stands just there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/container/zip.h"
#include "lib/pickle/value.h"

namespace pthview {

struct EarlyPickle {
  uint64_t offset = 0;  // of the record's data in the source
  uint64_t size = 0;
  Result<pickle::Tree> tree;

  bool IsOf(const ZipRecord& record) const {
    return record.readable && record.method == 0 && record.offset == offset && record.size == size;
  }
};

// The record data.pkl, when it is stored and among these, where torch.save puts it. nullopt when it is not there or
// its bytes cannot be read.
std::optional<EarlyPickle> ReadPickleEarly(const ByteSource& source, std::span<const ZipRecord> first);

}  // namespace pthview
