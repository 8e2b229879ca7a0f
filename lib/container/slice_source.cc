#include "lib/container/slice_source.h"

#include <algorithm>
#include <utility>

namespace pthview {
namespace {

class SliceSource : public InsideSource {
 public:
  SliceSource(std::shared_ptr<const ByteSource> base, uint64_t offset, uint64_t length, std::string name,
              std::shared_ptr<UnpackAllowance> allowance)
      : base_(std::move(base)),
        offset_(offset),
        length_(length),
        name_(std::move(name)),
        allowance_(std::move(allowance)) {}

  uint64_t size() const override { return length_; }
  const std::string& name() const override { return name_; }
  Status CheckUnchanged() const override { return base_->CheckUnchanged(); }
  std::shared_ptr<UnpackAllowance> allowance() const override {
    const auto* inside = allowance_ ? nullptr : dynamic_cast<const InsideSource*>(base_.get());
    return inside != nullptr ? inside->allowance() : allowance_;
  }

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
  std::shared_ptr<UnpackAllowance> allowance_;
};

class SharedSource : public InsideSource {
 public:
  explicit SharedSource(std::shared_ptr<const ByteSource> base) : base_(std::move(base)) {}

  uint64_t size() const override { return base_->size(); }
  const std::string& name() const override { return base_->name(); }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override { return base_->ReadAt(offset, out); }
  Status CheckUnchanged() const override { return base_->CheckUnchanged(); }
  int descriptor() const override { return base_->descriptor(); }
  std::string real_path() const override { return base_->real_path(); }
  std::shared_ptr<UnpackAllowance> allowance() const override {
    const auto* inside = dynamic_cast<const InsideSource*>(base_.get());
    return inside != nullptr ? inside->allowance() : nullptr;
  }

 private:
  std::shared_ptr<const ByteSource> base_;
};

}  // namespace

std::unique_ptr<ByteSource> ShareSource(std::shared_ptr<const ByteSource> base) {
  return std::make_unique<SharedSource>(std::move(base));
}

std::unique_ptr<ByteSource> OpenSlice(std::shared_ptr<const ByteSource> base, uint64_t offset, uint64_t length,
                                      std::string name, std::shared_ptr<UnpackAllowance> allowance) {
  offset = std::min(offset, base->size());
  length = std::min(length, base->size() - offset);
  return std::make_unique<SliceSource>(std::move(base), offset, length, std::move(name), std::move(allowance));
}

}  // namespace pthview
