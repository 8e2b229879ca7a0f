// A torch.save file that is a record of a zip archive, read where it lies.
#pragma once

#include "lib/formats/torch/torch_file.h"

namespace pthview {

// `record` belongs to an archive over the builder's source `source`. When it is stored, its storages are places in that
// source; a deflated one is inflated into memory first.
Result<TorchPickle> LoadTorchInside(ModelBuilder& builder, Index source, const ZipRecord& record);

}  // namespace pthview
