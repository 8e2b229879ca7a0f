// Model::content in the document: values that JSON has stand as they are, all others as an object of one member.
#include <cmath>

#include "converters/json/model_writer.h"
#include "lib/base/base64.h"
#include "lib/base/escape.h"

namespace pthview {

void ModelWriter::ContentItem(JsonWriter& row, ContentValue value) {
  auto of = [&](std::string_view key) -> JsonWriter& { return row.BeginObject().Key(key); };
  switch (value.kind) {
    case ContentKind::kNone: row.Null(); return;
    case ContentKind::kBool:
    case ContentKind::kInt:
    case ContentKind::kFloat:
      if (value.flag) {  // a NumPy scalar
        value.flag = false;
        of("numpy");
        ContentItem(row, value);
        row.EndObject();
      } else if (value.kind == ContentKind::kBool) {
        row.Bool(value.boolean);
      } else if (value.kind == ContentKind::kInt) {
        row.Int(value.integer);
      } else if (value.real == 0 && std::signbit(value.real)) {
        of("float").String("-0.0").EndObject();
      } else {
        of("float").Double(value.real).EndObject();
      }
      return;
    case ContentKind::kString: row.String(EscapeName(value.Text())); return;
    case ContentKind::kBytes:
    case ContentKind::kByteArray: {
      std::string digits;
      AppendBase64(digits, std::as_bytes(std::span(value.Text())));
      of(ContentKindName(value.kind)).String(digits).EndObject();
      return;
    }
    case ContentKind::kBigInt:
    case ContentKind::kDType:
    case ContentKind::kDevice:
    case ContentKind::kLayout:
    case ContentKind::kDescribed: of(ContentKindName(value.kind)).String(value.Text()).EndObject(); return;
    case ContentKind::kTensor:
      if (rows_.tensors[value.index] == kNone) {
        of("described").String("a tensor that was left out").EndObject();
        return;
      }
      of("tensor").Uint(rows_.tensors[value.index]);
      if (value.flag) row.Key("parameter").Bool(true);
      row.EndObject();
      return;
    default: of("node").Uint(value.index).EndObject();
  }
}

void ModelWriter::ContentRow(JsonWriter& row, const ContentNode& node) {
  row.Key("kind").String(ContentKindName(node.kind));
  if (!node.class_name.empty()) row.Key("class").String(node.class_name);
  if (node.attributes != ContentNode::kNoNode) row.Key("attributes").Uint(node.attributes);
  row.Key("items").BeginArray();
  for (uint32_t i = 0; i < node.count; ++i) {
    ContentItem(row, model_.content.items[node.first + i]);
    FlushWhenLarge();
  }
  row.EndArray();
}

}  // namespace pthview
