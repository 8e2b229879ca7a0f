#include "lib/formats/spread/pieces.h"

#include <algorithm>
#include <utility>

namespace pthview {
namespace {

class JoinedSource : public ByteSource {
 public:
  JoinedSource(std::string name, std::vector<Piece> pieces) : name_(std::move(name)), pieces_(std::move(pieces)) {
    for (const Piece& piece : pieces_) {
      starts_.push_back(size_);
      size_ += piece.length;
    }
  }

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }

  Status CheckUnchanged() const override {
    for (const Piece& piece : pieces_) PTHVIEW_TRY(piece.source->CheckUnchanged());
    return Ok();
  }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) {
      return Error{.code = ErrorCode::kTruncated, .message = "it ends before", .file = name_, .offset = offset};
    }
    auto i = static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), offset) - starts_.begin());
    for (i = i == 0 ? 0 : i - 1; !out.empty(); ++i) {
      uint64_t within = offset - starts_[i];
      uint64_t count = std::min<uint64_t>(pieces_[i].length - within, out.size());
      PTHVIEW_TRY(pieces_[i].source->ReadAt(pieces_[i].offset + within, out.first(count)));
      out = out.subspan(count);
      offset += count;
    }
    return Ok();
  }

 private:
  std::string name_;
  std::vector<Piece> pieces_;
  std::vector<uint64_t> starts_;
  uint64_t size_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> Join(std::string name, std::vector<Piece> pieces) {
  return std::make_unique<JoinedSource>(std::move(name), std::move(pieces));
}

}  // namespace pthview
