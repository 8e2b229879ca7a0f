#include "tools/cli/csv.h"

namespace pthview {

bool IsPlainCell(std::string_view text) {
  return text.find_first_of(",\"\r\n") == std::string_view::npos &&
         (text.empty() || std::string_view("=+-@\t").find(text[0]) == std::string_view::npos);
}

std::string CsvCell(std::string_view text) {
  std::string cell(text);
  bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
  bool number = formula && text.size() > 1 && text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  if (formula && !number && text != "-inf") cell.insert(0, "'");
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (char c : cell) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace pthview
