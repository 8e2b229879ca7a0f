#include "lib/formats/weights/npy_header.h"

#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/bytes.h"

namespace pthview {
namespace {

constexpr uint64_t kPrefix = 12;
constexpr uint64_t kLongestHeader = uint64_t{1} << 20;  // records with thousands of fields

// Reads the dict from left to right; what it does not know it passes over.
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_(text) {}

  // Offset of the first thing that is wrong; nullopt when the dict is whole.
  std::optional<size_t> Parse(NpyHeader* header) {
    bool descr = false;
    bool shape = false;
    if (!Take('{')) return at_;
    while (!Take('}')) {
      std::string key;
      if (!Text(&key) || !Take(':')) return at_;
      if (key == "descr") {
        descr = Value(&header->descr);
        if (!descr) return at_;
      } else if (key == "fortran_order") {
        std::string value;
        if (!Value(&value)) return at_;
        header->fortran_order = value == "True";
      } else if (key == "shape") {
        shape = Shape(&header->shape);
        if (!shape) return at_;
      } else {
        std::string value;
        if (!Value(&value)) return at_;
      }
      if (!Take(',')) {
        if (!Take('}')) return at_;
        break;
      }
    }
    return descr && shape ? std::nullopt : std::optional(at_);
  }

 private:
  void SkipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  bool Take(char c) {
    SkipBlanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool Text(std::string* text) {
    SkipBlanks();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return false;
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == text_.npos) return false;
    *text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }

  // A text without its quotes; a word, list or tuple as it stands there.
  bool Value(std::string* value) {
    if (Text(value)) return true;
    SkipBlanks();
    const size_t begin = at_;
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '(' || c == '[' || c == '{') ++depth;
      if (depth == 0 && (c == ',' || c == '}')) break;
      if (c == ')' || c == ']' || c == '}') --depth;
    }
    *value = text_.substr(begin, at_ - begin);
    return at_ > begin && depth == 0;
  }

  bool Shape(std::vector<int64_t>* shape) {
    if (!Take('(')) return false;
    while (!Take(')')) {
      SkipBlanks();
      int64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) return false;
      at_ = static_cast<size_t>(end - text_.data());
      Take('L');  // Python 2
      shape->push_back(size);
      if (!Take(',')) return Take(')');
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

Error Corrupt(uint64_t offset, std::string message) {
  return Error{.code = ErrorCode::kCorrupt, .message = std::move(message), .offset = offset};
}

}  // namespace

Result<NpyHeader> ReadNpyHeader(const ByteSource& source, uint64_t offset) {
  if (offset > source.size() || source.size() - offset < kPrefix) return Corrupt(offset, "too short for a NumPy array");
  std::byte prefix[kPrefix];
  PTHVIEW_TRY(source.ReadAt(offset, prefix));
  if (std::string_view(reinterpret_cast<const char*>(prefix), 6) != "\x93NUMPY") {
    return Corrupt(offset, "a NumPy array begins with another text");
  }
  const bool wide = static_cast<uint8_t>(prefix[6]) >= 2;
  const uint64_t length = wide ? LoadLittle<uint32_t>(prefix + 8) : LoadLittle<uint16_t>(prefix + 8);
  const uint64_t begin = wide ? 12 : 10;
  if (length > kLongestHeader || length > source.size() - offset - begin) {
    return Corrupt(offset + 8, fmt::format("a NumPy header of {} bytes, more than there are or than the {} allowed",
                                           length, kLongestHeader));
  }
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, source.Read(offset + begin, length));
  NpyHeader header;
  header.data = begin + length;
  const auto wrong = HeaderText({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).Parse(&header);
  if (wrong) return Corrupt(offset + begin + *wrong, "the NumPy header is not the dict that it should be");
  header.objects = header.descr.find('O') != std::string::npos;
  return header;
}

}  // namespace pthview
