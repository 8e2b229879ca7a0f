#include "lib/base/distant_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/file_source.h"

namespace pthview {
namespace {

constexpr size_t kRecentRuns = 8;  // streams that are read side by side

}  // namespace

DistantSource::DistantSource(std::string name, uint64_t size, std::vector<std::byte> head,
                             std::unique_ptr<RangeReader> reader, std::shared_ptr<BlockCache> cache)
    : name_(std::move(name)),
      size_(size),
      head_(std::move(head)),
      reader_(std::move(reader)),
      cache_(std::move(cache)),
      id_(cache_->NewFile()) {
  const uint64_t count = head_.size() / kBlock;
  if (count > 0) recent_.push_back({count, count});
}

Status DistantSource::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  PTHVIEW_TRY(CheckInside(*this, offset, out.size()));
  PTHVIEW_TRY(CheckAssumptions(offset, out.size()));
  return Raw(offset, out);
}

Status DistantSource::Raw(uint64_t offset, std::span<std::byte> out) const {
  if (offset < head_.size()) {
    const size_t count = std::min<size_t>(out.size(), head_.size() - static_cast<size_t>(offset));
    if (count > 0) std::memcpy(out.data(), head_.data() + offset, count);
    offset += count;
    out = out.subspan(count);
  }
  while (!out.empty()) {
    const uint64_t block = offset / kBlock;
    const uint64_t within = offset % kBlock;
    const size_t count = static_cast<size_t>(std::min<uint64_t>(out.size(), kBlock - within));
    if (cache_->Copy(id_, block, static_cast<size_t>(within), out.first(count))) {
      offset += count;
      out = out.subspan(count);
      continue;
    }
    std::lock_guard lock(fetching_);
    if (cache_->Has(id_, block)) continue;  // another thread's doing
    uint64_t length = std::min<uint64_t>(out.size(), kLargestFetch - within);
    const uint64_t end = FirstHad(block + 1, (offset + length + kBlock - 1) / kBlock);
    length = std::min(length, end * kBlock - offset);
    PTHVIEW_TRY(Fetch(block, end, offset, out.first(static_cast<size_t>(length))));
    offset += length;
    out = out.subspan(static_cast<size_t>(length));
  }
  return Ok();
}

// The first of the blocks [block, end) that is in the cache, where another stream may be reading; or `end`.
uint64_t DistantSource::FirstHad(uint64_t block, uint64_t end) const {
  while (block < end && !cache_->Has(id_, block)) ++block;
  return block;
}

// Which blocks to fetch for [first, needed_end): [*start, the result's end).
DistantSource::Run DistantSource::Plan(uint64_t first, uint64_t needed_end, uint64_t* start) const {
  constexpr uint64_t kMost = kLargestFetch / kBlock;
  const uint64_t blocks = (size_ + kBlock - 1) / kBlock;
  uint64_t count = needed_end - first;
  auto before = std::find_if(recent_.begin(), recent_.end(), [&](const Run& run) { return run.end == first; });
  if (before != recent_.end()) {
    count = std::max(count, std::min(kMost, before->count * 2));
    recent_.erase(before);
  }
  const uint64_t end = FirstHad(needed_end, std::max(needed_end, std::min(blocks, first + count)));
  *start = first;
  if (needed_end == blocks) {  // near the end
    const uint64_t tail = blocks - std::min(blocks, kTail / kBlock);
    while (*start > tail && *start * kBlock > head_.size() && !cache_->Has(id_, *start - 1)) --*start;
  }
  return {end, count};
}

// Fetches what [first, needed_end) lacks, and copies [offset, offset + out.size()), which lies within it.
Status DistantSource::Fetch(uint64_t first, uint64_t needed_end, uint64_t offset, std::span<std::byte> out) const {
  uint64_t start = first;
  Run run = Plan(first, needed_end, &start);
  const uint64_t begin = start * kBlock;
  std::vector<std::byte> bytes(static_cast<size_t>(std::min(size_, run.end * kBlock) - begin));
  PTHVIEW_TRY(reader_->Fetch(begin, bytes));
  std::memcpy(out.data(), bytes.data() + (offset - begin), out.size());
  for (size_t at = 0; at < bytes.size(); at += kBlock) {
    cache_->Put(id_, start + at / kBlock, std::span(bytes).subspan(at, std::min<size_t>(kBlock, bytes.size() - at)));
  }
  recent_.insert(recent_.begin(), run);
  if (recent_.size() > kRecentRuns) recent_.pop_back();
  return Ok();
}

void DistantSource::Assume(const std::vector<Assumption>& assumptions) const {
  std::lock_guard lock(assuming_);
  for (const Assumption& assumption : assumptions) assumed_.push_back({assumption});
  std::stable_sort(assumed_.begin(), assumed_.end(),
                   [](const Assumed& a, const Assumed& b) { return a.begin < b.begin; });
}

Status DistantSource::CheckAssumptions(uint64_t offset, uint64_t length) const {
  std::lock_guard lock(assuming_);
  auto after = std::lower_bound(assumed_.begin(), assumed_.end(), offset + length,
                                [](const Assumed& assumed, uint64_t end) { return assumed.begin < end; });
  while (after != assumed_.begin()) {
    Assumed& assumed = *--after;
    if (assumed.end <= offset) break;
    if (assumed.holds) continue;
    std::byte bytes[8] = {};
    PTHVIEW_TRY(CheckInside(*this, assumed.at, assumed.length));
    PTHVIEW_TRY(Raw(assumed.at, std::span(bytes).first(assumed.length)));
    uint64_t value = 0;
    std::memcpy(&value, bytes, sizeof(value));
    assumed.holds = value == assumed.value;
    if (assumed.holds) continue;
    Error error{.code = ErrorCode::kCorrupt,
                .message = "the header in front of the data says something else than the file's directory",
                .file = name_,
                .hint = "download the file and look at the copy: all headers are compared there"};
    error.offset = assumed.at;
    return error;
  }
  return Ok();
}

const DistantSource* WorthAssuming(const ByteSource& source) {
  const auto* distant = dynamic_cast<const DistantSource*>(&source);
  return distant != nullptr && distant->size() >= DistantSource::kWorthAssuming ? distant : nullptr;
}

bool IsWholeFile(const ByteSource& source) {
  return source.descriptor() >= 0 || dynamic_cast<const DistantSource*>(&source) != nullptr;
}

}  // namespace pthview
