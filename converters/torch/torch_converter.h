// A clean checkpoint: a zip archive of plain data and tensors that torch.load(weights_only=True) opens, as torch.save
// of 1.6 and later lays it out.
//
//   archive/data.pkl     the content, protocol 2
//   archive/byteorder    "little"
//   archive/data/<i>     the bytes of storage i, at a multiple of 64
//   archive/version      "3\n"
//
// Tied tensors stay tied and views stay views of one storage. What is no plain data becomes plain data and is a Loss.
#pragma once

#include <span>

#include "converters/converter.h"

namespace pthview {

// Writes model.content; where the model has none, or it lacks some of the tensors, these by name (ContentOfTables).
Result<ConvertReport> WriteTorch(Model& model, std::span<const Index> tensors, const ConvertOptions& options);

}  // namespace pthview
