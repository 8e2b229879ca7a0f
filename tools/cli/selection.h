// Which tensors and plain values of a model a verb works on: --all, --part, --include, --exclude; and what they are
// called.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/names/state_name.h"
#include "lib/model/model.h"
#include "tools/cli/arguments.h"

namespace pthview {

struct Selection {
  std::vector<Index> tensors;      // into Model::tensors, in the file's order
  bool names_collide = false;      // some name stands in several of the listed parts: those are called by their path
  std::vector<std::string> notes;  // what was left out or assumed, for standard error
  std::vector<uint8_t> use_path;   // by position in `tensors`; empty unless names_collide

  // The name to show for tensors[i].
  std::string_view NameOf(const Model& model, size_t i) const {
    const Tensor& tensor = model.tensors[tensors[i]];
    return names_collide && use_path[i] != 0 ? tensor.path : tensor.name;
  }
  // The same for people: a state of an optimizer stands under its parameter's name. `made` holds the text when there is
  // no such text in the model.
  std::string_view ShownNameOf(const Model& model, size_t i, std::string* made) const {
    const Tensor& tensor = model.tensors[tensors[i]];
    if (tensor.state_of == kNone || (names_collide && use_path[i] != 0)) return NameOf(model, i);
    *made = StateName(model, tensor);
    return *made;
  }
};

// What --part, --include and --exclude leave; everything, where none of them is given. Points into the model.
class Narrowing {
 public:
  // kNotFound, with what may have been meant: nothing in the file stands at or below a --part, or no --include fits
  // anything in it.
  static Result<Narrowing> Of(const Model& model, const Arguments& arguments);

  bool Has(const Tensor& tensor) const;
  bool Has(const PlainValue& plain) const;
  bool Has(const Part& part) const;
  bool by_part() const { return !parts_.empty(); }
  bool by_name() const { return !include_.empty(); }
  // Each --include that fits nothing in the file.
  const std::vector<std::string>& unfit() const { return unfit_; }

 private:
  explicit Narrowing(const Model& model) : model_(&model) {}
  bool InParts(std::string_view path) const;
  bool InGlobs(std::string_view name, std::string_view path) const;

  const Model* model_;
  std::vector<std::string> parts_;
  std::vector<std::string> include_;
  std::vector<std::string> exclude_;
  std::vector<std::string> unfit_;
};

enum class Scope : uint8_t { kModels, kEverything };

// For verbs that list or write: the parts of kind model, or everything, unless --part or --all chooses others; then
// what Narrowing leaves. What is left out without having been asked for is noted. kNotFound when --include fits nothing
// of what the other options choose.
Result<Selection> SelectTensors(const Model& model, const Arguments& arguments, Scope scope = Scope::kModels);

}  // namespace pthview
