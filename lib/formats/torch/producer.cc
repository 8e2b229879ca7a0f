#include "lib/formats/torch/producer.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace pthview {
namespace {

// Source: torch/serialization.py of each version (_save writes these records without a condition), and the versions in
// which torch/__init__.py got a dtype.
struct RecordRow {
  std::string_view record;
  int since;
};
constexpr RecordRow kRecords[] = {{"data.pkl", 106}, {"byteorder", 201}, {".format_version", 207}};

struct DTypeRow {
  DType dtype;
  int since;
};
constexpr DTypeRow kDTypes[] = {
    {DType::kFloat8E4M3FN, 201},   {DType::kFloat8E5M2, 201},    {DType::kFloat8E4M3FNUZ, 202},
    {DType::kFloat8E5M2FNUZ, 202}, {DType::kUint16, 203},        {DType::kUint32, 203},
    {DType::kUint64, 203},         {DType::kFloat8E8M0FNU, 207}, {DType::kFloat4E2M1FNx2, 208},
};

std::string VersionText(int version) { return fmt::format("{}.{}", version / 100, version % 100); }

}  // namespace

Producer::Producer(const ZipArchive& zip) : oldest_(kRecords[0].since), newest_(0) {
  for (size_t i = 1; i < std::size(kRecords); ++i) {
    if (zip.FindInPrefix(kRecords[i].record) == nullptr) {
      newest_ = kRecords[i].since - 1;
      break;
    }
    oldest_ = kRecords[i].since;
  }
}

std::string Producer::Text(const Model& model) const {
  int oldest = oldest_;
  DType last = DType::kUnknown;
  for (const Tensor& tensor : model.tensors) {
    if (tensor.dtype == last) continue;
    last = tensor.dtype;
    for (const DTypeRow& row : kDTypes) {
      if (row.dtype == last && tensor.class_name.empty()) oldest = std::max(oldest, row.since);
    }
  }
  if (newest_ == 0) return fmt::format("torch {} or later", VersionText(oldest));
  if (oldest > newest_) return {};
  return oldest == newest_ ? "torch " + VersionText(oldest)
                           : fmt::format("torch {} to {}", VersionText(oldest), VersionText(newest_));
}

}  // namespace pthview
