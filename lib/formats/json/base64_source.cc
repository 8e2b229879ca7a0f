#include "lib/formats/json/base64_source.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

namespace pthview {
namespace {

constexpr uint8_t kNotADigit = 0xFF;
constexpr std::array<uint8_t, 256> kValues = [] {
  std::array<uint8_t, 256> table{};
  table.fill(kNotADigit);
  for (int i = 0; i < 26; ++i) {
    table['A' + i] = static_cast<uint8_t>(i);
    table['a' + i] = static_cast<uint8_t>(26 + i);
  }
  for (int i = 0; i < 10; ++i) table['0' + i] = static_cast<uint8_t>(52 + i);
  table['+'] = 62;
  table['/'] = 63;
  return table;
}();

constexpr uint64_t kGroupsAtOnce = 1 << 16;

class Base64Source : public ByteSource {
 public:
  Base64Source(std::shared_ptr<const ByteSource> text, uint64_t begin, uint64_t size)
      : text_(std::move(text)), begin_(begin), size_(size) {}

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return text_->name(); }
  Status CheckUnchanged() const override { return text_->CheckUnchanged(); }

  // Four digits are three bytes:   aaaaaabb bbbbcccc ccdddddd
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) {
      return Error{.code = ErrorCode::kTruncated, .message = "the base64 text is shorter than that", .file = name()};
    }
    std::vector<std::byte> digits;
    while (!out.empty()) {
      uint64_t group = offset / 3;
      uint64_t skip = offset % 3;
      uint64_t groups = std::min<uint64_t>((skip + out.size() + 2) / 3, kGroupsAtOnce);
      digits.resize(static_cast<size_t>(groups * 4));
      PTHVIEW_TRY(text_->ReadAt(begin_ + group * 4, digits));
      std::byte bytes[3];
      for (size_t i = 0; i < digits.size() && !out.empty(); i += 4) {
        uint64_t first = (group + i / 4) * 3;
        PTHVIEW_TRY(Decode(&digits[i], std::min<uint64_t>(3, size_ - first), begin_ + group * 4 + i, bytes));
        size_t take = std::min<size_t>(3 - skip, out.size());
        std::memcpy(out.data(), bytes + skip, take);
        out = out.subspan(take);
        offset += take;
        skip = 0;
      }
    }
    return Ok();
  }

 private:
  // `count` bytes (1 to 3) of one group, which stands at byte `at` of the text.
  Status Decode(const std::byte* digits, uint64_t count, uint64_t at, std::byte* bytes) const {
    uint32_t bits = 0;
    uint32_t invalid = 0;
    for (uint64_t i = 0; i < 4; ++i) {
      uint8_t value = i <= count ? kValues[std::to_integer<uint8_t>(digits[i])] : 0;
      invalid |= value & 0xC0U;
      bits = bits << 6 | (value & 63U);
    }
    if (invalid != 0) {
      return Error{.code = ErrorCode::kCorrupt, .message = "not base64", .file = name(), .offset = at};
    }
    for (int i = 0; i < 3; ++i) bytes[i] = static_cast<std::byte>(bits >> (16 - 8 * i));
    return Ok();
  }

  std::shared_ptr<const ByteSource> text_;
  uint64_t begin_;
  uint64_t size_;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenBase64(std::shared_ptr<const ByteSource> text, uint64_t begin,
                                               uint64_t length) {
  if (length % 4 != 0) {
    return Error{.code = ErrorCode::kCorrupt, .message = "base64 comes in groups of four digits", .offset = begin};
  }
  uint64_t size = length / 4 * 3;
  if (length > 0) {
    std::byte last[2];
    PTHVIEW_TRY(text->ReadAt(begin + length - 2, last));
    size -= last[0] == std::byte{'='} ? 2 : last[1] == std::byte{'='} ? 1 : 0;
  }
  return std::unique_ptr<ByteSource>(std::make_unique<Base64Source>(std::move(text), begin, size));
}

}  // namespace pthview
