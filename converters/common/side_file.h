// A side file: the raw bytes of tensors or storages, one after the other, each at a multiple of 64; large ones stand on
// their page as they do in the source, with up to a page of zeros before them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "converters/converter.h"
#include "lib/base/output_file.h"
#include "lib/base/progress.h"
#include "lib/model/model.h"
#include "lib/model/tensor_data.h"

namespace pthview {

inline constexpr uint64_t kSideFileAlignment = 64;

// Lays out a side file before a byte of it is written. The same range of a source is stored once.
class SideLayout {
 public:
  // Where `range` will stand. Ranges of no bytes stand at 0.
  uint64_t Place(const ByteRange& range);
  // Where the logical elements of a tensor that is no range will stand.
  uint64_t PlaceGathered(const Tensor& tensor, uint64_t nbytes);
  bool empty() const { return pieces_.empty(); }
  uint64_t size() const { return end_; }

  // Writes everything placed. Pieces that follow each other in the source as they do here are copied in one go.
  Status Write(const Model& model, OutputFile& out, Progress* progress) const;

 private:
  struct Piece {
    ByteRange range;
    const Tensor* gathered = nullptr;  // instead of `range`, of which only nbytes is set
    uint64_t at = 0;
  };
  uint64_t Append(Piece piece);
  std::vector<Piece> pieces_;
  std::map<std::tuple<Index, uint64_t, uint64_t>, uint64_t> places_;  // of ranges
  uint64_t end_ = 0;
};

// Gives both files their names, the side file first, and completes the report. No side file is left when the main one
// could not be put in place.
Result<ConvertReport> CommitOutputs(OutputFile out, std::optional<OutputFile> side, const ConvertOptions& options,
                                    const std::string& side_path, ConvertReport report);

// The logical elements of a tensor in row-major order.
Status WriteElements(const Model& model, const Tensor& tensor, OutputFile& out);

}  // namespace pthview
