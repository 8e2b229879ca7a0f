#include "converters/converter.h"
#include "converters/json/json_converter.h"
#include "converters/onnx/onnx_converter.h"
#include "converters/safetensors/safetensors_converter.h"
#include "converters/torch/torch_converter.h"

namespace pthview {
namespace {

constexpr std::string_view kOnnxExtensions[] = {".onnx"};
constexpr std::string_view kJsonExtensions[] = {".json"};
constexpr std::string_view kSafetensorsExtensions[] = {".safetensors"};
constexpr std::string_view kTorchExtensions[] = {".pth", ".pt", ".ckpt"};
constexpr std::string_view kOnnxOptions[] = {"weights", "graph"};
constexpr std::string_view kJsonOptions[] = {"data"};

constexpr Converter kConverters[] = {
    {"onnx", "ONNX model with the layers as nodes and the weights as initializers", kOnnxExtensions, kOnnxOptions,
     false, WriteOnnx},
    {"json", "annotated JSON of everything read, which opens again as an input", kJsonExtensions, kJsonOptions, true,
     WriteJson},
    {"safetensors",
     "safetensors, with annotated JSON beside it for what it cannot hold",
     kSafetensorsExtensions,
     {},
     true,
     WriteSafetensors},
    {"pth",
     "a clean PyTorch checkpoint that torch.load(weights_only=True) opens",
     kTorchExtensions,
     {},
     true,
     WriteTorch},
};

}  // namespace

std::span<const Converter> Converters() { return kConverters; }

const Converter* FindConverter(std::string_view name) {
  for (const Converter& converter : kConverters) {
    if (converter.name == name) return &converter;
  }
  return nullptr;
}

const Converter* ConverterForPath(std::string_view path) {
  for (const Converter& converter : kConverters) {
    for (std::string_view extension : converter.extensions) {
      if (path.ends_with(extension)) return &converter;
    }
  }
  return nullptr;
}

}  // namespace pthview
