// Tensors of a mobile flatbuffer file: a table of facts that points into the file's vector of storages.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/container/flatbuffer.h"
#include "lib/model/builder.h"

namespace pthview {

class MobileTensors {
 public:
  // `storages` is the file's vector of StorageData tables; the file is the builder's source `source`.
  MobileTensors(ModelBuilder& builder, Index source, FlatVector storages);

  // The tensor that the table `meta` (TensorMetadata) describes, checked, with its quantization. What is odd becomes a
  // finding at `where`. Storages that several tensors share are one row of the model.
  Tensor Read(FlatTable meta, std::string_view where);

  // About the bytes that Read takes for it, shapes above all, which many tables may have in common.
  static uint64_t Cost(FlatTable meta);

 private:
  Tensor ReadOne(FlatTable meta, std::string_view where);
  void AddQuantization(FlatTable meta, Tensor& tensor, std::string_view where);
  Index StorageAt(uint32_t index, DType dtype);

  ModelBuilder& builder_;
  Index source_;
  FlatVector storages_;
  std::vector<Index> storage_rows_;  // by storage number
};

}  // namespace pthview
