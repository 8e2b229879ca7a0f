// The content of an annotated JSON document: values of Python with their types, see converters/json/content_writer.cc.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/formats/json/json_row.h"
#include "lib/model/builder.h"

namespace pthview {

class AnnotatedJsonContent {
 public:
  // Tensors have been read.
  explicit AnnotatedJsonContent(ModelBuilder& builder) : builder_(builder) {}

  void ReadRoot(const nlohmann::json& value);
  void ReadNode(JsonRow& row);
  // Checks that every number is one of a node, and gives the content to the model. kCorrupt names what is wrong.
  Status Finish();

 private:
  ContentValue Value(const nlohmann::json& value);
  ContentValue Fail(std::string why);
  ContentValue Text(ContentKind kind, std::string text);

  ModelBuilder& builder_;
  Content content_;
  std::string failure_;
};

}  // namespace pthview
