#include "converters/onnx/element_type.h"

#include "lib/base/dtype.h"
#include "pthview_onnx.pb.h"

namespace pthview {
namespace {

using pthview_onnx::TensorProto;

// Whole numbers of the same width, for types that are only codes.
int CodesFor(DType dtype) {
  std::string_view name = DTypeName(dtype);
  if (name == "qint32") return TensorProto::INT32;
  if (name == "bits16") return TensorProto::UINT16;
  return name.starts_with("int") || name == "qint8" ? TensorProto::INT8 : TensorProto::UINT8;
}

}  // namespace

std::optional<OnnxElements> ElementsFor(const Tensor& tensor) {
  const DTypeInfo& info = Info(tensor.dtype);
  OnnxElements elements{.type = info.onnx, .dims = {tensor.shape.begin(), tensor.shape.end()}};
  if (info.kind == DTypeClass::kQuantized) {
    elements.type = CodesFor(tensor.dtype);
    elements.unpacked = info.items_per_byte > 1;
    elements.change = elements.unpacked ? "as their integer codes, a byte each, with scale and zero point beside them"
                                        : "as their integer codes, with scale and zero point beside them";
  } else if (info.kind == DTypeClass::kBits) {
    elements.type = CodesFor(tensor.dtype);
    elements.change = "as the integers that hold their bits";
  } else if (tensor.dtype == DType::kComplex32 || tensor.dtype == DType::kBComplex32) {
    const bool half = tensor.dtype == DType::kComplex32;
    elements.type = half ? TensorProto::FLOAT16 : TensorProto::BFLOAT16;
    elements.dims.push_back(2);
    elements.change =
        half ? "as pairs of float16, in a last dimension of 2" : "as pairs of bfloat16, in a last dimension of 2";
  } else if (tensor.dtype == DType::kFloat4E2M1FNx2) {
    if (elements.dims.empty() || elements.dims.back() > INT64_MAX / 2) {
      elements.type = TensorProto::UINT8;
    } else {
      elements.dims.back() *= 2;
    }
    elements.change = "with their numbers counted one by one, where torch counts bytes of two";
  }
  if (elements.type == 0) return std::nullopt;
  return elements;
}

int IrVersionFor(int type) {
  if (type == TensorProto::FLOAT4E2M1) return 11;
  if (type == TensorProto::FLOAT8E8M0) return 12;
  return 0;
}

}  // namespace pthview
