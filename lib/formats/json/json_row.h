// Reading the members of a JSON object without an exception: the first one that is not what it should be is remembered,
// and everything after reads as nothing. Look at status() when the row has been read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

class JsonRow {
 public:
  // `what` names the row in errors: "tensors[3]". Both outlive it.
  JsonRow(const nlohmann::json& object, const std::string& what);

  bool Has(const char* key) const;
  // Absent members read as "", 0, false, {}. What Text returns lives as long as the object.
  std::string_view Text(const char* key);
  int64_t Int(const char* key);
  uint64_t Uint(const char* key);
  double Number(const char* key);  // "NaN", "Infinity" and "-Infinity" too
  bool Bool(const char* key, bool when_absent = false);
  std::optional<bool> Maybe(const char* key);  // null or absent: nullopt
  // An index below `rows`, or kNone when absent.
  Index RowOf(const char* key, size_t rows);
  std::vector<int64_t> Ints(const char* key);
  std::vector<Index> Rows(const char* key, size_t rows);
  // The elements of an array member; empty when absent.
  const std::vector<nlohmann::json>& Array(const char* key);

  // The value whose name is the member's text.
  template <typename Enum, typename NameOf>
  Enum Named(const char* key, std::initializer_list<Enum> values, NameOf name_of) {
    std::string_view text = Text(key);
    for (Enum value : values) {
      if (text == name_of(value)) return value;
    }
    Fail(key, "is none of the names that it can be");
    return *values.begin();
  }

  void Fail(const char* key, std::string_view why);
  const Status& status() const { return status_; }

 private:
  const nlohmann::json* Find(const char* key) const;
  const nlohmann::json& object_;
  const std::string& what_;
  Status status_;
};

}  // namespace pthview
