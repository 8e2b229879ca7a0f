#include "converters/onnx/weights.h"

#include <utility>

#include <fmt/format.h>

#include "converters/common/output_paths.h"
#include "converters/onnx/wire.h"
#include "lib/base/dtype.h"
#include "pthview_onnx.pb.h"

namespace pthview {
namespace {

using pthview_onnx::GraphProto;
using pthview_onnx::TensorProto;

void AddEntry(google::protobuf::RepeatedPtrField<pthview_onnx::StringStringEntryProto>* entries, const char* key,
              std::string value) {
  auto& entry = *entries->Add();
  entry.set_key(key);
  entry.set_value(std::move(value));
}

void SetExternal(const std::string& location, uint64_t offset, uint64_t length, TensorProto& proto) {
  proto.set_data_location(TensorProto::EXTERNAL);
  AddEntry(proto.mutable_external_data(), "location", location);
  AddEntry(proto.mutable_external_data(), "offset", std::to_string(offset));
  AddEntry(proto.mutable_external_data(), "length", std::to_string(length));
}

// What the numbers do not say themselves.
void SetMetadata(const Model& model, const Initializer& initializer, TensorProto& proto) {
  if (!initializer.also.empty()) {
    AddEntry(proto.mutable_metadata_props(), "pthview.also", fmt::format("{}", fmt::join(initializer.also, ", ")));
  }
  if (initializer.elements.change.empty()) return;
  const Tensor& tensor = *initializer.tensor;
  AddEntry(proto.mutable_metadata_props(), "pthview.dtype", std::string(DTypeName(tensor.dtype)));
  if (tensor.quantization == kNone) return;
  const Quantization& quantization = model.quantizations[tensor.quantization];
  if (quantization.per_channel) {
    AddEntry(proto.mutable_metadata_props(), "pthview.axis", std::to_string(quantization.axis));
  } else {
    AddEntry(proto.mutable_metadata_props(), "pthview.scale", fmt::format("{}", quantization.scale));
    AddEntry(proto.mutable_metadata_props(), "pthview.zero_point", std::to_string(quantization.zero_point));
  }
}

}  // namespace

// Real paths: runtimes refuse a path with a link in it, and `..`.
Status Weights::FindFiles(const std::string& output) {
  locations_.assign(model_.sources.size(), "");
  std::string folder = RealPath(FolderOf(output));
  for (size_t i = 0; i < model_.sources.size(); ++i) {
    const ByteSource& source = *model_.sources[i];
    if (source.descriptor() < 0) continue;
    std::string path = FileBehind(source);
    if (path.empty()) {
      return Error{.code = ErrorCode::kChanged,
                   .message = "the path leads to another file by now, so that nothing can point into this one",
                   .file = source.name(),
                   .hint = "try again, or use --weights external"};
    }
    auto below = RelativeBelow(folder, path);
    if (!below || ValidUtf8(*below) != *below) {
      return Error{
          .code = ErrorCode::kUsage,
          .message = !below ? "weights in place must lie in the folder of the ONNX file or below it"
                            : "the file's name is not UTF-8, so that ONNX cannot point into it",
          .file = output,
          .hint = !below ? fmt::format("write into {} or a folder above it, or use --weights external", FolderOf(path))
                         : "rename it, or use --weights external"};
    }
    locations_[i] = std::move(*below);
  }
  return Ok();
}

std::string Weights::Header(const Initializer& initializer) {
  TensorProto proto;
  proto.set_name(initializer.name);
  proto.set_data_type(initializer.elements.type);
  for (int64_t size : initializer.elements.dims) proto.add_dims(size);
  SetMetadata(model_, initializer, proto);
  if (mode_ != WeightsMode::kInline && initializer.nbytes > 0) {  // no element: no data, wherever
    if (mode_ == WeightsMode::kInPlace && initializer.range && !locations_[initializer.range->source].empty()) {
      SetExternal(locations_[initializer.range->source], initializer.range->offset, initializer.nbytes, proto);
    } else {
      uint64_t at = initializer.range ? side_.Place(*initializer.range)
                                      : side_.PlaceGathered(*initializer.tensor, initializer.nbytes);
      SetExternal(side_location_, at, initializer.nbytes, proto);
    }
  }
  return proto.SerializeAsString();
}

Status Weights::Place(WeightsMode mode, const std::string& output, std::vector<std::string>& notes) {
  mode_ = mode;
  side_location_ = BaseName(output) + ".data";
  side_ = {};
  headers_.clear();
  headers_.reserve(initializers_.size());
  if (mode == WeightsMode::kInPlace) PTHVIEW_TRY(FindFiles(output));
  size_ = 0;
  size_t moved = 0;
  for (const Initializer& initializer : initializers_) {
    uint64_t before = side_.size();
    headers_.push_back(Header(initializer));
    moved += side_.size() > before ? 1 : 0;
    uint64_t length = headers_.back().size();
    if (mode == WeightsMode::kInline && initializer.nbytes > 0) length += FieldSize(initializer.nbytes);
    size_ += FieldSize(length);
  }
  if (mode == WeightsMode::kInPlace && moved > 0) {
    notes.push_back(
        fmt::format("{} of {} tensors do not stand in the file as ONNX wants them (strided, compressed or "
                    "of another type); their {} bytes are in {}",
                    moved, initializers_.size(), side_.size(), side_location_));
  }
  return Ok();
}

Status Weights::WriteFields(OutputFile& out, Progress* progress) const {
  std::string head;
  for (size_t i = 0; i < initializers_.size(); ++i) {
    const Initializer& initializer = initializers_[i];
    bool data = mode_ == WeightsMode::kInline && initializer.nbytes > 0;
    uint64_t length = headers_[i].size() + (data ? FieldSize(initializer.nbytes) : 0);
    head.clear();
    AppendFieldHead(head, GraphProto::kInitializerFieldNumber, length);
    head += headers_[i];
    if (data) AppendFieldHead(head, TensorProto::kRawDataFieldNumber, initializer.nbytes);
    PTHVIEW_TRY(out.Write(head));
    if (!data) continue;
    if (initializer.range) {
      PTHVIEW_TRY(
          out.CopyFrom(*model_.sources[initializer.range->source], initializer.range->offset, initializer.nbytes));
    } else {
      PTHVIEW_TRY(WriteElements(model_, *initializer.tensor, out));
    }
    if (progress != nullptr) progress->Advance(initializer.nbytes);
  }
  return Ok();
}

}  // namespace pthview
