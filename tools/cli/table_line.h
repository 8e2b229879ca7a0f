// One line of a table, put together in place.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace pthview {

// Put together in place: there may be 50,000 of them.
class Line {
 public:
  void Clear() { size_ = 0; }
  std::string_view text() const { return {buffer_.data(), size_}; }

  void Text(std::string_view text) {
    Reserve(text.size());
    std::memcpy(buffer_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void Spaces(size_t count) {
    Reserve(count);
    std::memset(buffer_.data() + size_, ' ', count);
    size_ += count;
  }
  // `text`, whose width on a terminal is given, filled up to a column's width.
  void Left(std::string_view text, size_t width, size_t column) {
    Text(text);
    Fill(width, column);
  }
  void Left(std::string_view text, size_t column) { Left(text, text.size(), column); }
  // Takes blanks from the end.
  void Trim() {
    while (size_ > 0 && buffer_[size_ - 1] == ' ') --size_;
  }
  // A number with commas, to the right of a column.
  void Number(uint64_t number, size_t column) {
    char digits[32];
    char* at = digits + sizeof(digits);
    for (int count = 0; count == 0 || number != 0; ++count) {
      if (count > 0 && count % 3 == 0) *--at = ',';
      *--at = static_cast<char>('0' + number % 10);
      number /= 10;
    }
    auto size = static_cast<size_t>(digits + sizeof(digits) - at);
    if (size < column) Spaces(column - size);
    Text({at, size});
  }
  void Shape(std::span<const int64_t> shape, size_t column) {
    size_t before = size_;
    Reserve(2 + shape.size() * 22);
    char* at = buffer_.data() + size_;
    *at++ = '[';
    for (size_t i = 0; i < shape.size(); ++i) {
      if (i > 0) {
        *at++ = ',';
        *at++ = ' ';
      }
      at = std::to_chars(at, at + 20, shape[i]).ptr;
    }
    *at++ = ']';
    size_ = static_cast<size_t>(at - buffer_.data());
    Fill(size_ - before, column);
  }

 private:
  void Fill(size_t width, size_t column) {
    if (column > 0) Spaces(width < column ? column - width : 2);
  }

  void Reserve(size_t more) {
    if (buffer_.size() - size_ < more) [[unlikely]]
      Grow(more);
  }
  [[gnu::noinline]] void Grow(size_t more) { buffer_.resize(std::max(buffer_.size() * 2, size_ + more)); }
  std::vector<char> buffer_ = std::vector<char>(4096);
  size_t size_ = 0;
};

}  // namespace pthview
