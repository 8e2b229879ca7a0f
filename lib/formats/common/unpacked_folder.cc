#include "lib/formats/common/unpacked_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "lib/container/slice_source.h"
#include "lib/formats/common/folder.h"
#include "lib/formats/common/folder_file.h"

namespace pthview {
namespace {

constexpr size_t kMostFiles = 200'000;
constexpr int kDeepest = 16;

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// data.pkl alone may be anyone's: another record of the format must stand beside it.
bool IsUnpackedArchive(const std::string& folder) {
  if (Exists(folder + "/.data/extern_modules") || Exists(folder + "/archive_format")) return true;
  const bool pickle = Exists(folder + "/data.pkl");
  if (!pickle && !Exists(folder + "/model.json")) return false;
  if (Exists(folder + "/version") || Exists(folder + "/.data/version")) return true;
  return pickle && (Exists(folder + "/data") || Exists(folder + "/byteorder"));
}

std::string LastStep(const std::string& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::string name = path.filename().string();
  return name.empty() ? "archive" : name;
}

}  // namespace

std::string UnpackedArchiveIn(const std::string& folder) {
  if (IsUnpackedArchive(folder)) return folder;
  std::string only;
  for (const std::string& name : ListFolder(folder)) {
    std::error_code error;
    const std::string path = folder + "/" + name;
    if (name == "__MACOSX" || name.starts_with('.')) continue;
    if (!only.empty() || !std::filesystem::is_directory(path, error)) return {};
    only = path;
  }
  return !only.empty() && IsUnpackedArchive(only) ? only : std::string();
}

Result<std::unique_ptr<FolderSource>> FolderSource::Open(const std::string& folder) {
  std::unique_ptr<FolderSource> source(new FolderSource(folder));
  std::vector<std::pair<std::string, int>> folders = {{"", 0}};
  while (!folders.empty()) {
    const auto [below, depth] = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder + "/" + below, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code ignored;
      const std::string path = below + at->path().filename().string();
      if (at->is_directory(ignored)) {
        if (!at->is_symlink(ignored) && depth < kDeepest) folders.emplace_back(path + "/", depth + 1);
      } else if (at->is_regular_file(ignored)) {
        const uint64_t size = at->file_size(ignored);
        if (!ignored) source->files_.push_back({path, 0, size});
      }
      if (source->files_.size() > kMostFiles) {
        return Error{.code = ErrorCode::kLimit,
                     .message = fmt::format("the folder holds more than the {} files that are looked at", kMostFiles),
                     .file = folder};
      }
    }
  }
  std::sort(source->files_.begin(), source->files_.end(), [](const File& a, const File& b) { return a.path < b.path; });
  for (File& file : source->files_) {
    file.offset = source->size_;
    source->size_ += file.size;
  }
  return source;
}

size_t FolderSource::IndexAt(uint64_t offset) const {
  // Of files that begin there the last, which is the one that has bytes.
  auto after = std::upper_bound(files_.begin(), files_.end(), offset,
                                [](uint64_t at, const File& file) { return at < file.offset; });
  return static_cast<size_t>(after - files_.begin()) - 1;
}

Result<std::shared_ptr<const ByteSource>> FolderSource::Opened(size_t index) const {
  std::lock_guard lock(mutex_);
  auto [at, is_new] = open_.try_emplace(index);
  if (is_new) {
    auto file = OpenFolderFile(folder_ + "/" + files_[index].path);
    if (!file || (*file)->size() != files_[index].size) {
      open_.erase(at);
      if (!file) return std::move(file).error();
      return Error{.code = ErrorCode::kChanged,
                   .message = "the file changed while it was being read",
                   .file = folder_ + "/" + files_[index].path};
    }
    at->second = std::move(*file);
  }
  return at->second;
}

Status FolderSource::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    return Error{.code = ErrorCode::kTruncated, .message = "the folder's files end before", .file = folder_};
  }
  while (!out.empty()) {
    const size_t index = IndexAt(offset);
    const uint64_t within = offset - files_[index].offset;
    const std::span<std::byte> piece =
        out.first(static_cast<size_t>(std::min<uint64_t>(out.size(), files_[index].size - within)));
    PTHVIEW_ASSIGN(std::shared_ptr<const ByteSource> file, Opened(index));
    PTHVIEW_TRY(file->ReadAt(within, piece));
    offset += piece.size();
    out = out.subspan(piece.size());
  }
  return Ok();
}

Status FolderSource::CheckUnchanged() const {
  std::lock_guard lock(mutex_);
  for (const auto& [index, file] : open_) PTHVIEW_TRY(file->CheckUnchanged());
  return Ok();
}

std::vector<PlainRecord> FolderSource::Records() const {
  const std::string name = LastStep(folder_) + "/";
  std::vector<PlainRecord> records;
  records.reserve(files_.size());
  for (const File& file : files_) records.push_back({name + file.path, file.offset, file.size});
  return records;
}

Result<std::unique_ptr<ByteSource>> FolderSource::FileAt(uint64_t offset) const {
  if (files_.empty() || offset > size_) return Error{.code = ErrorCode::kTruncated, .message = "no file stands there"};
  return OpenFolderFile(folder_ + "/" + files_[IndexAt(offset)].path);
}

std::vector<std::unique_ptr<ByteSource>> FolderSource::FilesRead() const {
  std::lock_guard lock(mutex_);
  std::vector<std::unique_ptr<ByteSource>> files;
  for (const auto& [index, file] : open_) files.push_back(ShareSource(file));
  return files;
}

}  // namespace pthview
