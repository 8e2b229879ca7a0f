#include "lib/container/unpacked_source.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "lib/base/block_cache.h"
#include "lib/base/checked.h"
#include "lib/base/progress.h"
#include "lib/container/gzip.h"
#include "lib/container/packed_data.h"
#include "lib/container/packed_deflate.h"
#include "lib/container/packed_stream.h"
#include "lib/container/packed_xz.h"
#include "lib/container/pass_pool.h"

namespace pthview {
namespace {

constexpr uint64_t kBlock = uint64_t{1} << 20;
constexpr uint64_t kCacheBytes = uint64_t{64} << 20;
constexpr uint64_t kPassBytes = uint64_t{64} << 20;
constexpr uint64_t kLongWay = uint64_t{64} << 20;  // worth a progress line
constexpr char kGzipHint[] = "unpack the file with `gunzip -k` if it is trusted, and open what comes out";
constexpr char kXzHint[] = "unpack the file with `unxz -k` if it is trusted, and open what comes out";
constexpr char kZipHint[] = "unpack the file with `unzip` if it is trusted, and open what comes out";

// Both are of all sources, so that an archive of a thousand packed records takes no more than one of them. Never
// destroyed: other threads may still read when the program ends.
BlockCache& Blocks() {
  static auto& blocks = *new BlockCache(kCacheBytes);
  return blocks;
}

PassPool& Passes() {
  static auto& passes = *new PassPool(kPassBytes);
  return passes;
}

// Bounds what is unpacked in vain: on the way to what is wanted, and again because it is no longer kept. Tensors that
// lie in the worst order would otherwise make hours of work of a small file. What a session of minutes asks for comes
// on top.
class DetourBudget {
 public:
  DetourBudget(uint64_t packed, uint64_t unpacked)
      : most_(SaturatingMulAdd(packed, kTimesPacked, SaturatingMulAdd(unpacked, kTimesUnpacked, kLeast))) {}

  void Spend(uint64_t bytes) { spent_ = SaturatingMulAdd(1, bytes, spent_); }

  Status Check(const char* hint) const {
    if (spent_ <= most_) return Ok();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin_);
    if ((spent_ - most_) / kASecond < static_cast<uint64_t>(seconds.count())) return Ok();
    return Error{.code = ErrorCode::kLimit,
                 .message = "reading its parts in this order unpacks the same bytes over and over, more than the " +
                            std::to_string(most_) +
                            " bytes that are allowed (64 times its packed size, 4 times its unpacked one, and 256 MB)",
                 .hint = hint};
  }

 private:
  static constexpr uint64_t kTimesPacked = 64;
  static constexpr uint64_t kTimesUnpacked = 4;
  static constexpr uint64_t kLeast = uint64_t{256} << 20;
  static constexpr uint64_t kASecond = uint64_t{1} << 20;
  uint64_t most_;
  uint64_t spent_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

class UnpackedSource : public InsideSource {
 public:
  UnpackedSource(std::string name, std::shared_ptr<const ByteSource> packed, std::unique_ptr<PackedData> data,
                 uint64_t packed_bytes, std::shared_ptr<UnpackAllowance> allowance, const char* hint)
      : name_(std::move(name)),
        packed_(std::move(packed)),
        data_(std::move(data)),
        allowance_(std::move(allowance)),
        hint_(hint),
        packed_bytes_(packed_bytes),
        size_(data_->size()),
        file_(Blocks().NewFile()),
        budget_(packed_bytes_, size_) {}
  ~UnpackedSource() override {
    Passes().DropFile(file_);
    Blocks().DropFile(file_);
  }

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  Status CheckUnchanged() const override { return packed_->CheckUnchanged(); }
  std::shared_ptr<UnpackAllowance> allowance() const override { return allowance_; }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) {
      return Error{.code = ErrorCode::kTruncated,
                   .message = "it ends at byte " + std::to_string(size_) + ", but " + std::to_string(out.size()) +
                              " bytes are expected here",
                   .file = name_,
                   .offset = offset};
    }
    while (!out.empty()) {
      const uint64_t block = offset / kBlock;
      const auto from = static_cast<size_t>(offset % kBlock);
      const std::span<std::byte> piece = out.first(std::min<size_t>(out.size(), kBlock - from));
      if (!Blocks().Copy(file_, block, from, piece)) {
        if (Status status = Unpack(block, from, piece); !status) return Located(std::move(status).error());
      }
      offset += piece.size();
      out = out.subspan(piece.size());
    }
    return Ok();
  }

  // From end to end, or up to what is wrong, where it then ends. Learns the size of data that does not know it.
  Status GoThrough() {
    size_ = 0;
    Status status = UnpackAll();
    cut_ = !status;
    budget_ = DetourBudget(packed_bytes_, size_);
    return status;
  }

 private:
  Status UnpackAll() {
    PTHVIEW_TRY(allowance_->Take(0, hint_));  // fails when there is nothing left
    PTHVIEW_TRY(TakePacked());
    PTHVIEW_ASSIGN(std::unique_ptr<UnpackPass> pass, data_->Start(0));
    Progress progress("unpacking", packed_bytes_);
    // An archive may hold thousands of small ones.
    const uint64_t most = data_->size() > 0 ? data_->size() : data_->MostUnpacked(packed_bytes_);
    std::vector<std::byte> bytes(static_cast<size_t>(std::min(kBlock, most)));
    size_t written = kBlock;
    for (uint64_t block = 0; written == kBlock; ++block) {
      if (Progress::Interrupted()) return Error{ErrorCode::kInterrupted, "interrupted"};
      const uint64_t packed = pass->packed();
      Status status = pass->Next(bytes, &written);
      if (Status allowed = allowance_->Take(written, hint_); !allowed) {
        allowance_->TakeAll();
        return allowed;
      }
      if (written > 0) Blocks().Put(file_, block, std::span(bytes).first(written));
      size_ += written;
      PTHVIEW_TRY(std::move(status));
      progress.Advance(pass->packed() - packed);
    }
    return Ok();
  }

  // Once, before anything is unpacked.
  Status TakePacked() const {
    if (took_packed_) return Ok();
    PTHVIEW_TRY((allowance_ ? allowance_ : AllowanceOf(*packed_))->TakePacked(packed_bytes_, hint_));
    took_packed_ = true;
    return Ok();
  }

  // Goes to the block, and copies bytes of it. What is unpacked on the way is kept as well.
  Status Unpack(uint64_t block, size_t from, std::span<std::byte> out) const {
    std::lock_guard lock(mutex_);
    if (Blocks().Copy(file_, block, from, out)) return Ok();  // another thread was here
    PTHVIEW_TRY(budget_.Check(hint_));
    PTHVIEW_TRY(TakePacked());
    const uint64_t begin = block * kBlock;
    const uint64_t end = std::min(begin + kBlock, size_);
    PTHVIEW_ASSIGN(std::unique_ptr<UnpackPass> pass, PassBefore(begin));
    const uint64_t way = end - pass->position();
    Progress progress("unpacking", way, way >= kLongWay);
    std::vector<std::byte> bytes(static_cast<size_t>(std::min(kBlock, size_)));
    while (pass->position() < end) {
      if (Progress::Interrupted()) return Error{ErrorCode::kInterrupted, "interrupted"};
      const uint64_t at = pass->position();
      const std::span<std::byte> piece =
          std::span(bytes).first(static_cast<size_t>(std::min(end, (at / kBlock + 1) * kBlock) - at));
      size_t written = 0;
      Status status = pass->Next(piece, &written);
      budget_.Spend(at == begin ? written - std::min(written, out.size()) : written);
      if (!cut_ || written < piece.size()) PTHVIEW_TRY(std::move(status));
      if (written < piece.size()) return Error{ErrorCode::kCorrupt, "the packed data ends early"};
      if (at % kBlock == 0) Blocks().Put(file_, at / kBlock, piece);
      if (at == begin) std::memcpy(out.data(), piece.data() + from, out.size());
      progress.Advance(written);
    }
    if (end < size_) Passes().Put(file_, std::move(pass));
    return Ok();
  }

  // Of the passes that are kept the nearest, or a new one when that would be nearer.
  Result<std::unique_ptr<UnpackPass>> PassBefore(uint64_t offset) const {
    if (auto pass = Passes().Take(file_, data_->StartBefore(offset), offset)) return pass;
    return data_->Start(offset);
  }

  // Offsets in errors of the data are those of packed bytes: whoever reads this source would take them for its own.
  Error Located(Error error) const {
    if (error.file.empty()) error.file = name_;
    if (error.offset && error.record.empty()) {
      error.message += " (at byte " + std::to_string(*error.offset) + " of the packed data)";
      error.offset.reset();
    }
    return error;
  }

  std::string name_;
  std::shared_ptr<const ByteSource> packed_;
  std::unique_ptr<PackedData> data_;
  std::shared_ptr<UnpackAllowance> allowance_;
  const char* hint_;
  uint64_t packed_bytes_;
  uint64_t size_;
  uint64_t file_;     // in the cache
  bool cut_ = false;  // what follows its end is wrong
  mutable std::mutex mutex_;
  mutable DetourBudget budget_;
  mutable bool took_packed_ = false;
};

UnpackedPart SoundPart(std::unique_ptr<UnpackedSource> source) {
  UnpackedPart part;
  if (Status status = source->GoThrough(); !status) part.error = std::move(status).error();
  part.source = std::move(source);
  return part;
}

}  // namespace

UnpackedPart OpenSoundDeflate(std::shared_ptr<const ByteSource> packed, DeflateFormat format, std::string name) {
  const uint64_t length = packed->size();
  auto data = std::make_unique<PackedDeflate>(*packed, 0, length, format, std::nullopt);
  auto allowance = AllowanceOf(*packed);
  return SoundPart(std::make_unique<UnpackedSource>(std::move(name), std::move(packed), std::move(data), length,
                                                    std::move(allowance),
                                                    format == DeflateFormat::kGzip ? kGzipHint : kZipHint));
}

UnpackedPart OpenSoundXz(std::shared_ptr<const ByteSource> packed, std::string name) {
  auto data = PackedXz::Open(*packed);
  if (!data) return {.source = nullptr, .error = std::move(data).error()};
  const uint64_t length = packed->size();
  auto allowance = AllowanceOf(*packed);
  return SoundPart(std::make_unique<UnpackedSource>(std::move(name), std::move(packed), *std::move(data), length,
                                                    std::move(allowance), kXzHint));
}

UnpackedPart OpenSoundStream(std::shared_ptr<const ByteSource> packed, StreamFormat format, std::string name) {
  static constexpr const char* kHints[] = {
      "unpack the file with `bunzip2 -k` if it is trusted, and open what comes out",
      "unpack the file with `unzstd -k` if it is trusted, and open what comes out",
      "unpack the file with another program if it is trusted, and open what comes out",
      "unpack the file with `unlzma -k` if it is trusted, and open what comes out",
  };
  const uint64_t length = packed->size();
  auto data = std::make_unique<PackedStream>(*packed, format);
  auto allowance = AllowanceOf(*packed);
  return SoundPart(std::make_unique<UnpackedSource>(std::move(name), std::move(packed), std::move(data), length,
                                                    std::move(allowance), kHints[static_cast<size_t>(format)]));
}

Result<std::unique_ptr<ByteSource>> OpenUnpackedStream(std::shared_ptr<const ByteSource> packed, StreamFormat format,
                                                       std::string name) {
  UnpackedPart part = OpenSoundStream(std::move(packed), format, std::move(name));
  if (part.error) return std::move(*part.error);
  return std::move(part.source);
}

Result<std::unique_ptr<ByteSource>> OpenUnpackedGzip(std::shared_ptr<const ByteSource> packed, std::string name) {
  UnpackedPart part = OpenSoundDeflate(std::move(packed), DeflateFormat::kGzip, std::move(name));
  if (part.error) return std::move(*part.error);
  return std::move(part.source);
}

Result<std::unique_ptr<ByteSource>> OpenUnpackedXz(std::shared_ptr<const ByteSource> packed, std::string name) {
  PTHVIEW_ASSIGN(std::unique_ptr<PackedXz> data, PackedXz::Open(*packed));
  auto allowance = AllowanceOf(*packed);
  PTHVIEW_TRY(allowance->Take(data->size(), kXzHint));
  const uint64_t length = packed->size();
  return std::unique_ptr<ByteSource>(std::make_unique<UnpackedSource>(
      std::move(name), std::move(packed), std::move(data), length, std::move(allowance), kXzHint));
}

std::unique_ptr<ByteSource> OpenUnpackedRecord(std::shared_ptr<const ByteSource> packed, uint64_t offset,
                                               uint64_t length, uint64_t size, std::string name,
                                               std::shared_ptr<UnpackAllowance> allowance) {
  auto data = std::make_unique<PackedDeflate>(*packed, offset, length, DeflateFormat::kRaw, size);
  return std::make_unique<UnpackedSource>(std::move(name), std::move(packed), std::move(data), length,
                                          std::move(allowance), kZipHint);
}

}  // namespace pthview
