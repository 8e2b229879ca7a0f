// Where the bytes of the initializers go, and the TensorProto that says so for each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "converters/common/side_file.h"
#include "converters/onnx/initializers.h"
#include "lib/base/output_file.h"

namespace pthview {

enum class WeightsMode : uint8_t { kInline, kExternal, kInPlace };

class Weights {
 public:
  Weights(const Model& model, const std::vector<Initializer>& initializers)
      : model_(model), initializers_(initializers) {}

  // Decides where everything goes. `output` is the main file's path. kInPlace: kUsage when a file that holds weights
  // does not lie in output's folder or below it; `notes` says what had to go to a side file.
  Status Place(WeightsMode mode, const std::string& output, std::vector<std::string>& notes);

  // Bytes of all fields `initializer` of the GraphProto.
  uint64_t size() const { return size_; }
  Status WriteFields(OutputFile& out, Progress* progress) const;

  // What goes to the side file; empty in most cases.
  const SideLayout& side() const { return side_; }

 private:
  Status FindFiles(const std::string& output);
  std::string Header(const Initializer& initializer);

  const Model& model_;
  const std::vector<Initializer>& initializers_;
  WeightsMode mode_ = WeightsMode::kInline;
  std::string side_location_;
  std::vector<std::string> locations_;  // kInPlace: of each source; empty: not a file
  std::vector<std::string> headers_;    // serialized TensorProto without raw_data, one for each initializer
  SideLayout side_;
  uint64_t size_ = 0;
};

}  // namespace pthview
