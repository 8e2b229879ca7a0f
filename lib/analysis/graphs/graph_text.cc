#include "lib/analysis/graphs/graph_text.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/graphs/operators.h"
#include "lib/base/escape.h"

namespace pthview {
namespace {

constexpr size_t kLongestText = 2000;  // of one attribute

std::string Shown(std::string_view text) {
  if (text.size() <= kLongestText) return EscapeForTerminal(text);
  return EscapeForTerminal(text.substr(0, kLongestText)) + "...";
}

std::string ValueText(const Model& model, const GraphValue& value) {
  if (value.tensor != kNone) return "@" + Shown(model.tensors[value.tensor].name);
  return value.name.empty() ? "None" : "%" + Shown(value.name);
}

std::string Declared(const GraphValue& value) {
  std::string text = value.name.empty() ? "_" : "%" + Shown(value.name);
  if (!value.type.empty()) text += " : " + Shown(value.type);
  return text;
}

// What a person would type: strings with quotes.
std::string AttributeShown(const Attribute& attribute) {
  if (attribute.value.Is<std::string>()) return "'" + Shown(attribute.text) + "'";
  return Shown(attribute.text);
}

std::string InputText(const Model& model, const Graph& graph, const Argument& argument) {
  if (argument.values.size() == 1) return ValueText(model, graph.values[argument.values[0]]);
  std::string text = "[";
  for (Index value : argument.values) {
    if (text.size() > 1) text += ", ";
    text += ValueText(model, graph.values[value]);
  }
  return text + "]";
}

class Printer {
 public:
  Printer(const Model& model, const std::function<void(std::string_view)>& write) : model_(model), write_(write) {}

  // NOLINTNEXTLINE(misc-no-recursion): kDeepestBlock at most
  void Print(const Graph& graph, size_t indent, bool body) {
    std::string line(indent, ' ');
    line += body ? "block " : "graph ";
    line += Shown(graph.name) + "(";
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      if (i > 0) line += ", ";
      line += Declared(graph.values[graph.inputs[i]]);
    }
    write_(line + "):\n");
    for (const SymbolRange& symbol : graph.symbols) {
      write_(fmt::format("{:{}}# {}: {} to {}\n", "", indent + 2, Shown(symbol.name),
                         symbol.low ? std::to_string(*symbol.low) : "any",
                         symbol.high ? std::to_string(*symbol.high) : "any"));
    }
    for (const Node& node : graph.nodes) PrintNode(graph, node, indent + 2);
    for (const Mutation& mutation : graph.mutations) {
      std::string to = mutation.tensor != kNone  ? "@" + Shown(model_.tensors[mutation.tensor].name)
                       : mutation.input != kNone ? ValueText(model_, graph.values[mutation.input])
                                                 : "?";
      write_(fmt::format("{:{}}{} <- {}\n", "", indent + 2, to, ValueText(model_, graph.values[mutation.value])));
    }
    line.assign(indent + 2, ' ');
    line += body ? "-> (" : "return (";
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      if (i > 0) line += ", ";
      line += ValueText(model_, graph.values[graph.outputs[i]]);
    }
    write_(line + ")\n");
  }

 private:
  // NOLINTNEXTLINE(misc-no-recursion): kDeepestBlock at most
  void PrintNode(const Graph& graph, const Node& node, size_t indent) {
    std::string line(indent, ' ');
    bool first = true;
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) {
        if (!first) line += ", ";
        first = false;
        line += Declared(graph.values[value]);
      }
    }
    if (!first) line += " = ";
    line += node.op.empty() ? "?" : Shown(OperatorName(node));
    if (!node.overload.empty()) line += "." + Shown(node.overload);
    line += "(" + ArgumentsText(model_, graph, node) + ")";
    std::string from;
    if (node.module != kNone) from = Shown(model_.modules[node.module].path);
    if (!node.location.empty()) {
      if (!from.empty()) from += ", ";
      from += Shown(node.location);
    }
    if (!from.empty()) line += "  # " + from;
    write_(line + "\n");
    for (Index block : node.blocks) Print(model_.graphs[block], indent + 2, true);
  }

  const Model& model_;
  const std::function<void(std::string_view)>& write_;
};

}  // namespace

std::string ArgumentsText(const Model& model, const Graph& graph, const Node& node) {
  struct Part {
    Index position;
    std::string text;
  };
  std::vector<Part> parts;
  auto named = [](const std::string& name, const std::string& text) {
    return name.empty() ? text : Shown(name) + "=" + text;
  };
  for (const Argument& argument : node.inputs) {
    // A list of numbers and values stands among the attributes as a whole.
    bool whole = std::any_of(node.attributes.begin(), node.attributes.end(), [&](const Attribute& attribute) {
      return attribute.position != kNone && attribute.position == argument.position;
    });
    if (!whole) parts.push_back({argument.position, named(argument.name, InputText(model, graph, argument))});
  }
  for (const Attribute& attribute : node.attributes) {
    parts.push_back({attribute.position, named(attribute.name, AttributeShown(attribute))});
  }
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.position < b.position; });
  std::string text;
  for (const Part& part : parts) {
    if (!text.empty()) text += ", ";
    text += part.text;
  }
  return text;
}

void WriteGraphText(const Model& model, const Graph& graph, const std::function<void(std::string_view)>& write) {
  Printer(model, write).Print(graph, 0, false);
}

}  // namespace pthview
