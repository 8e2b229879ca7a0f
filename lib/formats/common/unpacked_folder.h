// An archive of torch.save (or TorchScript, .pt2, torch.package) that lies unpacked: data.pkl, data/0, ... in a folder.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/container/zip.h"

namespace pthview {

// The files below a folder, one behind the other, as one source: what stands in the place of the archive. A file is
// opened when its bytes are asked for. kChanged when it no longer has the size that it had.
class FolderSource : public ByteSource {
 public:
  // Regular files only, folders at most 16 deep; links to folders are not followed. kLimit beyond 200,000 files.
  static Result<std::unique_ptr<FolderSource>> Open(const std::string& folder);

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return folder_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override;
  Status CheckUnchanged() const override;

  // Each file as a record below a folder of the folder's own name: "model/data/0".
  std::vector<PlainRecord> Records() const;

  // The file in which `offset` stands, whose first byte it must be, as a source of its own.
  Result<std::unique_ptr<ByteSource>> FileAt(uint64_t offset) const;
  // The files that were read here and not handed out by FileAt: data.pkl and its like.
  std::vector<std::unique_ptr<ByteSource>> FilesRead() const;

 private:
  struct File {
    std::string path;  // below the folder
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  explicit FolderSource(std::string folder) : folder_(std::move(folder)) {}
  size_t IndexAt(uint64_t offset) const;
  Result<std::shared_ptr<const ByteSource>> Opened(size_t index) const;

  std::string folder_;
  std::vector<File> files_;  // by path
  uint64_t size_ = 0;
  mutable std::mutex mutex_;
  mutable std::map<size_t, std::shared_ptr<const ByteSource>> open_;
};

// The folder that holds the records of an unpacked archive: `folder` itself, or the only thing in it; empty when there
// is none.
std::string UnpackedArchiveIn(const std::string& folder);

}  // namespace pthview
