#include "lib/container/record_source.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "lib/container/slice_source.h"
#include "lib/container/unpacked_source.h"

namespace pthview {
namespace {

// Says of which record an error is, and turns numbers around.
class RecordSource : public ByteSource {
 public:
  RecordSource(std::unique_ptr<ByteSource> bytes, std::string record, size_t swap_width)
      : bytes_(std::move(bytes)), record_(std::move(record)), width_(std::max<size_t>(swap_width, 1)) {}

  uint64_t size() const override { return bytes_->size(); }
  const std::string& name() const override { return bytes_->name(); }
  Status CheckUnchanged() const override { return bytes_->CheckUnchanged(); }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    Status status = width_ > 1 && !out.empty() ? ReadSwapped(offset, out) : bytes_->ReadAt(offset, out);
    if (status) return status;
    Error error = std::move(status).error();
    error.record = record_;
    return error;
  }

 private:
  // Whole groups are read, of which a part may be wanted. Bytes behind the last whole group stay as they are.
  Status ReadSwapped(uint64_t offset, std::span<std::byte> out) const {
    const uint64_t whole = size() - size() % width_;
    const auto skip = static_cast<size_t>(offset % width_);
    const size_t tail = (width_ - (skip + out.size()) % width_) % width_;
    if (offset >= whole || (skip == 0 && tail == 0)) {
      PTHVIEW_TRY(bytes_->ReadAt(offset, out));
      if (offset < whole) Swap(out);
      return Ok();
    }
    if (offset > size() || out.size() > size() - offset) return bytes_->ReadAt(offset, out);  // for its error
    const uint64_t begin = offset - skip;
    std::vector<std::byte> groups(static_cast<size_t>(std::min<uint64_t>(size() - begin, skip + out.size() + tail)));
    PTHVIEW_TRY(bytes_->ReadAt(begin, groups));
    Swap(groups);
    std::memcpy(out.data(), groups.data() + skip, out.size());
    return Ok();
  }

  void Swap(std::span<std::byte> bytes) const {
    for (size_t i = 0; i + width_ <= bytes.size(); i += width_) {
      std::reverse(bytes.data() + i, bytes.data() + i + width_);
    }
  }

  std::unique_ptr<ByteSource> bytes_;
  std::string record_;
  size_t width_;
};

}  // namespace

std::unique_ptr<ByteSource> OpenSwapped(std::unique_ptr<ByteSource> bytes, std::string record, size_t swap_width) {
  return std::make_unique<RecordSource>(std::move(bytes), std::move(record), swap_width);
}

std::unique_ptr<ByteSource> OpenRecord(const ByteSource& archive, const ZipRecord& record, size_t swap_width) {
  std::shared_ptr<const ByteSource> base(std::shared_ptr<void>(), &archive);  // not owned
  auto bytes = record.method == 0 ? OpenSlice(base, record.offset, record.stored, archive.name())
                                  : OpenUnpackedRecord(base, record.offset, record.stored, record.size, archive.name());
  return std::make_unique<RecordSource>(std::move(bytes), std::string(record.name), swap_width);
}

}  // namespace pthview
