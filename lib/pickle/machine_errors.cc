#include <string>
#include <utility>

#include "lib/pickle/machine_state.h"

namespace pthview::pickle {

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kNone: return "None";
    case Kind::kBool: return "bool";
    case Kind::kInt:
    case Kind::kBigInt: return "int";
    case Kind::kFloat: return "float";
    case Kind::kString: return "str";
    case Kind::kBytes: return "bytes";
    case Kind::kByteArray: return "bytearray";
    case Kind::kTuple: return "tuple";
    case Kind::kList: return "list";
    case Kind::kDict: return "dict";
    case Kind::kSet: return "set";
    case Kind::kGlobal: return "global";
    case Kind::kObject: return "object";
    case Kind::kPersistent: return "persistent id";
    case Kind::kExtension: return "extension code";
    case Kind::kBuffer: return "buffer";
  }
  return "unset value";
}

bool Machine::Fail(ErrorCode code, std::string message, std::string hint) {
  const OpcodeInfo* info = opcode_ < end_ ? FindOpcode(static_cast<uint8_t>(*opcode_)) : nullptr;
  const uint64_t position = options_.base + static_cast<uint64_t>(opcode_ - begin_);
  if (info != nullptr) {
    message = "opcode " + std::string(info->name) + " at byte " + std::to_string(position) + ": " + message;
  }
  error_ = Error{code, std::move(message)};
  error_.record = options_.record;
  error_.offset = position;
  error_.hint = std::move(hint);
  return false;
}

bool Machine::Underflow() {
  return Fail(ErrorCode::kCorrupt,
              marks_.empty() ? "the stack holds too few values" : "the stack holds too few values above its last MARK");
}

bool Machine::WrongKind(Value target) {
  return Fail(ErrorCode::kCorrupt, "cannot be applied to a value of kind " + std::string(KindName(target.kind)));
}

bool Machine::UnknownOpcode(uint8_t byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  const uint64_t position = options_.base + static_cast<uint64_t>(opcode_ - begin_);
  return Fail(ErrorCode::kCorrupt,
              std::string("byte ") + std::to_string(position) + " (0x" + kHex[byte >> 4] + kHex[byte & 15] +
                  ") is no pickle opcode",
              position == options_.base ? "is this a pickle?" : "");
}

bool Machine::TooLong() { return Fail(ErrorCode::kLimit, "text of more than 4 GiB"); }

bool Machine::CutShort(uint64_t missing) {
  const auto have = static_cast<uint64_t>(end_ - begin_);
  const uint64_t left = total_ - have;
  if (missing <= left) {
    if (missing > UINT32_MAX) return TooLong();  // before so much is read
    needed_ = have + missing;
    return Fail(ErrorCode::kTruncated, "goes on behind the piece that was read");
  }
  if (opcode_ == end_) {
    return Fail(ErrorCode::kTruncated, "the pickle ends without STOP", "the file may have been cut short");
  }
  return Fail(ErrorCode::kTruncated, "its argument ends " + std::to_string(missing - left) + " bytes after the pickle",
              "the file may have been cut short");
}

}  // namespace pthview::pickle
