// The rows that a DeepSpeed checkpoint has in the model: parameters, buffers, in parts.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/formats/spread/deepspeed_shares.h"
#include "lib/model/builder.h"

namespace pthview {

class DeepSpeedRows {
 public:
  DeepSpeedRows(ModelBuilder& builder, std::string folder) : builder_(builder), folder_(std::move(folder)) {}

  // The part whose path is `step`, "" being the model's own; made when it is first asked for.
  Index Part(std::string_view step);

  // A parameter of one rank, as its pieces are.
  void Add(Index part, const DeepSpeedParameter& parameter);
  // One whose bytes `source` gives (null: no data); only the first `rows` rows count, unless that is negative.
  void Add(Index part, const DeepSpeedParameter& parameter, std::unique_ptr<ByteSource> source, int64_t rows);
  void AddBuffer(Index part, const std::string& name, const Tensor& tensor);
  // `name` is the same as `original`, if that is in the part of this path; false when it is not.
  bool AddSame(std::string_view step, const std::string& name, const std::string& original);
  void AddPlain(DeepSpeedFile& file, std::string_view key);

  // Null when there is none; valid until the next Add.
  const Tensor* Find(Index part, const std::string& name) const;

 private:
  void AddRow(Index part, const std::string& name, Tensor tensor, TensorKind kind);
  std::string PathOf(Index part, const std::string& name) const;

  ModelBuilder& builder_;
  std::string folder_;
  std::map<std::string, Index, std::less<>> parts_;      // by step
  std::map<std::pair<Index, std::string>, Index> rows_;  // by part and name
};

}  // namespace pthview
