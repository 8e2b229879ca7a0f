#include "lib/formats/script/pt2_signature.h"

#include <string>

#include "lib/base/escape.h"
#include "lib/formats/script/pt2_schema.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

// sys.maxsize - 1 and -sys.maxsize - 1 stand for infinity.
constexpr int64_t kNoUpperBound = INT64_MAX - 1;

class SignatureReader {
 public:
  SignatureReader(Index part, Model& model) : model_(model) {
    for (Index i = 0; i < model.tensors.size(); ++i) {
      if (model.tensors[i].part == part) tensors_.emplace(model.tensors[i].name, i);
    }
  }

  ExportSignature Read(Json signature) && {
    for (Json spec : signature["input_specs"].elements()) {
      auto [kind, body] = UnionOf(spec);
      std::string_view input = body["arg"]["name"].Text();
      if (kind == "parameter") {
        SetWeight(input, body["parameter_name"].Text(), TensorKind::kParameter, true);
      } else if (kind == "buffer") {
        SetWeight(input, body["buffer_name"].Text(), TensorKind::kBuffer, body["persistent"].Bool().value_or(true));
      } else if (kind == "tensor_constant") {
        SetWeight(input, body["tensor_constant_name"].Text(), TensorKind::kConstant, false);
      }
    }
    for (const auto& [input, name] : signature["inputs_to_parameters"].members()) {
      SetWeight(input, name.Text(), TensorKind::kParameter, true);
    }
    for (const auto& [input, name] : signature["inputs_to_buffers"].members()) {
      SetWeight(input, name.Text(), TensorKind::kBuffer, true);
    }
    size_t place = 0;
    for (Json spec : signature["output_specs"].elements()) {
      auto [kind, body] = UnionOf(spec);
      if (kind == "buffer_mutation") {
        result_.written[place].tensor = Find(body["buffer_name"].Text());
      } else if (kind == "parameter_mutation") {
        result_.written[place].tensor = Find(body["parameter_name"].Text());
      } else if (kind == "user_input_mutation") {
        result_.written[place].input = body["user_input_name"].Text();
      }
      ++place;
    }
    for (const auto& [output, name] : signature["buffers_to_mutate"].members()) {
      result_.written_names[output].tensor = Find(name.Text());
    }
    return std::move(result_);
  }

 private:
  Index Find(std::string_view name) const {
    std::string path;
    AppendTextKey(path, name);
    auto found = tensors_.find(path);
    return found == tensors_.end() ? kNone : found->second;
  }

  void SetWeight(std::string_view input, std::string_view name, TensorKind kind, bool persistent) {
    Index tensor = Find(name);
    if (tensor == kNone) return;
    result_.weights.emplace(input, tensor);
    model_.tensors[tensor].kind = kind;
    model_.tensors[tensor].persistent = persistent;
  }

  Model& model_;
  std::unordered_map<std::string_view, Index, TextHash> tensors_;  // by name
  ExportSignature result_;
};

}  // namespace

Index ExportSignature::Weight(std::string_view name) const {
  auto found = weights.find(name);
  return found == weights.end() ? kNone : found->second;
}

const WrittenBack* ExportSignature::Written(size_t output, std::string_view name) const {
  if (auto found = written.find(output); found != written.end()) return &found->second;
  auto found = written_names.find(name);
  return found == written_names.end() ? nullptr : &found->second;
}

ExportSignature ReadSignature(Json signature, Index part, Model& model) {
  return SignatureReader(part, model).Read(signature);
}

std::vector<SymbolRange> ReadRanges(Json constraints) {
  std::vector<SymbolRange> ranges;
  for (const auto& [name, range] : constraints.members()) {
    SymbolRange& symbol = ranges.emplace_back();
    symbol.name = EscapeName(name);
    symbol.low = range["min_val"].Int();
    symbol.high = range["max_val"].Int();
    if (symbol.low && *symbol.low <= -kNoUpperBound) symbol.low.reset();
    if (symbol.high && *symbol.high >= kNoUpperBound) symbol.high.reset();
  }
  return ranges;
}

}  // namespace pthview
