// The `.metadata` file of a distributed checkpoint (DCP): which tensors there are, and where their chunks lie.
// Source: torch/distributed/checkpoint/metadata.py, filesystem.py (_StorageInfo).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/base/finding.h"
#include "lib/base/result.h"
#include "lib/pickle/value.h"

namespace pthview {

// A slice of a file beside `.metadata`, as written there: nothing of it is checked.
struct DcpSlice {
  std::string file;
  uint64_t offset = 0;
  uint64_t length = 0;
  size_t zstd = 0;  // how many times it is packed with zstd (the extension "stream.zstd")
};

// A box of a tensor.
struct DcpChunk {
  std::vector<int64_t> offsets;
  std::vector<int64_t> sizes;
  std::optional<DcpSlice> slice;  // nullopt: `.metadata` does not say where it is
};

struct DcpTensor {
  std::string name;  // raw bytes
  DType dtype = DType::kUnknown;
  std::vector<int64_t> shape;
  std::optional<bool> requires_grad;
  std::vector<DcpChunk> chunks;
  size_t section = 0;  // into DcpMetadata::sections
};

// Anything that is no tensor, saved as a torch file of its own.
struct DcpBytes {
  std::string name;
  std::optional<DcpSlice> slice;
  size_t section = 0;
};

struct DcpMetadata {
  std::vector<DcpTensor> tensors;  // in the file's order
  std::vector<DcpBytes> bytes;
  std::vector<std::string> sections;  // the outermost keys of the saved dict; "" when they are not recorded
};

// True when `head`, the start of a file, is a pickle that names DCP's Metadata class.
bool LooksLikeDcpMetadata(std::span<const std::byte> head);

// Entries that are not understood are left out with a finding ("dcp-entry"). kCorrupt when the pickle holds no
// Metadata.
Result<DcpMetadata> ReadDcpMetadata(pickle::Tree tree, Findings* findings);

}  // namespace pthview
