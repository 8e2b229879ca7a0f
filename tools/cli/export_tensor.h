// Single weights as files that NumPy and others open: .npy, .npz, .csv, .safetensors.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/output_file.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

struct ExportedTensor {
  const Model* model = nullptr;
  const Tensor* tensor = nullptr;  // strided; a window of another counts
  std::string name;
};

enum class ExportFormat : uint8_t { kNpy, kNpz, kCsv, kSafetensors };

// By the extension of `output`; kUsage for others.
Result<ExportFormat> ExportFormatOf(std::string_view output);

// Writes all; .npy and .csv hold one tensor, others are kUsage. What NumPy has no type for (bfloat16, 8-bit floats,
// quantized values) is written as float32, which holds it exactly but for quantized values, and said in `notes`.
// kUnsupported for what a format cannot hold.
Status ExportTensors(std::span<const ExportedTensor> tensors, ExportFormat format, OutputFile& out,
                     std::vector<std::string>* notes);

}  // namespace pthview
