#include "lib/model/model.h"

#include <utility>

namespace pthview {

std::string_view LayoutName(Layout layout) {
  switch (layout) {
    case Layout::kDense: return "strided";
    case Layout::kSparseCoo: return "sparse_coo";
    case Layout::kSparseCsr: return "sparse_csr";
    case Layout::kSparseCsc: return "sparse_csc";
    case Layout::kSparseBsr: return "sparse_bsr";
    case Layout::kSparseBsc: return "sparse_bsc";
    case Layout::kNested: return "nested";
    case Layout::kWrapper:
      return "wrapper";  // torch's word for subclasses that hold tensors: DTensor, ShardedTensor, ...
  }
  return "strided";
}

std::string_view KindName(TensorKind kind) {
  switch (kind) {
    case TensorKind::kParameter: return "parameter";
    case TensorKind::kBuffer: return "buffer";
    case TensorKind::kConstant: return "constant";
    case TensorKind::kState: return "state";
  }
  return "state";
}

std::string_view DataStateName(DataState state) {
  switch (state) {
    case DataState::kPresent: return "present";
    case DataState::kMissing: return "missing";
    case DataState::kOutOfBounds: return "oob";
    case DataState::kMeta: return "meta";
  }
  return "missing";
}

std::string_view PlainKindName(PlainKind kind) {
  switch (kind) {
    case PlainKind::kNone: return "none";
    case PlainKind::kBool: return "bool";
    case PlainKind::kInt: return "int";
    case PlainKind::kFloat: return "float";
    case PlainKind::kString: return "string";
    case PlainKind::kBytes: return "bytes";
    case PlainKind::kSequence: return "sequence";
    case PlainKind::kEmpty: return "empty";
    case PlainKind::kObject: return "object";
  }
  return "object";
}

std::string_view EvidenceName(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::kClass: return "class";
    case EvidenceKind::kPattern: return "pattern";
    case EvidenceKind::kShapes: return "shapes";
  }
  return "?";
}

std::string_view OriginName(Origin origin) { return origin == Origin::kRecorded ? "recorded" : "inferred"; }

Attribute TypedAttribute(std::string name, AttributeValue value, Index position) {
  std::string text = AttributeText(value);
  return {std::move(name), std::move(text), Origin::kRecorded, std::move(value), position};
}

std::string_view PartKindName(PartKind kind) {
  switch (kind) {
    case PartKind::kModel: return "model";
    case PartKind::kEma: return "ema";
    case PartKind::kOptimizer: return "optimizer";
    case PartKind::kScheduler: return "scheduler";
    case PartKind::kOther: return "other";
  }
  return "other";
}

}  // namespace pthview
