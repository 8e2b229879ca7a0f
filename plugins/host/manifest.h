// plugin.json: what an external plug-in says of itself. plugins/README.md lists the keys for those who write one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace pthview::plugins {

// The version of protocol.proto that this host speaks.
inline constexpr uint32_t kProtocol = 1;

enum class PluginKind : uint8_t { kFormat, kGraph, kConverter, kVerifier };
std::string_view PluginKindName(PluginKind kind);  // "format", ...

enum class Encoding : uint8_t { kJson, kProtobuf };

// A file matches when all that a rule says holds.
struct MatchRule {
  std::string magic;      // bytes; empty: any
  uint64_t offset = 0;    // where they stand
  std::string extension;  // ".gguf", in lower case; empty: any
};

// What a run may take. A manifest may ask for more or less, up to what the host allows at all.
struct Limits {
  std::chrono::milliseconds time{30'000};  // from start to answer
  uint32_t cpu_seconds = 30;
  uint64_t memory_bytes = uint64_t{1} << 30;  // of address space
  uint32_t open_files = 64;
};

struct Manifest {
  std::string name;
  std::string text;  // for people: "GGUF (llama.cpp)"
  std::vector<PluginKind> kinds;
  std::vector<MatchRule> match;
  std::vector<std::string> formats;     // kind graph: of which formats of pthview it makes graphs
  std::vector<std::string> neighbours;  // globs on names of files beside the one opened, which it reads too
  std::vector<std::string> read;        // absolute paths of further files and folders that it needs, to read only
  Encoding encoding = Encoding::kJson;
  Limits limits;

  bool Has(PluginKind kind) const;
  static constexpr int kByContent = 2;
  // How sure the best rule is that a file with this beginning and path is meant: kByContent, 1 by extension alone, 0
  // not at all.
  int Match(std::span<const std::byte> head, std::string_view path) const;
};

// Parses and checks the text of a plugin.json. Errors name the key, not the file.
Result<Manifest> ParseManifest(std::string_view text);

}  // namespace pthview::plugins
