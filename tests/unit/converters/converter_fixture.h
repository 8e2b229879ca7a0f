// A small model over bytes in memory or in a file, and the outputs of converters in a folder of the test's own.
#pragma once

#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "converters/converter.h"
#include "tests/unit/analysis/model_fixture.h"
#include "tests/unit/base/temporary_folder.h"

namespace pthview::testing {

inline std::vector<float> Ramp(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.5F);
  return values;
}

class ConverterTest : public ::testing::Test {
 protected:
  ConverterTest() {
    fixture_.model.file = "model.pth";
    fixture_.model.format_text = "made by hand";
    fixture_.AddPart(PartKind::kModel, "");
  }

  Model& model() { return fixture_.model; }

  // A contiguous float32 tensor whose values are Ramp.
  Index AddFloats(std::string_view name, std::vector<int64_t> shape) {
    size_t count = 1;
    for (int64_t size : shape) count *= static_cast<size_t>(size);
    Index index = fixture_.AddValues(std::move(shape), DType::kFloat32, Ramp(count));
    Rename(index, name);
    return index;
  }

  void Rename(Index index, std::string_view name) {
    model().tensors[index].name = model().tensors[index].path = model().arena.Copy(name);
  }

  // Puts the bytes of the last storage into a file of the folder, behind `skip` other bytes.
  void MoveToFile(const std::string& path, size_t skip) {
    Storage& storage = model().storages.back();
    std::vector<std::byte> bytes = *model().sources[storage.source]->Read(0, storage.nbytes);
    WriteText(path, std::string(skip, '#') + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    model().sources[storage.source] = *OpenFile(path);
    storage.offset = skip;
  }

  std::vector<Index> All() {
    std::vector<Index> all(model().tensors.size());
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  Result<ConvertReport> Convert(std::string_view converter, ConvertOptions options = {}) {
    options.output = options.output.empty() ? folder_ / "out" : options.output;
    return FindConverter(converter)->write(model(), selected_ ? *selected_ : All(), options);
  }

  TemporaryFolder folder_;
  ModelFixture fixture_;
  std::optional<std::vector<Index>> selected_;
};

}  // namespace pthview::testing
