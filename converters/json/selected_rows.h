// Which rows of a model's tables are written, and the index each gets.
#pragma once

#include <span>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

// One table: old index -> new index, and back.
class RowMap {
 public:
  explicit RowMap(size_t rows) : to_(rows, kNone) {}
  // False when it was there already.
  bool Keep(Index row);
  void KeepAll();
  // Gives new indices in the order of the old ones.
  void Number();
  // kNone for kNone and for rows that are left out.
  Index operator[](Index row) const { return row == kNone ? kNone : to_[row]; }
  const std::vector<Index>& kept() const { return kept_; }

 private:
  std::vector<Index> to_;
  std::vector<Index> kept_;
};

struct SelectedRows {
  SelectedRows(const Model& model, std::span<const Index> selected);
  RowMap tensors;
  RowMap components;
  RowMap storages;
  RowMap quantizations;
};

}  // namespace pthview
