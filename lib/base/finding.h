// Finding: everything odd, lossy, assumed or dangerous about a file. Findings are part of the result, never only a log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pthview {

enum class Severity : uint8_t { kInfo, kWarning, kError, kDanger };

const char* SeverityName(Severity severity);  // "info", "warning", "error", "danger"

// "4,900": how numbers stand in the texts of findings.
std::string WithThousands(uint64_t value);

struct Finding {
  Severity severity = Severity::kInfo;
  std::string code;   // stable, lower case with hyphens: "storage-missing", "prefix", "unknown-class"
  std::string where;  // a path in the model (`state_dict.fc.weight`) or a record (`data.pkl`); may be empty
  std::string text;   // one sentence for a person
};

// Collects findings; past kPerCode of one code they are only counted, so that a hostile file cannot fill memory.
class Findings {
 public:
  static constexpr size_t kPerCode = 100;

  void Add(Severity severity, std::string_view code, std::string where, std::string text);
  // The findings in the order they came, with one closing row for each code that was cut ("... and 4,900 more").
  std::vector<Finding> Take() &&;
  bool empty() const { return findings_.empty(); }

 private:
  std::vector<Finding> findings_;
  std::vector<std::pair<std::string, uint64_t>> counts_;
};

}  // namespace pthview
