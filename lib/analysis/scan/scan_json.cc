// The part of the walk that reads JSON: Stable-Baselines3 keeps pickles in it as base64 (`":serialized:"`), and whoever
// reads such a file unpickles them. Every string of the document that decodes to a pickle or an archive is looked into.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/analysis/scan/scan_text.h"
#include "lib/analysis/scan/scan_walk.h"
#include "lib/container/slice_source.h"

namespace pthview {
namespace {

constexpr size_t kMostStrings = 10'000;

// Six bits a character; -1 for what is none. Both alphabets, RFC 4648 sections 4 and 5.
int SixBits(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

// Stops at the first character that is none of the alphabet's, but for line ends, which decoders skip.
std::string DecodeBase64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    if (c == '\n' || c == '\r') continue;
    const int six = SixBits(c);
    if (six < 0) break;
    bits = bits << 6 | static_cast<uint32_t>(six);
    if (++count % 4 == 0) {
      bytes.push_back(static_cast<char>(bits >> 16));
      bytes.push_back(static_cast<char>(bits >> 8));
      bytes.push_back(static_cast<char>(bits));
      bits = 0;
    }
  }
  if (count % 4 >= 2) bytes.push_back(static_cast<char>(bits >> (count % 4 == 2 ? 4 : 10)));
  if (count % 4 == 3) bytes.push_back(static_cast<char>(bits >> 2));
  return bytes;
}

// Collects the strings that are base64 of something that begins like a file, under the key before them.
class Strings : public nlohmann::json_sax<nlohmann::json> {
 public:
  struct Found {
    std::string key;
    std::string bytes;
  };
  std::vector<Found>& found() { return found_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
  bool key(string_t& key) override {
    // In Stable-Baselines3 the object is under the name, its pickle under ":serialized:".
    if (key != ":serialized:") key_ = key;
    return true;
  }
  bool string(string_t& text) override {
    constexpr size_t kHead = 64;
    if (text.size() < 4 || found_.size() == kMostStrings) return true;
    if (!BeginsLikeFile(DecodeBase64(std::string_view(text).substr(0, kHead)), ScanLiteral::Coding::kRaw)) return true;
    found_.push_back({key_, DecodeBase64(text)});
    return true;
  }

 private:
  std::string key_;
  std::vector<Found> found_;
};

}  // namespace

bool ScanWalker::VisitJson(const ScanTarget& target) {
  const uint64_t size = std::min(target.source->size(), kMostInMemory);
  if (!Afford(target, size)) return true;
  auto bytes = target.source->Read(0, size);
  if (!bytes) return false;
  if (size < target.source->size()) {
    Unread(target, "scan-json", fmt::format("Only the first {} bytes of the JSON text were looked at.", size));
  }
  Strings strings;
  const auto* text = reinterpret_cast<const char*>(bytes->data());
  nlohmann::json::sax_parse(text, text + bytes->size(), &strings, nlohmann::json::input_format_t::json, false);
  bool known = false;
  for (Strings::Found& found : strings.found()) {
    const auto* data = reinterpret_cast<const std::byte*>(found.bytes.data());
    const std::string name = fmt::format("base64 of {}", found.key.substr(0, 200));
    ScanTarget inside = Inside(target, OpenMemory(name, {data, data + found.bytes.size()}), name);
    known = Visit(inside) || known;
  }
  return known;
}

}  // namespace pthview
