#include "tools/archive/sources.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "lib/analysis/names/glob.h"
#include "lib/base/escape.h"
#include "lib/base/sha256.h"

namespace pthview::archive {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestName = 200;   // of 255, so that endings and temporaries fit
constexpr size_t kLongestPath = 1000;  // of 4096, below wherever DIR is

std::string HashOf(std::string_view text, size_t digits) {
  Sha256 hash;
  hash.Update(std::as_bytes(std::span(text)));
  return hash.Finish().substr(0, digits);
}

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-' || c == '+' || c == '@' || c == ',';
}

std::string SafeStep(std::string_view step) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string safe;
  for (size_t i = 0; i < step.size(); ++i) {
    const char c = step[i];
    const bool edge_dot = c == '.' && (i == 0 || i + 1 == step.size());
    // The tensor store's folder begins with an underscore.
    if (IsPlain(c) && !edge_dot && !(i == 0 && (c == '-' || c == '_'))) {
      safe += c;
    } else {
      safe += '=';
      safe += kHex[static_cast<unsigned char>(c) >> 4];
      safe += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  if (safe.size() <= kLongestName) return safe;
  return safe.substr(0, kLongestName - 33) + "=" + HashOf(step, 32);
}

void Look(SourceFile& file) {
  struct stat status;
  if (::stat(file.path.c_str(), &status) != 0) return;
  file.size = static_cast<uint64_t>(status.st_size);
  file.modified = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::string BaseOf(const std::string& path) {
  std::error_code ignored;
  fs::path base = fs::path(path).lexically_normal();
  if (!base.has_filename()) base = base.parent_path();
  std::string name = base.filename().string();
  if (name.empty() || name == "." || name == "..") name = fs::canonical(path, ignored).filename().string();
  return name;
}

class Finder {
 public:
  explicit Finder(const Options& options) : options_(options) {
    std::error_code ignored;
    output_ = fs::weakly_canonical(options.output, ignored);
  }

  Status Add(const std::string& path, bool whole_path) {
    std::error_code error;
    if (fs::is_directory(path, error)) return AddFolder(path, whole_path ? path : BaseOf(path));
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) {
      return Error{ErrorCode::kNotFound, "there is no such file or folder", path};
    }
    AddFile(path, whole_path ? path : BaseOf(path), path, true);
    return Ok();
  }

  std::vector<SourceFile> Take() && { return std::move(files_); }

 private:
  Status AddFolder(const std::string& folder, const std::string& prefix) {
    std::error_code error;
    fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
    if (error) return Error{ErrorCode::kIo, "the folder cannot be read: " + error.message(), folder};
    for (const fs::recursive_directory_iterator end; at != end; at.increment(error)) {
      if (error) return Error{ErrorCode::kIo, "the folder cannot be read: " + error.message(), folder};
      std::error_code ignored;
      if (at->is_symlink(ignored)) continue;
      if (at->is_directory(ignored)) {
        if (fs::weakly_canonical(at->path(), ignored) == output_) at.disable_recursion_pending();
        continue;
      }
      if (!at->is_regular_file(ignored)) continue;
      std::string below = at->path().lexically_relative(folder).string();
      AddFile(at->path().string(), prefix.empty() ? below : prefix + "/" + below, at->path().string(), false);
    }
    return Ok();
  }

  void AddFile(std::string path, std::string named, std::string shown, bool given) {
    const std::string escaped = EscapeName(named);
    auto fits = [&](const std::string& glob) {
      return GlobMatches(glob, escaped) || GlobMatches(glob, escaped.substr(escaped.rfind('/') + 1));
    };
    if (!options_.include.empty() && std::ranges::none_of(options_.include, fits)) return;
    if (std::ranges::any_of(options_.exclude, fits)) return;
    if (!seen_.insert(path).second) return;
    SourceFile file{.path = std::move(path), .shown = EscapeName(shown), .name = SafeName(named), .given = given};
    Look(file);
    files_.push_back(std::move(file));
  }

  const Options& options_;
  fs::path output_;
  std::set<std::string> seen_;
  std::vector<SourceFile> files_;
};

std::string Folded(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

std::string SafeName(const std::string& path) {
  std::string safe;
  for (size_t at = 0; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view step = std::string_view(path).substr(at, slash - at);
    at = slash + 1;
    if (step.empty() || step == ".") continue;
    if (!safe.empty()) safe += '/';
    safe += step == ".." ? "=2E=2E" : SafeStep(step);
  }
  if (safe.empty()) safe = "=";
  if (safe.size() <= kLongestPath) return safe;
  return "=" + HashOf(path, 32) + "/" + safe.substr(safe.rfind('/') + 1);
}

bool InShard(const SourceFile& source, uint32_t shard, uint32_t shards) {
  if (shards < 2) return true;
  return std::stoull(HashOf(source.name, 12), nullptr, 16) % shards == shard;
}

Result<std::vector<SourceFile>> FindSources(const Options& options) {
  Finder finder(options);
  for (const std::string& source : options.sources) {
    if (source != "-") {
      PTHVIEW_TRY(finder.Add(source, false));
      continue;
    }
    for (std::string line; std::getline(std::cin, line);) {
      if (!line.empty()) PTHVIEW_TRY(finder.Add(line, true));
    }
  }
  std::vector<SourceFile> files = std::move(finder).Take();
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) {
    return std::tie(a.name, a.path) < std::tie(b.name, b.path);
  });
  // Names that are equal, or are on a file system without case: all but the first get a hash of their path.
  std::set<std::string> taken;
  for (SourceFile& file : files) {
    for (int attempt = 0; !taken.insert(Folded(file.name)).second; ++attempt) {
      file.name += "=" + HashOf(file.path + std::string(static_cast<size_t>(attempt), ' '), 12);
    }
  }
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace pthview::archive
