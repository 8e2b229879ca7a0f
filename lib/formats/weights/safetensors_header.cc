#include "lib/formats/weights/safetensors_header.h"

#include <optional>

#include <nlohmann/json.hpp>

namespace pthview {
namespace {

// {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__": {"key": "text", ...}}
//
// What stands deeper than that, or in another place, is passed over and leaves its entry incomplete.
class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafetensorsHeader header;
  std::optional<Error> error;

  bool start_object(size_t) override { return Open(false); }
  bool start_array(size_t) override { return Open(true); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(std::string& name) override {
    if (depth_ == 1) {
      in_metadata_ = name == "__metadata__";
      key_.swap(name);
    } else if (depth_ == 2 && in_metadata_) {
      key_.swap(name);
    } else if (depth_ == 2) {
      field_ = name == "dtype"          ? Field::kDType
               : name == "shape"        ? Field::kShape
               : name == "data_offsets" ? Field::kOffsets
                                        : Field::kOther;
    }
    return true;
  }

  bool string(std::string& text) override {
    if (depth_ == 2 && in_metadata_) {
      header.metadata.emplace_back(key_, text);
    } else if (depth_ == 2 && field_ == Field::kDType) {
      entry().dtype.swap(text);
    } else {
      return Other();
    }
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    bool in_list = depth_ == 3 && !in_metadata_;
    if (in_list && field_ == Field::kShape && value <= INT64_MAX) {
      entry().shape.push_back(static_cast<int64_t>(value));
    } else if (in_list && field_ == Field::kOffsets && offsets_ < 2) {
      (offsets_++ == 0 ? entry().begin : entry().end) = value;
    } else {
      return Other();
    }
    return true;
  }

  bool null() override { return Other(); }
  bool boolean(bool) override { return Other(); }
  bool number_integer(int64_t) override { return Other(); }
  bool number_float(double, const std::string&) override { return Other(); }
  bool binary(nlohmann::json::binary_t&) override { return Other(); }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    error = Error{.code = ErrorCode::kCorrupt, .message = "the header is no valid JSON", .offset = position};
    return false;
  }

 private:
  enum class Field { kOther, kDType, kShape, kOffsets };

  SafetensorsEntry& entry() { return header.entries.back(); }

  bool Open(bool array) {
    ++depth_;
    if (depth_ == 2 && !array && !in_metadata_) {
      header.entries.push_back({.name = key_, .complete = true});
      field_ = Field::kOther;
      offsets_ = 0;
      has_shape_ = false;
    } else if (depth_ == 2 && array) {
      if (in_metadata_) header.odd_metadata = true;
      if (!in_metadata_) header.entries.push_back({.name = key_});
      field_ = Field::kOther;
    } else if (depth_ == 3 && array && !in_metadata_ && field_ != Field::kOther && field_ != Field::kDType) {
      if (field_ == Field::kShape) has_shape_ = true;
    } else if (depth_ > 2) {
      return Other();
    }
    return true;
  }

  bool Close() {
    --depth_;
    if (depth_ == 1 && !in_metadata_ && (offsets_ != 2 || !has_shape_)) entry().complete = false;
    if (depth_ == 2) field_ = Field::kOther;
    return true;
  }

  // A value where none of its kind belongs.
  bool Other() {
    if (depth_ == 0) return false;
    if (in_metadata_) {
      header.odd_metadata = true;
    } else if (depth_ == 1) {
      header.entries.push_back({.name = key_});
    } else if (field_ != Field::kOther) {
      entry().complete = false;
    }
    return true;
  }

  size_t depth_ = 0;
  bool in_metadata_ = false;
  std::string key_;
  Field field_ = Field::kOther;
  int offsets_ = 0;
  bool has_shape_ = false;
};

}  // namespace

Result<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json) {
  Handler handler;
  bool whole = nlohmann::json::sax_parse(json, &handler);
  if (handler.error) return *handler.error;
  if (!whole) return Error{.code = ErrorCode::kCorrupt, .message = "the header is no JSON object"};
  return std::move(handler.header);
}

}  // namespace pthview
