#include "converters/json/model_writer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "converters/json/typed_json.h"
#include "lib/base/base64.h"
#include "lib/base/dtype.h"

namespace pthview {
namespace {

constexpr size_t kFlushBytes = size_t{1} << 16;

// Members that say nothing are left out.
void TextMember(JsonWriter& row, std::string_view key, std::string_view text) {
  if (!text.empty()) row.Key(key).String(text);
}
void IndexMember(JsonWriter& row, std::string_view key, Index index) {
  if (index != kNone) row.Key(key).Uint(index);
}

template <typename Items>
void Numbers(JsonWriter& row, std::string_view key, const Items& items) {
  row.Key(key).BeginArray();
  for (auto item : items) row.Int(static_cast<int64_t>(item));
  row.EndArray();
}

void Attributes(JsonWriter& row, const std::vector<Attribute>& attributes, const RowMap& tensors) {
  if (attributes.empty()) return;
  row.Key("attributes").BeginArray();
  for (const Attribute& attribute : attributes) {
    row.BeginObject().Key("name").String(attribute.name).Key("text").String(attribute.text);
    row.Key("origin").String(OriginName(attribute.origin));
    if (attribute.value.typed()) WriteTypedValue(row.Key("value"), attribute.value, tensors);
    IndexMember(row, "position", attribute.position);
    row.EndObject();
  }
  row.EndArray();
}

void Arguments(JsonWriter& row, std::string_view key, const std::vector<Argument>& arguments) {
  row.Key(key).BeginArray();
  for (const Argument& argument : arguments) {
    row.BeginObject().Key("name").String(argument.name);
    Numbers(row, "values", argument.values);
    IndexMember(row, "evidence", argument.evidence);
    IndexMember(row, "position", argument.position);
    row.EndObject();
  }
  row.EndArray();
}

}  // namespace

void ModelWriter::FlushWhenLarge() {
  if (buffer_.size() < kFlushBytes) return;
  if (status_) status_ = out_.Write(buffer_);
  buffer_.clear();
}

template <typename WriteRow>
void ModelWriter::Table(std::string_view name, size_t count, WriteRow write_row) {
  json_.Key(name).BeginArray();
  for (size_t i = 0; i < count && status_; ++i) {
    json_.Raw("");  // the separator; the row itself is written on one line
    JsonWriter row(&buffer_);
    row.BeginObject();
    write_row(row, i);
    row.EndObject();
    FlushWhenLarge();
  }
  json_.EndArray();
}

Status ModelWriter::Write() {
  json_.BeginObject();
  Head();
  Storages();
  Table("quantizations", rows_.quantizations.kept().size(),
        [&](JsonWriter& row, size_t i) { QuantizationRow(row, model_.quantizations[rows_.quantizations.kept()[i]]); });
  Table("components", rows_.components.kept().size(),
        [&](JsonWriter& row, size_t i) { TensorRow(row, model_.components[rows_.components.kept()[i]]); });
  Table("tensors", rows_.tensors.kept().size(),
        [&](JsonWriter& row, size_t i) { TensorRow(row, model_.tensors[rows_.tensors.kept()[i]]); });
  Table("modules", model_.modules.size(), [&](JsonWriter& row, size_t i) { ModuleRow(row, model_.modules[i]); });
  Table("graphs", model_.graphs.size(), [&](JsonWriter& row, size_t i) { GraphRow(row, model_.graphs[i]); });
  json_.Key("graph_roots").BeginArray(true);
  for (Index root : model_.graph_roots) json_.Uint(root);
  json_.EndArray();
  Table("metadata", model_.plain.size(), [&](JsonWriter& row, size_t i) {
    const PlainValue& plain = model_.plain[i];
    row.Key("path").String(plain.path).Key("kind").String(PlainKindName(plain.kind)).Key("text").String(plain.text);
    TextMember(row, "class", plain.class_name);
    IndexMember(row, "part", plain.part);
  });
  if (model_.content.given) {
    json_.Key("content_root");
    ContentItem(json_, model_.content.root);
    Table("content", model_.content.nodes.size(),
          [&](JsonWriter& row, size_t i) { ContentRow(row, model_.content.nodes[i]); });
  }
  Table("findings", model_.findings.size(), [&](JsonWriter& row, size_t i) {
    const Finding& finding = model_.findings[i];
    row.Key("severity").String(SeverityName(finding.severity)).Key("code").String(finding.code);
    row.Key("where").String(finding.where).Key("text").String(finding.text);
  });
  json_.EndObject();
  buffer_ += '\n';
  PTHVIEW_TRY(status_);
  return out_.Write(buffer_);
}

void ModelWriter::Head() {
  json_.Key("schema").String("pthview.model/1");
  json_.Key("file").String(model_.file).Key("format").String(model_.format);
  json_.Key("format_text").String(model_.format_text).Key("producer").String(model_.producer);
  json_.Key("pthview").String(PTHVIEW_VERSION).Key("data").String(data_.mode);
  Table("files", data_.files.size(), [&](JsonWriter& row, size_t i) {
    row.Key("name").String(data_.files[i].name).Key("nbytes").Uint(data_.files[i].nbytes);
  });
  Table("parts", model_.parts.size(), [&](JsonWriter& row, size_t i) {
    const Part& part = model_.parts[i];
    row.Key("kind").String(PartKindName(part.kind)).Key("path").String(part.path);
    IndexMember(row, "root", part.root);
    TextMember(row, "prefix", part.prefix);
  });
}

void ModelWriter::Storages() {
  Table("storages", rows_.storages.kept().size(), [&](JsonWriter& row, size_t i) {
    Index storage = rows_.storages.kept()[i];
    StorageRow(row, model_.storages[storage], data_.places[storage]);
  });
}

void ModelWriter::StorageRow(JsonWriter& row, const Storage& storage, const StoragePlace& place) {
  row.Key("key").String(storage.key);
  TextMember(row, "record", storage.record);
  row.Key("dtype").String(DTypeName(storage.dtype));
  TextMember(row, "device", storage.device);
  row.Key("nbytes").Uint(storage.nbytes);
  if (place.kind == StoragePlace::kFile) row.Key("file").Uint(place.file).Key("offset").Uint(place.offset);
  if (place.kind == StoragePlace::kBase64) Base64(row, storage);
}

void ModelWriter::QuantizationRow(JsonWriter& row, const Quantization& quantization) {
  row.Key("per_channel").Bool(quantization.per_channel);
  if (quantization.per_channel) {
    IndexMember(row, "scales", rows_.components[quantization.scales]);
    IndexMember(row, "zero_points", rows_.components[quantization.zero_points]);
    row.Key("axis").Int(quantization.axis);
  } else {
    row.Key("scale").Double(quantization.scale).Key("zero_point").Int(quantization.zero_point);
  }
}

void ModelWriter::TensorRow(JsonWriter& row, const Tensor& tensor) {
  row.Key("path").String(tensor.path).Key("name").String(tensor.name);
  IndexMember(row, "part", tensor.part);
  row.Key("kind").String(KindName(tensor.kind)).Key("dtype").String(DTypeName(tensor.dtype));
  Numbers(row, "shape", tensor.shape);
  row.Key("layout").String(LayoutName(tensor.layout));
  if (tensor.layout == Layout::kDense) {
    Numbers(row, "strides", tensor.strides);
    row.Key("offset").Int(tensor.offset);
    IndexMember(row, "storage", rows_.storages[tensor.storage]);
  }
  row.Key("numel").Int(tensor.numel).Key("nbytes").Uint(tensor.nbytes());
  TextMember(row, "device", tensor.device);
  row.Key("requires_grad");
  tensor.requires_grad ? row.Bool(*tensor.requires_grad) : row.Null();
  TextMember(row, "class", tensor.class_name);
  if (tensor.conj) row.Key("conj").Bool(true);
  if (tensor.neg) row.Key("neg").Bool(true);
  if (!tensor.persistent) row.Key("persistent").Bool(false);
  IndexMember(row, "same_as", rows_.tensors[tensor.same_as]);
  IndexMember(row, "quantization", rows_.quantizations[tensor.quantization]);
  if (tensor.component_count > 0) {
    row.Key("components").BeginArray();
    for (const Component& component : model_.ComponentsOf(tensor)) {
      row.BeginObject().Key("name").String(component.name);
      row.Key("tensor").Uint(rows_.components[component.tensor]).EndObject();
    }
    row.EndArray();
  }
  if (tensor.data != DataState::kPresent) row.Key("data").String(DataStateName(tensor.data));
}

void ModelWriter::ModuleRow(JsonWriter& row, const Module& module) {
  row.Key("path").String(module.path).Key("name").String(module.name);
  TextMember(row, "class", module.class_name);
  row.Key("origin").String(OriginName(module.origin));
  IndexMember(row, "parent", module.parent);
  Numbers(row, "children", module.children);
  row.Key("tensors").BeginArray();
  for (Index tensor : module.tensors) {
    if (rows_.tensors[tensor] != kNone) row.Uint(rows_.tensors[tensor]);
  }
  row.EndArray();
  Attributes(row, module.attributes, rows_.tensors);
  if (module.training) row.Key("training").Bool(*module.training);
  if (module.source.empty()) return;
  // Many modules may be of one class: its text is written once.
  auto [first, is_new] =
      sources_.try_emplace(module.source.data(), static_cast<Index>(&module - model_.modules.data()));
  is_new ? TextMember(row, "source", module.source) : IndexMember(row, "source_of", first->second);
}

void ModelWriter::GraphRow(JsonWriter& row, const Graph& graph) {
  row.Key("name").String(graph.name).Key("origin").String(OriginName(graph.origin));
  IndexMember(row, "part", graph.part);
  Numbers(row, "inputs", graph.inputs);
  Numbers(row, "outputs", graph.outputs);
  row.Key("values").BeginArray();
  for (const GraphValue& value : graph.values) {
    row.BeginObject().Key("name").String(value.name);
    TextMember(row, "type", value.type);
    IndexMember(row, "tensor", rows_.tensors[value.tensor]);
    if (value.value_type.known()) WriteType(row.Key("value_type"), value.value_type);
    row.EndObject();
    FlushWhenLarge();
  }
  row.EndArray().Key("nodes").BeginArray();
  for (const Node& node : graph.nodes) {
    NodeObject(row, node);
    FlushWhenLarge();
  }
  row.EndArray();
  WriteSymbols(row, graph);
  if (!graph.mutations.empty()) {
    row.Key("mutations").BeginArray();
    for (const Mutation& mutation : graph.mutations) {
      row.BeginObject().Key("value").Uint(mutation.value);
      IndexMember(row, "tensor", rows_.tensors[mutation.tensor]);
      IndexMember(row, "input", mutation.input);
      row.EndObject();
    }
    row.EndArray();
  }
  if (graph.evidence.empty()) return;
  row.Key("evidence").BeginArray();
  for (const Evidence& evidence : graph.evidence) {
    row.BeginObject().Key("kind").String(EvidenceName(evidence.kind)).Key("text").String(evidence.text).EndObject();
    FlushWhenLarge();
  }
  row.EndArray();
}

void ModelWriter::NodeObject(JsonWriter& row, const Node& node) {
  row.BeginObject().Key("name").String(node.name);
  TextMember(row, "domain", node.domain);
  row.Key("op").String(node.op);
  TextMember(row, "overload", node.overload);
  IndexMember(row, "module", node.module);
  Arguments(row, "inputs", node.inputs);
  Arguments(row, "outputs", node.outputs);
  Attributes(row, node.attributes, rows_.tensors);
  if (!node.blocks.empty()) Numbers(row, "blocks", node.blocks);
  TextMember(row, "location", node.location);
  TextMember(row, "source", node.source);
  if (node.call > 0) row.Key("call").Uint(node.call);
  row.EndObject();
}

// The string is written by hand: it may be far larger than memory.
void ModelWriter::Base64(JsonWriter& row, const Storage& storage) {
  constexpr uint64_t kBlock = 3 << 18;  // a multiple of 3, so that only the last block is padded
  row.Key("base64").Raw("\"");
  const ByteSource& source = *model_.sources[storage.source];
  for (uint64_t done = 0; done < storage.nbytes && status_;) {
    auto block = source.Read(storage.offset + done, std::min(kBlock, storage.nbytes - done));
    if (!block) {
      status_ = std::move(block).error();
      return;
    }
    if (Progress::Interrupted()) status_ = Error{ErrorCode::kInterrupted, "interrupted"};
    AppendBase64(buffer_, *block);
    done += block->size();
    if (progress_ != nullptr) progress_->Advance(block->size());
    FlushWhenLarge();
  }
  buffer_ += '"';
}

}  // namespace pthview
