// The two containers that torch.save has written since 0.1.10, read into a pickle and its storages. Shared by the
// format rows and by torch files that stand inside pickles.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/result.h"
#include "lib/container/zip.h"
#include "lib/formats/common/early_pickle.h"
#include "lib/formats/torch/torch_tensors.h"
#include "lib/formats/torch/zip_storages.h"
#include "lib/model/builder.h"

namespace pthview {

// A zip archive: the pickle in `pickle_record` (name below the prefix), its storages in records `storage_folder`<key>.
// `source` is the archive's, already added to the builder. `early` saves reading the pickle when it is of that record.
Result<TorchPickle> LoadTorchZip(ModelBuilder& builder, Index source, const ZipArchive& zip,
                                 std::string_view pickle_record, std::string_view storage_folder, int depth,
                                 std::optional<EarlyPickle> early = std::nullopt);

// The same where several pickles of one archive share its storages.
Result<TorchPickle> LoadZipPickle(ModelBuilder& builder, ZipStorages& storages, std::string_view pickle_record,
                                  std::string_view storage_folder, int depth,
                                  std::optional<EarlyPickle> early = std::nullopt);

// A legacy stream that starts at `offset` of `source`. Also tells the protocol version number that stands in it.
struct LegacyFile {
  TorchPickle pickle;
  int64_t protocol_version = 0;
  uint64_t end = 0;  // offset behind the last storage
};
// Where in `source` the object that begins at `offset` ends, without making a model of it. It must live on meanwhile.
Result<uint64_t> EndOfTorchLegacy(const ByteSource& source, uint64_t offset);
Result<LegacyFile> LoadTorchLegacy(ModelBuilder& builder, Index source, uint64_t offset, int depth);

// Archives of several torch.save calls that follow each other from byte `begin` of `source` to its end: each object is
// listed under the place that it would have in a list, from `[first]` on. Returns how many there were; 0, with nothing
// done, when there is only one at byte 0, or when the bytes are anything else than such archives back to back.
size_t WalkZipRow(ModelBuilder& builder, Index source, uint64_t begin, size_t first);

// The most objects of one file that are listed.
inline constexpr size_t kMostObjects = 10'000;
// Says that `count` calls of `function` ("torch.save") wrote the file.
void NoteSeveralObjects(ModelBuilder& builder, size_t count, std::string_view function);

// True when a pickle at the start of `head` is the magic number of legacy files.
bool IsLegacyMagic(std::span<const std::byte> head);

// Reads torch files inside pickles (torch.storage._load_from_bytes) into the same model.
NestedStorageReader MakeNestedReader(ModelBuilder& builder);

}  // namespace pthview
