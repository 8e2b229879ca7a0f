#include "tools/server/assets.h"

#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "lib/base/source.h"
#include "tools/server/index_page.h"

namespace pthview::server {
namespace {

namespace fs = std::filesystem;

struct ContentType {
  std::string_view extension;
  const char* type;
};

// Files of other kinds (the wheel's Python, patches.json's folder mates) are not served.
constexpr ContentType kContentTypes[] = {
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".css", "text/css; charset=utf-8"},
    {".html", "text/html; charset=utf-8"},
    {".ico", "image/x-icon"},
    {".png", "image/png"},
    {".svg", "image/svg+xml"},
    {".woff2", "font/woff2"},
};

constexpr std::string_view kPatches = "patches.json";
constexpr std::string_view kIndex = "index.html";

const char* TypeOf(std::string_view name) {
  for (const ContentType& row : kContentTypes) {
    if (name.ends_with(row.extension)) return row.type;
  }
  return nullptr;
}

Result<std::string> ReadText(const std::string& path) {
  PTHVIEW_ASSIGN(std::unique_ptr<ByteSource> source, OpenFile(path));
  std::string text(source->size(), '\0');
  PTHVIEW_TRY(source->ReadAt(0, std::as_writable_bytes(std::span(text))));
  return text;
}

bool IsFile(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

}  // namespace

AssetFolders FindAssetFolders() {
  std::error_code ignored;
  fs::path share = fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() / "share/pthview";
  AssetFolders installed{share / "netron", share / "viewer"};
  if (IsFile(installed.netron + "/index.html")) return installed;
  return {PTHVIEW_BUILD_NETRON_DIR, PTHVIEW_BUILD_VIEWER_DIR};
}

Result<Assets> Assets::Load(const AssetFolders& folders) {
  Assets assets;
  for (const std::string& folder : {folders.netron, folders.viewer}) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      std::string name = entry.path().filename();
      const char* type = TypeOf(name);
      struct stat facts{};
      if (!type || name == kPatches || stat(entry.path().c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
      std::string etag = "\"" + std::to_string(facts.st_size) + "-" + std::to_string(facts.st_mtim.tv_sec) + "-" +
                         std::to_string(facts.st_mtim.tv_nsec) + "\"";
      assets.files_[name] = {entry.path(), type, std::move(etag)};
    }
    if (error) {
      return Error{.code = ErrorCode::kIo,
                   .message = "the viewer's files cannot be listed: " + error.message(),
                   .file = folder,
                   .hint = "run tools/bootstrap, or install pthview again"};
    }
  }
  PTHVIEW_ASSIGN(std::string page, ReadText(folders.netron + "/" + std::string(kIndex)));
  PTHVIEW_ASSIGN(std::string patches_text, ReadText(folders.viewer + "/" + std::string(kPatches)));
  PTHVIEW_ASSIGN(std::vector<Patch> patches, ParsePatches(patches_text));
  PTHVIEW_ASSIGN(assets.index_, ApplyPatches(std::move(page), patches));
  assets.index_etag_ = "\"" + std::to_string(std::hash<std::string>{}(assets.index_)) + "\"";
  return assets;
}

Reply Assets::Get(std::string_view name) const {
  if (name.empty() || name == kIndex) {
    return {.type = "text/html; charset=utf-8", .body = index_, .etag = index_etag_};
  }
  auto found = files_.find(name);
  if (found == files_.end()) return TextReply(404, "There is nothing at this address.\n");
  Result<std::string> text = ReadText(found->second.path);
  if (!text) return ErrorReply(text.error());
  return {.type = found->second.type, .body = std::move(*text), .etag = found->second.etag};
}

}  // namespace pthview::server
