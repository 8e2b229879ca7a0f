// A tar archive is a row of members, each a header of 512 bytes and the data, padded to a multiple of 512:
//
//   byte  0 name      100      a shorter one ends with NUL
//       100 mode        8      octal digits, like all numbers here
//       108 uid, gid  2x8
//       124 size       12      or base 256, big-endian, when the top bit of the first byte is set (GNU)
//       136 mtime      12
//       148 checksum    8      sum of all bytes of the header, these eight taken as spaces
//       156 type        1      NUL or '0' file, '1' '2' links, '5' folder, 'L' long name, 'x' 'g' pax records, ...
//       157 link name 100
//       257 magic       6      "ustar"; V7 has none
//       345 prefix    155      ustar only: the name's part before a '/'
//
// Two blocks of zeros end the archive.
#include "lib/container/tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/base/escape.h"

namespace pthview {
namespace {

constexpr size_t kBlock = 512;
constexpr uint64_t kMostNameBytes = 1 << 16;  // of a long name, or of pax records

using Block = std::array<std::byte, kBlock>;

std::string_view Field(std::span<const std::byte> header, size_t at, size_t length) {
  std::string_view text(reinterpret_cast<const char*>(header.data()) + at, length);
  return text.substr(0, text.find('\0'));
}

// Octal digits between spaces, or base 256; nullopt for anything else, and for what does not fit 63 bits.
std::optional<uint64_t> Number(std::span<const std::byte> header, size_t at, size_t length) {
  uint64_t value = 0;
  if ((header[at] & std::byte{0x80}) != std::byte{0}) {
    for (size_t i = 0; i < length; ++i) {
      if (value >> 55 != 0) return std::nullopt;
      auto byte = static_cast<uint8_t>(header[at + i]);
      value = value << 8 | (i == 0 ? byte & 0x7F : byte);
    }
    return value;
  }
  std::string_view digits = Field(header, at, length);
  while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
  while (!digits.empty() && digits.back() == ' ') digits.remove_suffix(1);
  for (char c : digits) {
    if (c < '0' || c > '7' || value >> 60 != 0) return std::nullopt;
    value = value << 3 | static_cast<uint64_t>(c - '0');
  }
  return value;
}

// Some old writers summed signed bytes.
bool ChecksumHolds(std::span<const std::byte> header) {
  int64_t plain = 0;
  int64_t with_sign = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    std::byte byte = i >= 148 && i < 156 ? std::byte{' '} : header[i];
    plain += static_cast<uint8_t>(byte);
    with_sign += static_cast<int8_t>(byte);
  }
  auto recorded = Number(header, 148, 8);
  if (!recorded || Field(header, 148, 8).empty()) return false;
  auto sum = static_cast<int64_t>(*recorded);
  return sum == plain || sum == with_sign;
}

bool IsZero(std::span<const std::byte> block) {
  return std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
}

uint64_t Padded(uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

class Reader {
 public:
  Reader(const ByteSource& source, Findings* findings) : source_(source), findings_(*findings) {}

  Result<std::vector<TarMember>> Run() {
    Block header;
    while (source_.size() - at_ >= kBlock) {
      PTHVIEW_TRY(source_.ReadAt(at_, header));
      if (IsZero(header)) break;
      auto size = Number(header, 124, 12);
      if (!ChecksumHolds(header) || !size) {
        if (at_ == 0) return Error{.code = ErrorCode::kUnrecognized, .message = "no tar archive"};
        findings_.Add(Severity::kError, "tar-header", "",
                      "the header at byte " + std::to_string(at_) + " is broken; what follows is not listed");
        break;
      }
      at_ += kBlock;
      PTHVIEW_TRY(Member(header, *size));
      // Checked against the end below: a lying size ends the walk.
      if (*size > source_.size() - at_) break;
      at_ = std::min(at_ + Padded(*size), source_.size());
    }
    return std::move(members_);
  }

 private:
  Status Member(const Block& header, uint64_t& size) {
    auto type = static_cast<char>(header[156]);
    if (type == 'L' || type == 'K' || type == 'x' || type == 'g') return Extension(type, size);
    std::string name = std::exchange(long_name_, {});
    auto pax_size = std::exchange(pax_size_, std::nullopt);
    if (pax_size) size = *pax_size;
    if (name.empty()) {
      name = Field(header, 0, 100);
      std::string_view prefix = Field(header, 345, 155);
      if (Field(header, 257, 6) == "ustar" && header[263] == std::byte{'0'} && !prefix.empty()) {
        name = std::string(prefix) + '/' + name;
      }
    }
    if (name.starts_with("./")) name.erase(0, 2);
    if (type == '1' || type == '2') {
      size = 0;  // whatever the header says, a link has no data
      findings_.Add(Severity::kWarning, "tar-link", EscapeName(name), "a link; links are not followed");
      return Ok();
    }
    if (type == '5' || name.ends_with('/')) return Ok();
    if (type != '\0' && type != '0' && type != '7') {
      findings_.Add(Severity::kInfo, "tar-kind", EscapeName(name),
                    "neither a file nor a folder (type '" + EscapeName(std::string_view(&type, 1)) + "'); left out");
      return Ok();
    }
    uint64_t there = source_.size() - at_;
    if (size > there) {
      findings_.Add(Severity::kError, "tar-cut", EscapeName(name),
                    "the archive ends inside of it: " + std::to_string(there) + " of " + std::to_string(size) +
                        " bytes are there");
    }
    members_.push_back({std::move(name), at_, std::min(size, there)});
    return Ok();
  }

  // A header whose data describes the next one.
  Status Extension(char type, uint64_t size) {
    if (type != 'L' && type != 'x') return Ok();
    if (size > kMostNameBytes || size > source_.size() - at_) {
      findings_.Add(Severity::kWarning, "tar-header", "",
                    "the extended header at byte " + std::to_string(at_) +
                        " is too large to be a name: " + std::to_string(size) + " bytes");
      return Ok();
    }
    PTHVIEW_ASSIGN(std::vector<std::byte> bytes, source_.Read(at_, size));
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (type == 'L') {
      long_name_ = text.substr(0, text.find('\0'));
    } else {
      Pax(text);
    }
    return Ok();
  }

  // Lines "<length> <key>=<value>\n", where the length counts the whole line.
  void Pax(std::string_view text) {
    while (!text.empty()) {
      size_t length = 0;
      auto [digits_end, bad] = std::from_chars(text.data(), text.data() + text.size(), length);
      size_t digits = static_cast<size_t>(digits_end - text.data());
      if (bad != std::errc() || length > text.size() || length < digits + 2) return;
      std::string_view line = text.substr(digits + 1, length - digits - 2);
      text.remove_prefix(length);
      size_t equals = line.find('=');
      if (equals == std::string_view::npos) return;
      std::string_view key = line.substr(0, equals);
      std::string_view value = line.substr(equals + 1);
      if (key == "path") long_name_ = value;
      uint64_t size = 0;
      if (key == "size" && std::from_chars(value.data(), value.data() + value.size(), size).ec == std::errc()) {
        pax_size_ = size;
      }
    }
  }

  const ByteSource& source_;
  Findings& findings_;
  uint64_t at_ = 0;
  std::string long_name_;  // of the next member, by an extension before it
  std::optional<uint64_t> pax_size_;
  std::vector<TarMember> members_;
};

}  // namespace

bool LooksLikeTar(std::span<const std::byte> head) {
  return head.size() >= kBlock && !IsZero(head.first(kBlock)) && ChecksumHolds(head.first(kBlock));
}

Result<std::vector<TarMember>> ReadTar(const ByteSource& source, Findings* findings) {
  return Reader(source, findings).Run();
}

const TarMember* FindMember(std::span<const TarMember> members, std::string_view name) {
  for (const TarMember& member : members) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

}  // namespace pthview
