#include "lib/formats/spread/deepspeed_rows.h"

#include <span>

#include "lib/base/escape.h"
#include "lib/formats/spread/deepspeed_join.h"
#include "lib/model/path.h"

namespace pthview {

Index DeepSpeedRows::Part(std::string_view step) {
  auto found = parts_.find(step);
  if (found != parts_.end()) return found->second;
  std::string path;
  if (!step.empty()) AppendTextKey(path, step);
  auto index = static_cast<Index>(builder_.model().parts.size());
  builder_.model().parts.push_back({.kind = PartKind::kModel, .path = builder_.arena().Copy(path)});
  parts_.emplace(step, index);
  return index;
}

std::string DeepSpeedRows::PathOf(Index part, const std::string& name) const {
  std::string path(builder_.model().parts[part].path);
  AppendTextKey(path, name);
  return path;
}

void DeepSpeedRows::AddRow(Index part, const std::string& name, Tensor tensor, TensorKind kind) {
  tensor.path = builder_.arena().Copy(PathOf(part, name));
  tensor.name = NameWithin(tensor.path, builder_.model().parts[part].path.size());
  tensor.part = part;
  tensor.kind = kind;
  rows_.emplace(std::pair(part, name), builder_.AddTensor(tensor));
}

void DeepSpeedRows::Add(Index part, const DeepSpeedParameter& parameter) {
  if (parameter.tensor) {
    AddRow(part, parameter.name, *parameter.tensor, TensorKind::kParameter);
    return;
  }
  if (parameter.pieces.size() != 1) {
    Add(part, parameter, SourceOf(builder_.model(), folder_, parameter), -1);
    return;
  }
  Storage storage{.source = parameter.pieces[0].source,
                  .offset = parameter.pieces[0].offset,
                  .nbytes = parameter.nbytes,
                  .dtype = parameter.dtype,
                  .key = builder_.arena().Copy(EscapeName(parameter.name))};
  TensorDraft draft{.shape = parameter.shape, .storage = builder_.AddStorage(storage), .dtype = parameter.dtype};
  AddRow(part, parameter.name, builder_.Check(draft, PathOf(part, parameter.name)), TensorKind::kParameter);
}

void DeepSpeedRows::Add(Index part, const DeepSpeedParameter& parameter, std::unique_ptr<ByteSource> source,
                        int64_t rows) {
  Shape shape = parameter.shape;
  if (rows >= 0 && !shape.empty()) shape[0] = rows;
  TensorDraft draft{.shape = shape, .dtype = parameter.dtype};
  if (source != nullptr) {
    Storage storage{.source = builder_.AddSource(std::move(source)),
                    .nbytes = parameter.nbytes,
                    .dtype = parameter.dtype,
                    .key = builder_.arena().Copy(EscapeName(parameter.name))};
    draft.storage = builder_.AddStorage(storage);
  }
  AddRow(part, parameter.name, builder_.Check(draft, PathOf(part, parameter.name)), TensorKind::kParameter);
}

void DeepSpeedRows::AddBuffer(Index part, const std::string& name, const Tensor& tensor) {
  AddRow(part, name, tensor, TensorKind::kBuffer);
}

bool DeepSpeedRows::AddSame(std::string_view step, const std::string& name, const std::string& original) {
  auto known = parts_.find(step);
  if (known == parts_.end()) return false;
  const Index part = known->second;
  auto found = rows_.find(std::pair(part, original));
  if (found == rows_.end()) return false;
  if (rows_.contains(std::pair(part, name))) return true;
  Tensor tensor = builder_.model().tensors[found->second];
  tensor.same_as = found->second;
  AddRow(part, name, tensor, TensorKind::kParameter);
  return true;
}

void DeepSpeedRows::AddPlain(DeepSpeedFile& file, std::string_view key) {
  const pickle::Value* value = file.Find(key);
  if (value == nullptr) return;
  PlainValue row{.path = builder_.arena().Copy(key), .part = Part(""), .kind = PlainKind::kString};
  if (value->IsText()) {
    row.text = builder_.arena().Copy(EscapeName(value->Text()));
  } else if (value->Is(pickle::Kind::kInt)) {
    row.kind = PlainKind::kInt;
    row.text = builder_.arena().Copy(std::to_string(value->integer));
  } else {
    return;
  }
  builder_.AddPlain(row);
}

const Tensor* DeepSpeedRows::Find(Index part, const std::string& name) const {
  auto found = rows_.find(std::pair(part, name));
  return found == rows_.end() ? nullptr : &builder_.model().tensors[found->second];
}

}  // namespace pthview
