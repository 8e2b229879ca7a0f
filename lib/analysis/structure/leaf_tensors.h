// The tensors of one module, sorted into the names that layers are known by. What the rules of leaf_rules.h look at.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "lib/model/model.h"

namespace pthview {

// Known names of a layer's tensors, relative to its module; their spellings are in leaf_tensors.cc.
enum class LeafName : uint8_t {
  kWeight,
  kBias,
  kRunningMean,
  kRunningVar,
  kNumBatchesTracked,
  kInProjWeight,
  kInProjBias,
  kQProjWeight,
  kKProjWeight,
  kVProjWeight,
  kBiasK,
  kBiasV,
  kOutProjWeight,
  kOutProjBias,
  kWeightIh,
  kWeightHh,
  kBiasIh,
  kBiasHh,
  kLoraDown,
  kLoraUp,
  kLoraScale,
  kBaseWeight,
  kBaseBias,
  kScale,
  kZeroPoint,
  kPackedWeight,
  kPackedBias,
  kPackedDtype,
  kScb,
  kWeightFormat,
  kAbsmax,
  kQuantMap,
  kNested,
  kQuantStateNf4,
  kQuantStateFp4,
  kQWeight,
  kQZeros,
  kScales,
  kGIdx,
  kWeightScale,
  kInputScale,
  kWeightG,
  kWeightV,
  kWeightOrig,
  kWeightU,
  kWeightMask,
  kBiasOrig,
  kBiasMask,
  kOriginal,
  kOriginal0,
  kOriginal1,
  kSpectralState,
  kWeightPacked,
  kWeightShape,
  kWeightZeroPoint,
  kWeightScale2,
  kHqqCodes,
  kHqqZero,
  kFlatParameter,
  kCount,
};

using LeafNames = uint64_t;  // a set of LeafName
static_assert(static_cast<int>(LeafName::kCount) <= 64);

constexpr LeafNames Names(std::initializer_list<LeafName> names) {
  LeafNames set = 0;
  for (LeafName name : names) set |= LeafNames{1} << static_cast<int>(name);
  return set;
}

class LeafTensors {
 public:
  // Looks at the module's own tensors and at those of children that some kind of layer has (out_proj, lora_A, ...).
  LeafTensors(const Model& model, const Module& module);

  // False when there is a tensor or a child of another name, or nothing at all: no rule fits then.
  bool known() const { return known_; }
  LeafNames names() const { return names_; }
  bool Has(LeafName name) const { return (names_ & Names({name})) != 0; }

  // The shape and type of a tensor; empty and kUnknown when it is not there.
  std::span<const int64_t> Shape(LeafName name) const;
  DType Type(LeafName name) const;
  size_t Rank(LeafName name) const { return Shape(name).size(); }
  // -1 when there is no such dimension.
  int64_t Dim(LeafName name, size_t dimension) const;
  // The bytes of a tensor that is a record of facts rather than a weight; empty when it has more than 4096, or lies
  // where reading it is not cheap (another machine).
  std::string SmallBytes(LeafName name) const;

  // The tensor `from` now stands for `to`, and `dropped` (and `from`) are gone: undoes a reparametrization.
  void Replace(LeafName from, LeafName to, LeafNames dropped);

  // Whether the last step of the module's path that is not a number contains one of `parts`, or one of `words` as a
  // whole run of letters; both lower case.
  bool NameContains(std::initializer_list<std::string_view> parts) const;
  bool NameHasWord(std::initializer_list<std::string_view> words) const;

 private:
  static constexpr size_t kMost = 16;
  struct Row {
    LeafName name;
    const Tensor* tensor;
  };
  std::array<Row, kMost> rows_;
  size_t count_ = 0;
  LeafNames names_ = 0;
  bool known_ = false;
  const Model* model_;
  std::string_view path_;

  void Gather(const Model& model, const Module& module, size_t skip, int depth);
  std::string Label() const;
};

// The part of a tensor's name that follows the first `skip` bytes (a module's path and its dot) of its name in the
// part.
std::string_view RelativeName(const Model& model, const Tensor& tensor, size_t skip);

}  // namespace pthview
