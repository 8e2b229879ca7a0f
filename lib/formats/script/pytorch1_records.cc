#include "lib/formats/script/pytorch1_records.h"

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/bytes.h"

namespace pthview {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kStorageTag = 1;
constexpr uint64_t kFooterTag = 2;
constexpr size_t kHeader = 16;
constexpr size_t kMostRecords = 1'000'000;

}  // namespace

bool LooksLikePyTorch1(std::span<const std::byte> head) {
  return std::string_view(reinterpret_cast<const char*>(head.data()), head.size()).starts_with("PYTORCH1");
}

Result<std::vector<PlainRecord>> ReadPyTorch1(const ByteSource& source, Findings* findings) {
  std::vector<PlainRecord> records;
  std::byte header[kHeader];
  bool footer = false;
  uint64_t tree = 0;  // where the record of the module tree begins
  uint64_t at = kAlignment;
  while (!footer && source.size() >= kHeader && at <= source.size() - kHeader) {
    PTHVIEW_TRY(source.ReadAt(at, header));
    const auto tag = LoadLittle<uint64_t>(header);
    const auto value = LoadLittle<uint64_t>(header + 8);
    if (tag == kFooterTag) {
      footer = true;
      tree = value;
      break;
    }
    const uint64_t data = at + kAlignment;
    if (tag != kStorageTag || data > source.size()) break;
    if (records.size() == kMostRecords) {
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("the container has more than the {} records that are read", kMostRecords)};
    }
    records.push_back({std::to_string(at), data, value});
    if (value > source.size() - data) {
      findings->Add(Severity::kError, "truncated", records.back().name,
                    fmt::format("the record should have {} bytes, and the file ends after {} of them", value,
                                source.size() - data));
      break;
    }
    at = data + (value + kAlignment - 1) / kAlignment * kAlignment;
  }
  if (records.empty()) {
    return Error{.code = ErrorCode::kTruncated,
                 .message = "the PYTORCH1 container holds no record",
                 .offset = at,
                 .hint = "copy or download the file again"};
  }
  if (!footer) {
    findings->Add(
        Severity::kError, "truncated", "",
        fmt::format("no record and no footer of the container begins at byte {}; the last record before it is "
                    "taken for the module tree",
                    at));
    tree = records.back().offset - kAlignment;
  }
  for (PlainRecord& record : records) {
    if (record.offset == tree + kAlignment) {
      record.name = "model.json";
      return records;
    }
  }
  return Error{
      .code = ErrorCode::kCorrupt,
      .message = fmt::format("the footer of the PYTORCH1 container points to byte {}, where no record begins", tree),
      .offset = at};
}

}  // namespace pthview
