// A zip archive of stored records, as torch.save lays one out: each record's bytes at a multiple of 64, so that
// torch.load(mmap=True) can use them where they are.
// Source: PKWARE APPNOTE 6.3 (4.3.7, 4.3.9, 4.3.12, 4.3.14 to 4.3.16, 4.5.3), caffe2/serialize/inline_container.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/output_file.h"
#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

class StoredZipWriter {
 public:
  static constexpr uint64_t kAlignment = 64;

  // `out` outlives it and is written from position 0.
  explicit StoredZipWriter(OutputFile& out) : out_(out) {}

  // A record at once.
  Status Add(std::string_view name, std::string_view bytes);

  // A record in pieces, of `size` bytes in all. A record that is copied from byte `offset` of a file may stand on its
  // page as it does there (see OutputFile::kPage).
  Status Begin(std::string_view name, uint64_t size, uint64_t offset = 0);
  Status Write(std::span<const std::byte> bytes);
  // All of the record. The checksum is computed meanwhile.
  Status CopyFrom(const ByteSource& source, uint64_t offset);
  Status End();

  // The directory.
  Status Finish();

 private:
  struct Entry {
    std::string name;
    uint64_t header = 0;  // where its local header stands
    uint64_t size = 0;
    uint32_t crc = 0;
  };
  OutputFile& out_;
  std::vector<Entry> entries_;
};

}  // namespace pthview
