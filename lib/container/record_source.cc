#include "lib/container/record_source.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>

#include "lib/container/gzip.h"

namespace pthview {
namespace {

class RecordSource : public ByteSource {
 public:
  RecordSource(const ByteSource& archive, const ZipRecord& record, size_t swap_width)
      : archive_(archive), record_(record), record_name_(record.name), swap_width_(swap_width) {}

  uint64_t size() const override { return record_.size; }
  const std::string& name() const override { return archive_.name(); }
  Status CheckUnchanged() const override { return archive_.CheckUnchanged(); }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    std::lock_guard lock(mutex_);
    if (!bytes_) {
      auto loaded = Load();
      if (!loaded) return std::move(loaded).error().At(record_name_, 0).In(archive_.name());
      bytes_ = std::move(*loaded);
    }
    if (offset > bytes_->size() || out.size() > bytes_->size() - offset) {
      return Error{.code = ErrorCode::kTruncated,
                   .message = "the record ends before byte " + std::to_string(offset + out.size()),
                   .file = archive_.name(),
                   .record = record_name_,
                   .offset = offset};
    }
    std::memcpy(out.data(), bytes_->data() + offset, out.size());
    return Ok();
  }

 private:
  Result<std::vector<std::byte>> Load() const {
    auto bytes = record_.method == 0
                     ? archive_.Read(record_.offset, record_.stored)
                     : Inflate(archive_, record_.offset, record_.stored, {.limit = record_.size, .size = record_.size});
    if (!bytes) return bytes;
    for (size_t i = 0; swap_width_ > 1 && i + swap_width_ <= bytes->size(); i += swap_width_) {
      std::reverse(bytes->data() + i, bytes->data() + i + swap_width_);
    }
    return bytes;
  }

  const ByteSource& archive_;
  ZipRecord record_;
  std::string record_name_;
  size_t swap_width_;
  mutable std::mutex mutex_;
  mutable std::optional<std::vector<std::byte>> bytes_;
};

}  // namespace

std::unique_ptr<ByteSource> OpenRecord(const ByteSource& archive, const ZipRecord& record, size_t swap_width) {
  return std::make_unique<RecordSource>(archive, record, swap_width);
}

}  // namespace pthview
