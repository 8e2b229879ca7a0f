// The flat float32 tensors of data-parallel ranks: what lies where in them. Nothing is read before ReadAt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/source.h"
#include "lib/model/model.h"
#include "lib/model/tensor_data.h"

namespace pthview {

// Ranges of bytes, one behind the other.
class FlatRow {
 public:
  // A range whose source is kNone is missing: nothing is found from there on, as it is not known where it ends.
  void Append(const ByteRange& range);

  uint64_t size() const { return size_; }  // in bytes, up to what is missing
  bool whole() const { return whole_; }
  const std::vector<ByteRange>& ranges() const { return ranges_; }

  // The part [from, from + nbytes), in ranges; empty when the row ends before.
  std::vector<ByteRange> Cut(uint64_t from, uint64_t nbytes) const;
  // Which range holds the byte `at` < size() of the row, and where in that range it is.
  std::pair<size_t, uint64_t> Place(uint64_t at) const;

 private:
  std::vector<ByteRange> ranges_;
  std::vector<uint64_t> starts_;  // of each range, in the row
  uint64_t size_ = 0;
  bool whole_ = true;
};

// Stage 3: every rank has an equal share of every parameter, all at the same place of its row.
class FlatShares {
 public:
  // `rows` of the ranks 0, 1, ...; those of `model`, whose sources must outlive this.
  FlatShares(const Model& model, std::vector<FlatRow> rows);

  // Whether the ranks have `nbytes` of a parameter that begins at `at` of each row, `share` bytes of it each.
  bool Have(uint64_t at, uint64_t share, uint64_t nbytes) const;

  // Such a parameter's bytes; `name` is for messages.
  static std::unique_ptr<ByteSource> Parameter(std::shared_ptr<const FlatShares> shares, std::string name, uint64_t at,
                                               uint64_t share, uint64_t nbytes);

 private:
  friend class InterleavedSource;

  std::vector<FlatRow> rows_;
  std::vector<std::vector<const ByteSource*>> sources_;  // of each row's ranges
  std::vector<uint64_t> least_;                          // by rank: the size of the shortest row up to it
};

}  // namespace pthview
