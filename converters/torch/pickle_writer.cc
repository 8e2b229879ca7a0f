#include "converters/torch/pickle_writer.h"

#include <bit>
#include <cstring>
#include <vector>

namespace pthview {
namespace {

constexpr size_t kShared = 256;  // longer texts are seldom equal, and not looked up

template <typename T>
void AppendLittle(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

}  // namespace

PickleWriter::PickleWriter() : out_("\x80\x02") {}

void PickleWriter::Int(int64_t value) {
  if (value >= 0 && value < 256) {
    out_ += 'K';
    out_ += static_cast<char>(value);
  } else if (value >= 0 && value < 65536) {
    out_ += 'M';
    AppendLittle(out_, static_cast<uint16_t>(value));
  } else if (value >= INT32_MIN && value <= INT32_MAX) {
    out_ += 'J';
    AppendLittle(out_, static_cast<int32_t>(value));
  } else {
    int bytes = 8;
    while (bytes > 1 && (value >> (8 * (bytes - 1) - 1) == 0 || value >> (8 * (bytes - 1) - 1) == -1)) --bytes;
    out_ += '\x8a';
    out_ += static_cast<char>(bytes);
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i));
  }
}

bool PickleWriter::BigInt(std::string_view digits) {
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  std::vector<uint8_t> bytes;  // little-endian magnitude
  for (char digit : digits) {
    if (digit < '0' || digit > '9') return false;
    uint32_t carry = static_cast<uint32_t>(digit - '0');
    for (uint8_t& byte : bytes) {
      carry += byte * 10U;
      byte = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) bytes.push_back(static_cast<uint8_t>(carry));
    if (bytes.size() > 255) return false;
  }
  bytes.push_back(0);  // room for the sign
  if (negative) {
    uint32_t carry = 1;
    for (uint8_t& byte : bytes) {
      carry += static_cast<uint8_t>(~byte);
      byte = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
  }
  while (bytes.size() > 1 && bytes.back() == (negative ? 0xFF : 0) && (bytes[bytes.size() - 2] >= 128) == negative) {
    bytes.pop_back();
  }
  if (bytes.size() > 255) return false;
  out_ += '\x8a';
  out_ += static_cast<char>(bytes.size());
  out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

void PickleWriter::Float(double value) {
  out_ += 'G';
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) out_ += static_cast<char>(bits >> shift);
}

void PickleWriter::Text(std::string_view text) {
  if (text.size() <= kShared) {
    auto [at, is_new] = texts_.try_emplace(std::string(text), memos_);
    if (!is_new) return Get(at->second);
  }
  out_ += 'X';
  AppendLittle(out_, static_cast<uint32_t>(text.size()));
  out_ += text;
  if (text.size() <= kShared) Put();
}

// Protocol 2 has no bytes: they are the latin-1 encoding of a text.
void PickleWriter::Bytes(std::string_view bytes) {
  Global("_codecs", "encode");
  Mark();
  std::string text;
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) text += static_cast<char>(0xC0 | (byte >> 6));
    text += byte < 0x80 ? c : static_cast<char>(0x80 | (byte & 0x3F));
  }
  Text(text);
  Text("latin1");
  Tuple();
  Reduce();
}

void PickleWriter::ByteArray(std::string_view bytes) {
  Global("__builtin__", "bytearray");
  Bytes(bytes);
  Tuple1();
  Reduce();
}

void PickleWriter::Global(std::string_view module, std::string_view name) {
  auto [at, is_new] = globals_.try_emplace({std::string(module), std::string(name)}, memos_);
  if (!is_new) return Get(at->second);
  out_ += 'c';
  out_ += module;
  out_ += '\n';
  out_ += name;
  out_ += '\n';
  Put();
}

uint32_t PickleWriter::Put() {
  const uint32_t memo = memos_++;
  if (memo < 256) {
    out_ += 'q';
    out_ += static_cast<char>(memo);
  } else {
    out_ += 'r';
    AppendLittle(out_, memo);
  }
  return memo;
}

void PickleWriter::Get(uint32_t memo) {
  if (memo < 256) {
    out_ += 'h';
    out_ += static_cast<char>(memo);
  } else {
    out_ += 'j';
    AppendLittle(out_, memo);
  }
}

std::string PickleWriter::Finish() && {
  out_ += '.';
  return std::move(out_);
}

}  // namespace pthview
