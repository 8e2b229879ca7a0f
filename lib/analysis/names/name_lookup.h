// Finding what a person means by a name: exactly, by module, by pattern, by a part of it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

// Hits in the file's order. The first way that finds anything is the one that counts.
struct Lookup {
  enum class How : uint8_t {
    kNone,
    kName,      // the name of a tensor, or of an optimizer's state (state_name.h)
    kPath,      // the path of a tensor or plain value
    kPrefixed,  // the name without the wrapper's prefix that all names of its part carry
    kModule,    // a module's name or the path of a dict or list: everything below it
    kPrefixedModule,
    kGlob,       // a pattern, against names and paths
    kSubstring,  // anywhere in a name or path
  };
  How how = How::kNone;
  std::vector<Index> tensors;  // into Model::tensors
  std::vector<Index> plain;    // into Model::plain
  // Into Model::components: a tensor that stands behind another, by its whole path or name ("w.values"). Only where
  // nothing else is called so.
  std::vector<Index> components;
  std::string explanation;  // "'conv1' is module 'module.conv1', with 2 tensors"; empty for kName, kPath and kNone

  size_t size() const { return tensors.size() + plain.size() + components.size(); }
};

// What is looked through: every tensor and plain value, unless a function is set that says which.
struct LookupAmong {
  std::function<bool(const Tensor&)> tensors;
  std::function<bool(const PlainValue&)> plain;
};
Lookup FindByName(const Model& model, std::string_view query, const LookupAmong& among = {});

// Names and paths that look like `query`, for when FindByName finds none.
std::vector<std::string> SuggestNames(const Model& model, std::string_view query);

}  // namespace pthview
