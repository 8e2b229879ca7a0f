// Writing for people: standard output in large pieces, notes and errors on standard error, colours where they are
// wanted.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "tools/cli/arguments.h"

namespace pthview {

// Collects standard output and writes it in pieces of 64 KB. A reader that went away (`| head`) ends the program
// quietly.
class Output {
 public:
  ~Output() { Flush(); }
  std::string& buffer() { return buffer_; }
  Output& operator<<(std::string_view text) {
    buffer_ += text;
    MaybeFlush();
    return *this;
  }
  void MaybeFlush() {
    if (buffer_.size() >= kFlushAt) Flush();
  }
  void Flush();

 private:
  static constexpr size_t kFlushAt = size_t{1} << 16;
  std::string buffer_;
};

// What --color, NO_COLOR and the terminal say about standard output.
bool UseColor(const Arguments& arguments);

// Escape sequences, or nothing when colours are off.
struct Style {
  explicit Style(bool on) : on_(on) {}
  std::string Bold(std::string_view text) const { return Wrap("1", text); }
  std::string Dim(std::string_view text) const { return Wrap("2", text); }
  std::string Red(std::string_view text) const { return Wrap("31", text); }
  std::string Yellow(std::string_view text) const { return Wrap("33", text); }

 private:
  std::string Wrap(std::string_view code, std::string_view text) const;
  bool on_;
};

// Ends the program without taking a large model apart: the system frees its memory faster.
[[noreturn]] void Leave(Output& out, int code);

// The error with what may have been meant, where it is about a file that is not there: names beside it that look alike.
Error WithNearFile(Error error);

// `pthview: file: ...` and, on a second line, what to try.
void PrintError(const Error& error);
// A line on standard error unless -q.
void PrintNote(const Arguments& arguments, std::string_view text);

// A file's name as one types it in a shell: quoted where it holds anything that a shell reads. Bytes that a terminal
// cannot show are escaped, and then it is for reading only.
std::string ShellWord(std::string_view name);

// "25,557,032".
std::string WithCommas(uint64_t number);
// "33%", "0.012%", "99.6%"; "100%" only for all, and ">99.9%" for nearly all. "0%" where `all` is 0.
std::string PercentText(int64_t part, int64_t all);
// "102,530,333 bytes (97.8 MiB)"; "24 bytes".
std::string BytesText(uint64_t bytes);
// "97.8 MiB".
std::string HumanBytes(uint64_t bytes);

}  // namespace pthview
