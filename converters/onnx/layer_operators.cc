#include "converters/onnx/layer_operators.h"

#include <algorithm>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "converters/onnx/operator_rows.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

// A class may have several rows: the first that fits decides.
std::span<const OperatorRow* const> RowsOf(const Node& node) {
  static const auto rows = [] {
    std::unordered_map<std::string_view, std::vector<const OperatorRow*>, TextHash> by_class;
    for (std::span<const OperatorRow> part : {WeightRows(), PlainRows()}) {
      for (const OperatorRow& row : part) {
        for (std::string_view rest = row.classes; !rest.empty();) {
          std::string_view name = rest.substr(0, rest.find(' '));
          by_class[name].push_back(&row);
          rest.remove_prefix(std::min(rest.size(), name.size() + 1));
        }
      }
    }
    return by_class;
  }();
  auto found = rows.find(std::string_view(node.op));
  if (found == rows.end()) return {};
  return found->second;
}

bool IsIn(std::string_view domain, const OperatorRow& row) {
  return domain.starts_with(row.domain) && (domain.size() == row.domain.size() || row.domain != kTorchDomain);
}

}  // namespace

std::optional<LayerOperator> OperatorOf(const Initializers& initializers, const Model& model, const Graph& graph,
                                        const Node& node, int opset) {
  for (const OperatorRow* row : RowsOf(node)) {
    if (row->since > opset || !IsIn(node.domain, *row)) continue;
    Layer layer(initializers, model, graph, node);
    if (!layer.TakeInputs(row->inputs) || !row->describe(layer)) continue;
    LayerOperator made = layer.Take();
    made.op = row->op;
    made.since = row->since;
    made.rank = row->rank;
    return made;
  }
  return std::nullopt;
}

}  // namespace pthview
