// Looking up records by name, and noticing names that stand for more than one record.
#include "lib/container/zip_index.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "lib/container/zip_internal.h"

namespace pthview {
namespace {

// ASCII capitals of eight characters at once become small; every other byte stays. A byte's top bit is set in
// `from_a` when its low seven bits are at least 'A', in `past_z` when they are beyond 'Z'.
uint64_t Lower8(uint64_t word) {
  constexpr uint64_t kEach = 0x0101010101010101;
  const uint64_t low = word & 0x7f * kEach;
  const uint64_t from_a = low + (0x80 - 'A') * kEach;
  const uint64_t past_z = low + (0x7f - 'Z') * kEach;
  return word | ((from_a ^ past_z) & ~word & 0x80 * kEach) >> 2;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool SameFolded(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

}  // namespace

NameTable::NameTable(std::span<const ZipRecord> records, bool fold)
    : records_(records), fold_(fold), slots_(std::bit_ceil(std::max<size_t>(16, records.size() * 2))) {}

uint64_t NameTable::HashOf(std::string_view name) const { return fold_ ? hash_.Of(name, Lower8) : hash_(name); }

// The slot that holds the name, or the free one where it would go.
size_t NameTable::Probe(std::string_view name, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.record == kNone) return i;
    if (slot.tag != hash >> 32) continue;
    const std::string_view there = records_[slot.record].name;
    if (there == name || (fold_ && SameFolded(there, name))) return i;
  }
}

uint32_t NameTable::Insert(uint32_t record) {
  const uint64_t hash = HashOf(records_[record].name);
  Slot& slot = slots_[Probe(records_[record].name, hash)];
  if (slot.record == kNone) slot = {static_cast<uint32_t>(hash >> 32), record};
  return slot.record;
}

uint32_t NameTable::Find(std::string_view name) const { return slots_[Probe(name, HashOf(name))].record; }

std::vector<uint32_t> ZipArchive::BuildIndex() {
  index_ = std::make_shared<Index>(Index{NameTable(records_, true), false, std::nullopt});
  std::vector<uint32_t> twins;
  for (uint32_t i = 0; i < records_.size(); ++i) {
    if (index_->folded.Insert(i) != i) twins.push_back(i);
  }
  return twins;
}

void ZipArchive::ReportTwins(std::span<const uint32_t> twins, Findings* findings) {
  const auto report_twin = [&](const ZipRecord& record) {
    index_->name_twins = true;
    findings->Add(Severity::kDanger, "zip-name-twins", zip::Where(record),
                  "Several records have this name. The first is read here; Python reads the last, torch either.");
  };
  const auto first_of = [&](uint32_t twin) -> const ZipRecord& {
    return records_[index_->folded.Find(records_[twin].name)];
  };
  bool case_twins = false;
  for (uint32_t i : twins) {
    const ZipRecord& first = first_of(i);
    if (first.name == records_[i].name) {
      report_twin(first);
      continue;
    }
    case_twins = true;
    findings->Add(
        Severity::kDanger, "zip-case-twins", zip::Where(records_[i]),
        "The name differs from `" + zip::Where(first) + "` only by case, which torch ignores: it may read either.");
  }
  if (!case_twins) return;
  index_->exact.emplace(records_, false);
  for (uint32_t i = 0; i < records_.size(); ++i) {
    if (index_->exact->Insert(i) == i) continue;
    // Twins of the first spelling are reported above.
    if (first_of(i).name != records_[i].name) report_twin(records_[i]);
  }
}

const ZipRecord* ZipArchive::Find(std::string_view full_name) const {
  uint32_t found = index_->exact ? index_->exact->Find(full_name) : NameTable::kNone;
  if (found == NameTable::kNone) found = index_->folded.Find(full_name);
  return found == NameTable::kNone ? nullptr : &records_[found];
}

const ZipRecord* ZipArchive::Find(std::string_view full_name, size_t guess) const {
  if (guess < records_.size() && !index_->name_twins && records_[guess].name == full_name) return &records_[guess];
  return Find(full_name);
}

const ZipRecord* ZipArchive::FindInPrefix(std::string_view name) const {
  if (prefix_.empty()) return Find(name);
  std::string full;
  full.reserve(prefix_.size() + 1 + name.size());
  full.append(prefix_).append("/").append(name);
  return Find(full);
}

}  // namespace pthview
