// The storages of a zip archive: each record that a pickle or a table names, once, however many name it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/text_hash.h"
#include "lib/container/zip.h"
#include "lib/formats/torch/torch_storages.h"
#include "lib/model/builder.h"

namespace pthview {

class FolderSource;

class ZipStorages {
 public:
  // `zip` begins at byte `base` of the builder's source `source`, and must live as long as this object. The source that
  // `zip` itself reads from must live as long as the model.
  ZipStorages(ModelBuilder& builder, Index source, const ZipArchive& zip, uint64_t base = 0);

  const ZipArchive& zip() const { return zip_; }

  // The record `folder`<key> or `folder`<key>.storage below the archive's prefix. A record that is not there is a
  // storage without bytes, and a finding.
  StorageRow Resolve(const StorageId& id, std::string_view device, std::string_view folder);

  // The storage that one record is. `numel` is what the file says of it; -1 when it says nothing.
  Index Of(const ZipRecord& record, const StorageId& id, std::string_view device);

 private:
  Index Missing(const StorageId& id, std::string_view device);
  size_t SwapWidth(const StorageId& id);

  ModelBuilder& builder_;
  Index source_;
  const ZipArchive& zip_;
  uint64_t base_;
  std::string folder_;       // as it was given last
  std::string full_folder_;  // the same with the archive's prefix
  std::string name_;
  bool big_endian_ = false;
  std::vector<Index> of_record_;
  const FolderSource* folder_source_;  // of an archive that lies unpacked; else null
  size_t guess_ = 0;                   // where the next record probably stands
  std::unordered_map<std::string, Index, TextHash> missing_;
};

// The text of a small record (`version`, `byteorder`) without the white space at its end; empty when there is none.
std::string RecordText(const ZipArchive& zip, std::string_view name);

}  // namespace pthview
