#include "lib/base/finding.h"

#include <algorithm>

namespace pthview {
std::string WithThousands(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

const char* SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "info";
    case Severity::kWarning: return "warning";
    case Severity::kError: return "error";
    case Severity::kDanger: return "danger";
  }
  return "info";
}

void Findings::Add(Severity severity, std::string_view code, std::string where, std::string text) {
  auto count = std::find_if(counts_.begin(), counts_.end(), [&](const auto& row) { return row.first == code; });
  if (count == counts_.end()) count = counts_.insert(counts_.end(), {std::string(code), 0});
  if (++count->second > kPerCode) return;
  findings_.push_back({severity, std::string(code), std::move(where), std::move(text)});
}

std::vector<Finding> Findings::Take() && {
  for (const auto& [code, count] : counts_) {
    if (count <= kPerCode) continue;
    auto first = std::find_if(findings_.begin(), findings_.end(), [&](const Finding& f) { return f.code == code; });
    findings_.push_back({first->severity, code, {}, "... and " + WithThousands(count - kPerCode) + " more"});
  }
  counts_.clear();
  return std::move(findings_);
}

}  // namespace pthview
