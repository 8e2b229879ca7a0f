// Error: what went wrong, where (file, record, byte), and what to try.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pthview {

enum class ErrorCode : uint8_t {
  kIo,            // the operating system refused (permission, device, disk full)
  kNotFound,      // no such file, record, tensor or name
  kExists,        // the output is there already, and --force was not given
  kUsage,         // the command line is wrong
  kUnrecognized,  // no format matches the bytes
  kTruncated,     // the file ends before what it promises
  kCorrupt,       // the bytes contradict the format
  kUnsupported,   // understood, but not handled
  kLimit,         // a limit derived from the input's size was passed
  kChanged,       // the file changed while it was being read
  kInterrupted,   // the user pressed Ctrl-C
  kReaderGone,    // standard output is a pipe that nobody reads any more (`| head`): ends quietly
  kInternal,      // an invariant of our own does not hold
};

// The name of a code as JSON shows it: "truncated", "corrupt", ...
const char* ErrorCodeName(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;             // one sentence, no trailing full stop
  std::string file;                // path as the user gave it; empty when there is none
  std::string record;              // the record inside the file (`data.pkl`); empty when there is none
  std::optional<uint64_t> offset;  // byte offset inside the record, or inside the file when record is empty
  std::string hint;                // what to try next; may be empty

  Error At(std::string record_name, uint64_t byte) &&;
  Error In(std::string file_path) &&;
  Error Hint(std::string text) &&;
};

// `file: record at byte N: message`, for one line on a terminal; names from files are escaped (EscapeForTerminal).
// The hint is not included.
std::string ToString(const Error& error);

}  // namespace pthview
