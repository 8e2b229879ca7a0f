// The hash tables behind ZipArchive::Find.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/text_hash.h"
#include "lib/container/zip.h"

namespace pthview {

// Record numbers by name, open addressing. Of records of one name only the first inserted is held, so that an archive
// of a million twins costs no more than another.
class NameTable {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  // `fold`: names that differ by ASCII case only are one name. `records` must stay where they are.
  NameTable(std::span<const ZipRecord> records, bool fold);

  // The record that holds the name of `record`: itself, unless an earlier one has the name already.
  uint32_t Insert(uint32_t record);
  // kNone when there is none.
  uint32_t Find(std::string_view name) const;

 private:
  struct Slot {
    uint32_t tag = 0;  // upper half of the hash, so that few names are compared
    uint32_t record = kNone;
  };
  uint64_t HashOf(std::string_view name) const;
  size_t Probe(std::string_view name, uint64_t hash) const;

  std::span<const ZipRecord> records_;
  bool fold_;
  TextHash hash_;
  std::vector<Slot> slots_;
};

struct ZipArchive::Index {
  NameTable folded;
  bool name_twins = false;         // several records have one and the same name
  std::optional<NameTable> exact;  // only when case alone tells some records apart
};

}  // namespace pthview
