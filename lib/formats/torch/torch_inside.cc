#include "lib/formats/torch/torch_inside.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "lib/container/record_source.h"
#include "lib/container/slice_source.h"
#include "lib/container/unpack_allowance.h"

namespace pthview {

Result<TorchPickle> LoadTorchInside(ModelBuilder& builder, Index source, const ZipRecord& record) {
  std::string name(record.name);
  const ByteSource& outer = *builder.model().sources[source];
  if (!record.readable) {
    return Error{.code = ErrorCode::kCorrupt, .message = "its bytes cannot be read", .record = std::move(name)};
  }
  const bool stored = record.method == 0;
  if (!stored) {  // torch stores such records; some tool deflated it again
    Status allowed = AllowanceOf(outer)->Take(
        record.size, "unpack the archive with `unzip` if it is trusted, and pack it with `zip -0`");
    if (!allowed) {
      Error error = std::move(allowed).error();
      error.record = std::move(name);
      return error;
    }
  }
  // The model owns both sources, and neither reads the other when it is destroyed: no ownership is needed here.
  Index inner = builder.AddSource(stored ? OpenSlice(std::shared_ptr<const ByteSource>(std::shared_ptr<void>(), &outer),
                                                     record.offset, record.size, outer.name())
                                         : OpenRecord(outer, record));
  const ByteSource& bytes = *builder.model().sources[inner];
  PTHVIEW_ASSIGN(std::vector<std::byte> head, bytes.Read(0, std::min<uint64_t>(bytes.size(), 64)));
  if (!LooksLikeZip(head)) {
    PTHVIEW_ASSIGN(LegacyFile legacy, LoadTorchLegacy(builder, inner, 0, 1));
    return std::move(legacy.pickle);
  }
  PTHVIEW_ASSIGN(ZipArchive zip, ZipArchive::Open(bytes, &builder.findings()));
  ZipStorages storages(builder, stored ? source : inner, zip, stored ? record.offset : 0);
  return LoadZipPickle(builder, storages, "data.pkl", "data/", 1);
}

}  // namespace pthview
