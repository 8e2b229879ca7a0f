#include "converters/onnx/node_metadata.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "converters/onnx/unique_names.h"

namespace pthview {
namespace {

constexpr size_t kDeepest = 64;       // modules around a node
constexpr size_t kScopeBytes = 8192;  // of all their paths

std::string PythonString(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + quote;
}

}  // namespace

std::string PythonList(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ", ";
    out += PythonString(item);
  }
  return out + "]";
}

void SetProperty(pthview_onnx::NodeProto& proto, std::string_view key, std::string value) {
  if (value.empty()) return;
  auto& entry = *proto.add_metadata_props();
  entry.set_key(std::string(key));
  entry.set_value(std::move(value));
}

void SetScopes(const Model& model, Index module, std::string_view op, pthview_onnx::NodeProto& proto) {
  if (module == kNone) return;
  std::vector<Index> around;
  size_t bytes = 0;
  for (Index at = module; at != kNone; at = model.modules[at].parent) {
    around.push_back(at);
    bytes += model.modules[at].path.size() + model.modules[at].class_name.size();
    if (around.size() > kDeepest || bytes > kScopeBytes) return;
  }
  std::vector<std::string> names;
  std::vector<std::string> classes;
  for (size_t i = around.size(); i-- > 0;) {
    names.push_back(ValidUtf8(model.modules[around[i]].path));
    classes.push_back(ValidUtf8(model.modules[around[i]].class_name));
  }
  names.push_back(proto.name());
  classes.emplace_back(op);
  SetProperty(proto, "pkg.torch.onnx.name_scopes", PythonList(names));
  SetProperty(proto, "pkg.torch.onnx.class_hierarchy", PythonList(classes));
}

void SetInputNames(const std::vector<std::string>& names, pthview_onnx::NodeProto& proto) {
  if (!names.empty()) SetProperty(proto, "input_names", PythonList(names));
}

}  // namespace pthview
