#include "lib/formats/json/json_row.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace pthview {
namespace {

std::optional<int64_t> IntOf(const nlohmann::json& value) {
  if (value.is_number_unsigned()) {
    auto number = value.get<uint64_t>();
    if (number > INT64_MAX) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  return std::nullopt;
}

std::optional<Index> IndexBelow(const nlohmann::json& value, size_t rows) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= rows || value.get<uint64_t>() >= kNone) {
    return std::nullopt;
  }
  return static_cast<Index>(value.get<uint64_t>());
}

}  // namespace

JsonRow::JsonRow(const nlohmann::json& object, const std::string& what) : object_(object), what_(what) {
  if (!object.is_object()) status_ = Error{ErrorCode::kCorrupt, fmt::format("{} is not an object", what_)};
}

void JsonRow::Fail(const char* key, std::string_view why) {
  if (status_) status_ = Error{ErrorCode::kCorrupt, fmt::format("{}: '{}' {}", what_, key, why)};
}

const nlohmann::json* JsonRow::Find(const char* key) const {
  if (!object_.is_object()) return nullptr;
  auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

bool JsonRow::Has(const char* key) const { return Find(key) != nullptr; }

std::string_view JsonRow::Text(const char* key) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return {};
  if (const auto* text = value->get_ptr<const std::string*>()) return *text;
  Fail(key, "is not a string");
  return {};
}

int64_t JsonRow::Int(const char* key) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return 0;
  auto number = IntOf(*value);
  if (!number) Fail(key, "is not a whole number of 64 bits");
  return number.value_or(0);
}

uint64_t JsonRow::Uint(const char* key) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return 0;
  if (value->is_number_unsigned()) return value->get<uint64_t>();
  Fail(key, "is not a whole number from 0");
  return 0;
}

double JsonRow::Number(const char* key) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return 0;
  if (value->is_number()) return value->get<double>();
  if (*value == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (*value == "Infinity") return std::numeric_limits<double>::infinity();
  if (*value == "-Infinity") return -std::numeric_limits<double>::infinity();
  Fail(key, "is not a number");
  return 0;
}

std::optional<bool> JsonRow::Maybe(const char* key) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Fail(key, "is neither true nor false");
  return std::nullopt;
}

bool JsonRow::Bool(const char* key, bool when_absent) { return Maybe(key).value_or(when_absent); }

Index JsonRow::RowOf(const char* key, size_t rows) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return kNone;
  auto index = IndexBelow(*value, rows);
  if (!index) Fail(key, "is no row of the table that it points into");
  return index.value_or(kNone);
}

const std::vector<nlohmann::json>& JsonRow::Array(const char* key) {
  static const std::vector<nlohmann::json> kEmpty;
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return kEmpty;
  if (const auto* array = value->get_ptr<const nlohmann::json::array_t*>()) return *array;
  Fail(key, "is not an array");
  return kEmpty;
}

std::vector<int64_t> JsonRow::Ints(const char* key) {
  std::vector<int64_t> numbers;
  for (const nlohmann::json& item : Array(key)) {
    auto number = IntOf(item);
    if (!number) Fail(key, "holds what is not a whole number of 64 bits");
    numbers.push_back(number.value_or(0));
  }
  return numbers;
}

std::vector<Index> JsonRow::Rows(const char* key, size_t rows) {
  std::vector<Index> indices;
  for (const nlohmann::json& item : Array(key)) {
    auto index = IndexBelow(item, rows);
    if (!index) Fail(key, "holds what is no row of the table that it points into");
    if (index) indices.push_back(*index);
  }
  return indices;
}

}  // namespace pthview
