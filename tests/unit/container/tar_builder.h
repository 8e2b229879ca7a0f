// Writes tar archives by hand, so that tests can make each field lie.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace pthview {

struct TarEntry {
  std::string name;
  std::string data;
  char type = '0';
  std::string size;    // the 12 bytes of the size field, when not the truth
  std::string prefix;  // ustar's
  bool ustar = true;
  int checksum_error = 0;
};

inline std::string TarHeader(const TarEntry& entry) {
  std::string header(512, '\0');
  header.replace(0, entry.name.size(), entry.name);
  header.replace(100, 7, "0000644");
  char digits[13];
  std::snprintf(digits, sizeof(digits), "%011zo", entry.data.size());
  std::string size = entry.size.empty() ? std::string(digits, 12) : entry.size;
  header.replace(124, 12, size);
  header[156] = entry.type;
  if (entry.ustar) header.replace(257, 8, std::string_view("ustar\00000", 8));
  header.replace(345, entry.prefix.size(), entry.prefix);
  header.replace(148, 8, "        ");
  int sum = entry.checksum_error;
  for (char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(digits, sizeof(digits), "%06o", sum);
  header.replace(148, 7, std::string_view(digits, 7));
  return header;
}

inline std::string TarMemberBytes(const TarEntry& entry) {
  std::string out = TarHeader(entry) + entry.data;
  out.resize((out.size() + 511) / 512 * 512);
  return out;
}

inline std::string Tar(std::initializer_list<TarEntry> entries) {
  std::string out;
  for (const TarEntry& entry : entries) out += TarMemberBytes(entry);
  return out + std::string(1024, '\0');
}

}  // namespace pthview
