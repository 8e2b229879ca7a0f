#include "lib/analysis/scan/scan_source.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_map>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

constexpr size_t kMostRows = 10'000;
constexpr size_t kLongest = 200;  // bytes of a name that are shown

// Operators of aten and of the distributed package that reach outside. Source: native_functions.yaml,
// torch/csrc/jit/serialization, torch/csrc/jit/runtime/register_distributed_ops.cpp.
constexpr std::string_view kReachOutside[] = {"save",     "from_file", "load",       "_load",
                                              "rpc_sync", "rpc_async", "rpc_remote", "_save",
                                              "open",     "read_file", "write_file", "decode_image_from_path"};

// Namespaces of operators and of classes that come with torch.
constexpr std::string_view kOwnNamespaces[] = {
    "aten",
    "prim",
    "prims",
    "quantized",
    "quantized_decomposed",
    "_quantized",
    "prepacked",
    "mkldnn",
    "profiler",
    "cuda",
    "mkldnn_prepacked",
    "sparse",
    "rngprims",
    "onednn",
    "inductor",
    "_caffe2",
    "xnnpack",
    "static_runtime",
    "tensorexpr_internal",
    "metal",
    "metal_prepack",
    "vulkan",
    "vulkan_prepack",
    "rnn",
    "nnapi",
    "_nnapi",
    "dist_c10d",
    "dist_rpc",
    "_test",
};

constexpr std::string_view kPythonCalls[] = {
    "os.system(", "os.popen(",   "os.exec",   "os.spawn",          "subprocess.",  "exec(",
    "eval(",      "__import__(", "compile(",  "pickle.load",       "marshal.load", "ctypes.",
    "socket.",    "urllib.",     "requests.", "shutil.rmtree(",    "torch.load(",  "runpy.",
    "importlib.", "pty.spawn(",  "builtins.", "base64.b64decode(", "os.remove(",   "os.unlink(",
};

bool IsWord(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// The identifier that stands at `at`.
std::string_view WordAt(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && IsWord(text[end])) ++end;
  return text.substr(at, end - at);
}

// Whether `at` begins a name and does not go on one ("model.eval" has no "eval" of its own).
bool BeginsName(std::string_view text, size_t at) { return at == 0 || (!IsWord(text[at - 1]) && text[at - 1] != '.'); }

template <size_t N>
bool Contains(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// Rows by name, counted.
class Rows {
 public:
  void Add(std::string_view module, std::string_view name, size_t at, CodeSource source, Judgement judgement,
           std::string_view remark) {
    std::string key = std::string(module).append(1, '\0').append(name);
    const auto [found, is_new] = index_.try_emplace(std::move(key), rows_.size());
    if (!is_new) {
      ++rows_[found->second].times;
      return;
    }
    if (rows_.size() >= kMostRows) {
      index_.erase(found);
      return;
    }
    CodeUse& row = rows_.emplace_back();
    row.module = EscapeName(module.substr(0, kLongest));
    row.name = EscapeName(name.substr(0, kLongest));
    row.source = source;
    row.judgement = judgement;
    row.position = at;
    row.remark = remark;
  }
  std::vector<CodeUse> Take() && { return std::move(rows_); }

 private:
  std::vector<CodeUse> rows_;
  std::unordered_map<std::string, size_t, TextHash> index_;
};

}  // namespace

std::vector<CodeUse> ScanTorchScript(std::string_view text) {
  Rows rows;
  constexpr std::string_view kClasses = "__torch__.torch.classes.";
  constexpr std::string_view kSetState = "def __setstate__";
  for (size_t at = text.find_first_of("ot_d"); at != text.npos; at = text.find_first_of("ot_d", at + 1)) {
    if (!BeginsName(text, at)) continue;
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("ops.")) {
      // ops.<namespace>.<operator>
      const std::string_view space = WordAt(text, at + 4);
      if (space.empty() || at + 4 + space.size() >= text.size() || text[at + 4 + space.size()] != '.') continue;
      const std::string_view name = WordAt(text, at + 5 + space.size());
      const std::string module = "ops." + std::string(space);
      if (Contains(kReachOutside, name)) {
        rows.Add(module, name, at, CodeSource::kOperator, Judgement::kDangerous, "reads or writes outside the model");
      } else if (!Contains(kOwnNamespaces, space)) {
        rows.Add(module, name, at, CodeSource::kOperator, Judgement::kUnknown, "an operator of an extension");
      }
    } else if (rest.starts_with("torch.")) {
      const std::string_view name = WordAt(text, at + 6);
      if (Contains(kReachOutside, name)) {
        rows.Add("torch", name, at, CodeSource::kOperator, Judgement::kDangerous, "reads or writes outside the model");
      }
    } else if (rest.starts_with(kClasses)) {
      const std::string_view space = WordAt(text, at + kClasses.size());
      if (!Contains(kOwnNamespaces, space)) {
        rows.Add("torch.classes", space, at, CodeSource::kOperator, Judgement::kUnknown, "a class of an extension");
      }
    } else if (rest.starts_with(kSetState)) {
      rows.Add("", "__setstate__", at, CodeSource::kSource, Judgement::kUnknown, "runs while loading");
    }
  }
  return std::move(rows).Take();
}

std::vector<CodeUse> ScanPython(std::string_view text) {
  Rows rows;
  for (size_t at = 0; at < text.size(); ++at) {
    if (!IsWord(text[at]) || !BeginsName(text, at)) continue;
    const std::string_view rest = text.substr(at);
    for (std::string_view call : kPythonCalls) {
      if (!rest.starts_with(call)) continue;
      const std::string_view name = call.ends_with('(') ? call.substr(0, call.size() - 1) : call;
      rows.Add("", std::string(name) + (call.ends_with('(') ? "" : "..."), at, CodeSource::kSource, Judgement::kUnknown,
               "used by a Python module inside the file");
      break;
    }
  }
  return std::move(rows).Take();
}

}  // namespace pthview
