#include "lib/container/slice_source.h"

#include <algorithm>
#include <utility>

namespace pthview {
namespace {

class SliceSource : public ByteSource {
 public:
  SliceSource(std::shared_ptr<const ByteSource> base, uint64_t offset, uint64_t length, std::string name)
      : base_(std::move(base)), offset_(offset), length_(length), name_(std::move(name)) {}

  uint64_t size() const override { return length_; }
  const std::string& name() const override { return name_; }
  Status CheckUnchanged() const override { return base_->CheckUnchanged(); }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > length_ || out.size() > length_ - offset) {
      return Error{.code = ErrorCode::kTruncated,
                   .message = "it ends at byte " + std::to_string(length_) + ", but " + std::to_string(out.size()) +
                              " bytes are expected here",
                   .file = name_,
                   .offset = offset};
    }
    return base_->ReadAt(offset_ + offset, out);
  }

 private:
  std::shared_ptr<const ByteSource> base_;
  uint64_t offset_;
  uint64_t length_;
  std::string name_;
};

}  // namespace

std::unique_ptr<ByteSource> OpenSlice(std::shared_ptr<const ByteSource> base, uint64_t offset, uint64_t length,
                                      std::string name) {
  offset = std::min(offset, base->size());
  length = std::min(length, base->size() - offset);
  return std::make_unique<SliceSource>(std::move(base), offset, length, std::move(name));
}

}  // namespace pthview
