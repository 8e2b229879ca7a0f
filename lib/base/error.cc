#include "lib/base/error.h"

#include <utility>

#include "lib/base/escape.h"

namespace pthview {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kIo: return "io";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kExists: return "exists";
    case ErrorCode::kUsage: return "usage";
    case ErrorCode::kUnrecognized: return "unrecognized";
    case ErrorCode::kTruncated: return "truncated";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kLimit: return "limit";
    case ErrorCode::kChanged: return "changed";
    case ErrorCode::kInterrupted: return "interrupted";
    case ErrorCode::kReaderGone: return "reader_gone";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

// Each of these fills in what the place that found the error did not know; what is already there stays.
Error Error::At(std::string record_name, uint64_t byte) && {
  if (record.empty()) {
    record = std::move(record_name);
    if (!offset) offset = byte;
  }
  return std::move(*this);
}

Error Error::In(std::string file_path) && {
  if (file.empty()) file = std::move(file_path);
  return std::move(*this);
}

Error Error::Hint(std::string text) && {
  if (hint.empty()) hint = std::move(text);
  return std::move(*this);
}

std::string ToString(const Error& error) {
  std::string text;
  if (!error.file.empty()) text += EscapeForTerminal(error.file) + ": ";
  if (!error.record.empty()) text += EscapeForTerminal(error.record);
  if (error.offset) {
    if (!error.record.empty()) text += ' ';
    text += "at byte " + std::to_string(*error.offset);
  }
  if (!error.record.empty() || error.offset) text += ": ";
  return text + EscapeForTerminal(error.message);
}

}  // namespace pthview
