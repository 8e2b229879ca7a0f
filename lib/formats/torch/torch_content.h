// From the value tree of a PyTorch pickle to Model::content: the values themselves, for whoever writes them again.
//
// Runs behind the walk (torch_walk.h), which has listed the tensors. Sharing and cycles are kept. An nn.Module becomes
// an object with its state_dict and, by path, the class and the plain attributes of each module inside; any other
// object its attributes (`__args__` and `__items__` hold what it was called with and what was added to it). Functions,
// classes and what cannot be told are described in text.
#pragma once

#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/formats/torch/module_forms.h"
#include "lib/formats/torch/torch_tensors.h"
#include "lib/formats/torch/torch_values.h"
#include "lib/model/content.h"

namespace pthview {

class TorchContent {
 public:
  // `row_of` gives the row of Model::tensors that a value was listed as, or kNone.
  using RowOf = std::function<Index(pickle::Value)>;
  TorchContent(const TorchPickle& file, TorchValues& values, const TensorReader& tensors, ModuleForms& forms,
               RowOf row_of, Arena& arena)
      : file_(file),
        tree_(file.tree),
        values_(values),
        tensors_(tensors),
        forms_(forms),
        row_of_(std::move(row_of)),
        arena_(arena),
        module_budget_(static_cast<int64_t>(file.tree.end / 4 + 4096)) {}

  Content Read();

 private:
  using Pairs = std::span<const pickle::Pair>;
  struct Pending {
    pickle::Value value;
    uint32_t node;
  };

  ContentValue Make(pickle::Value value);
  ContentValue MakeObject(pickle::Value value);
  ContentValue MakeScalar(pickle::Value value);
  // The node of a container, known or new; new ones are filled later.
  ContentValue Container(pickle::Value value, ContentKind kind, uint32_t count, std::string_view class_name = {});
  void Fill(const Pending& pending);
  void FillPairs(uint32_t node, Pairs pairs);
  void FillModule(pickle::Value root, uint32_t node);
  ContentValue Entries(ContentKind kind, std::span<const ContentValue> items, std::string_view class_name = {});
  ContentValue Text(ContentKind kind, std::string_view text);
  ContentValue Described(pickle::Value value);
  std::string_view ClassOf(const ClassName& type);
  pickle::Value Untagged(pickle::Value value) const;

  const TorchPickle& file_;
  const pickle::Tree& tree_;
  TorchValues& values_;
  const TensorReader& tensors_;
  ModuleForms& forms_;
  RowOf row_of_;
  Arena& arena_;
  Content content_;
  int64_t module_budget_;  // entries of state_dicts: modules may be shared, and each place has names of its own
  std::unordered_map<uint64_t, uint32_t> node_of_;  // by identity
  std::unordered_map<const char*, std::pair<const char*, size_t>> long_texts_;
  std::unordered_map<std::string, std::string_view> class_names_;
  std::vector<Pending> pending_;
};

}  // namespace pthview
