#include "plugins/torchscript/compile.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/builtin_functions.h>
#include <torch/csrc/jit/frontend/script_type_parser.h>
#include <torch/csrc/jit/operator_upgraders/upgraders_entry.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/csrc/jit/serialization/import_source.h>
#include <torch/library.h>

#include "plugins/torchscript/source_text.h"
#include "plugins/torchscript/types.h"

namespace pthview::torchscript {
namespace {

using c10::Symbol;

proto::Finding Finding(std::string code, std::string where, std::string text) {
  proto::Finding finding;
  finding.set_severity(proto::Finding::WARNING);
  finding.set_code(std::move(code));
  finding.set_where(std::move(where));
  finding.set_text(std::move(text));
  return finding;
}

// The first line of what LibTorch says, and what stands behind `File` and `line` in it.
struct Said {
  std::string first;
  std::string file;
  size_t line = 0;
};
Said Read(std::string_view what) {
  Said said;
  size_t begin = what.find_first_not_of(" \n");
  if (begin == std::string_view::npos) begin = 0;
  said.first = what.substr(begin, std::min(what.find('\n', begin), what.size()) - begin);
  constexpr size_t kLongest = 300;
  if (said.first.size() > kLongest) said.first = said.first.substr(0, said.first.find(". ", 20)).substr(0, kLongest);
  while (said.first.ends_with(':') || said.first.ends_with(' ')) said.first.pop_back();
  constexpr std::string_view kFile = "File \"code/";
  constexpr std::string_view kLine = "\", line ";
  size_t file = what.find(kFile);
  size_t line = file == std::string_view::npos ? file : what.find(kLine, file);
  if (line == std::string_view::npos) return said;
  said.file = what.substr(file + kFile.size(), line - file - kFile.size());
  for (size_t i = line + kLine.size(); i < what.size() && what[i] >= '0' && what[i] <= '9' && i < line + 17; ++i) {
    said.line = said.line * 10 + static_cast<size_t>(what[i] - '0');
  }
  return said;
}

std::string Between(std::string_view text, std::string_view before, std::string_view end) {
  size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  at += before.size();
  return std::string(text.substr(at, std::min(text.find_first_of(end, at), text.size()) - at));
}

// ---- operators that this LibTorch does not have
// -----------------------------------------------------------------------

bool Exists(const std::string& name) {
  const Symbol symbol = Symbol::fromQualString(name);
  return !torch::jit::getAllOperatorsFor(symbol).empty() || !torch::jit::getAllBuiltinFunctionsFor(symbol).empty();
}

// A schema that takes anything as it is used, and gives tensors.
// False where LibTorch has it already: the same use in another file.
bool MakeUp(const OperatorUse& use, size_t number) {
  std::vector<c10::Argument> arguments;
  arguments.reserve(use.positional + use.keywords.size());
  for (size_t i = 0; i < use.positional; ++i) {
    arguments.emplace_back("a" + std::to_string(i), c10::AnyType::get());
  }
  for (const std::string& keyword : use.keywords) {
    arguments.emplace_back(keyword, c10::AnyType::get(), std::nullopt, std::nullopt, /*kwarg_only=*/true);
  }
  std::vector<c10::Argument> returns;
  returns.reserve(use.results);
  for (size_t i = 0; i < use.results; ++i) returns.emplace_back("", c10::TensorType::get());
  try {
    torch::jit::registerOperator(
        torch::jit::Operator(use.name, "use" + std::to_string(number), std::move(arguments), std::move(returns),
                             torch::jit::Operation([](torch::jit::Stack&) {}), c10::AliasAnalysisKind::CONSERVATIVE));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

// Constants have no bytes here, and where LibTorch asks whether two are equal (to keep one of them), each is itself
// alone.
void MakeConstantsDiffer() {
  static torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
  library.impl("equal", [](const at::Tensor& a, const at::Tensor& b) { return a.is_same(b); });
}

class Compiler {
 public:
  Compiler(const proto::ScriptProgram& program, const std::function<void(uint64_t)>& progress)
      : program_(program), progress_(progress) {
    for (const proto::ScriptSource& source : program.sources()) {
      rows_.emplace(source.name(), &source);
      std::string& text = texts_.emplace(source.name(), source.text()).first->second;
      for (const char* name : {"__setstate__", "__getstate__"}) BlankFunctionsNamed(text, name);
    }
  }

  Compiled Run() {
    torch::jit::populate_upgraders_graph_map();
    MakeConstantsDiffer();
    MakeConstants();
    MakeUpOperators();
    for (int repairs = 0;; ++repairs) {
      std::string what;
      try {
        if (Attempt()) break;
        what = "the archive has no source text for the class " + program_.root();
      } catch (const std::exception& error) {
        what = error.what();
      }
      if (repairs < kMostRepairs && Repair(what)) continue;
      compiled_.error = Read(what).first;
      compiled_.root = nullptr;
      break;
    }
    NoteOperators();
    return std::move(compiled_);
  }

 private:
  void MakeConstants() {
    for (const proto::ScriptConstant& constant : program_.constants()) {
      compiled_.constants.push_back(ConstantOf(constant));
    }
  }

  static c10::IValue ConstantOf(const proto::ScriptConstant& constant) {
    auto dtype = ScalarTypeOf(constant.dtype());
    if (!dtype) return {};
    try {
      // On the device that has no bytes.
      return at::empty(c10::IntArrayRef(constant.shape().data(), static_cast<size_t>(constant.shape_size())),
                       at::TensorOptions().dtype(dtype).device(c10::kMeta));
    } catch (const std::exception&) {
      return {};
    }
  }

  void MakeUpOperators() {
    std::map<std::string, bool> exists;
    for (const auto& [name, text] : texts_) {
      for (const OperatorUse& use : FindOperatorUses(text)) {
        auto [at, is_new] = exists.try_emplace(use.name, true);
        if (is_new) at->second = Exists(use.name);
        if (at->second) continue;
        made_up_[use.name].insert(name);
        MakeUp(use, number_++);
      }
    }
  }

  // An operator that is there and takes other arguments than it is given here: it was another one once.
  bool MakeUpSignature(std::string_view what) {
    std::string name;
    for (size_t at = what.find('\n'); at != std::string_view::npos && name.empty(); at = what.find('\n', at + 1)) {
      const std::string_view line = what.substr(at + 1, what.find_first_of("(\n", at + 1) - at - 1);
      const size_t begin = line.find_first_not_of(" \n");
      if (line.find("::") == std::string_view::npos || begin == std::string_view::npos) continue;
      name = line.substr(begin, line.find('.') - begin);
    }
    if (name.empty() || name.find_first_of(" \n") != std::string::npos || made_up_.contains(name)) return false;
    bool any = false;
    for (const auto& [file, text] : texts_) {
      for (const OperatorUse& use : FindOperatorUses(text)) {
        if (use.name != name) continue;
        MakeUp(use, number_++);
        made_up_[name].insert(file);
        any = true;
      }
    }
    return any;
  }

  // All at once, each with where it is used first.
  void NoteOperators() {
    for (const auto& [name, files] : made_up_) {
      compiled_.findings.push_back(Finding("unknown-operator", name,
                                           "LibTorch does not know this operator as code/" + *files.begin() +
                                               " uses it; its arguments and results are taken from there"));
    }
  }

  bool Attempt() {
    compiled_.sources.clear();
    compiled_.unit = std::make_shared<torch::jit::CompilationUnit>();
    loaded_.clear();
    torch::jit::SourceImporter importer(
        compiled_.unit, &compiled_.constants, [this](const std::string& qualifier) { return Load(qualifier); },
        program_.version());
    if (program_.root().empty()) {
      compiled_.root = ImportModules(importer);
      return compiled_.root != nullptr;
    }
    auto type = importer.loadType(c10::QualifiedName(program_.root()));
    compiled_.root = type == nullptr ? nullptr : type->cast<c10::ClassType>();
    return compiled_.root != nullptr;
  }

  // Archives of torch 1.0 and 1.1: modules with the text of their methods, and no classes.
  c10::ClassTypePtr ImportModules(torch::jit::SourceImporter& importer) {
    if (program_.modules().empty()) return nullptr;
    std::vector<torch::jit::Module> modules;
    std::map<std::string, size_t> by_path;
    for (const proto::ScriptModule& row : program_.modules()) {
      by_path.emplace(row.path(), modules.size());
      modules.emplace_back(c10::QualifiedName("__torch__." + ClassName(row.path())), compiled_.unit,
                           /*shouldMangle=*/true);
    }
    // Children before those that hold them: the methods of those speak of theirs.
    for (size_t i = modules.size(); i-- > 0;) {
      const proto::ScriptModule& row = program_.modules(static_cast<int>(i));
      for (const proto::ScriptAttribute& attribute : row.attributes()) {
        const bool tensor = attribute.type() == "Tensor";
        const c10::TypePtr type = tensor ? c10::TypePtr(c10::TensorType::get()) : ParseType(importer, attribute.type());
        modules[i].register_attribute(attribute.name(), type, tensor ? c10::IValue(at::Tensor()) : c10::IValue());
      }
      if (!row.source().empty()) {
        auto source = LoadFile(row.source());
        if (source != nullptr) importer.LEGACY_import_methods(modules[i], source);
      }
      if (i == 0) break;
      const size_t dot = row.path().rfind('.');
      auto around = by_path.find(dot == std::string::npos ? "" : row.path().substr(0, dot));
      if (around == by_path.end() || around->second >= i) continue;
      modules[around->second].register_module(row.path().substr(dot == std::string::npos ? 0 : dot + 1), modules[i]);
    }
    return modules[0].type();
  }

  // "layer1.0" becomes "layer1._0": steps of a qualified name are identifiers.
  static std::string ClassName(const std::string& path) {
    if (path.empty()) return "Model";
    std::string name;
    for (size_t i = 0; i < path.size(); ++i) {
      if (path[i] >= '0' && path[i] <= '9' && (i == 0 || path[i - 1] == '.')) name += '_';
      name += path[i];
    }
    return "Model." + name;
  }

  static c10::TypePtr ParseType(const torch::jit::SourceImporter& importer, const std::string& text) {
    if (text.starts_with("__torch__.") && text.find_first_of("[, ") == std::string::npos) {
      if (auto type = importer.loadType(c10::QualifiedName(text))) return type;
    }
    return torch::jit::ScriptTypeParser().parseType(text);
  }

  std::shared_ptr<torch::jit::Source> Load(const std::string& qualifier) {
    std::string name = qualifier;
    std::replace(name.begin(), name.end(), '.', '/');
    return LoadFile(name + ".py");
  }

  std::shared_ptr<torch::jit::Source> LoadFile(const std::string& name) {
    auto text = texts_.find(name);
    if (text == texts_.end()) return nullptr;
    auto source = std::make_shared<torch::jit::Source>(text->second, "code/" + name, 1);
    compiled_.sources.emplace(source.get(), rows_[name]);
    loaded_.push_back(source);
    progress_(text->second.size());
    return source;
  }

  // Takes out what LibTorch stumbles over; false when there is no telling what it is.
  bool Repair(const std::string& what) {
    const Said said = Read(what);
    if (std::string type = Between(what, "Unknown type name '", "'"); !type.empty()) {
      size_t count = 0;
      for (auto& [name, text] : texts_) count += ForgetType(text, type);
      if (count > 0) {
        compiled_.findings.push_back(
            Finding("unknown-class", type, "the archive has no source text for this class; it is taken for anything"));
        return true;
      }
    }
    if (said.first.starts_with("Arguments for call are not valid") && MakeUpSignature(what)) return true;
    auto text = texts_.find(said.file);
    if (text == texts_.end()) return false;
    const std::string function = BlankFunction(text->second, said.line);
    if (function.empty()) return false;
    compiled_.findings.push_back(Finding("not-compiled", function,
                                         "LibTorch does not compile it, so what it does is not shown: " + said.first +
                                             " (code/" + said.file + ", line " + std::to_string(said.line) + ")"));
    return true;
  }

  const proto::ScriptProgram& program_;
  const std::function<void(uint64_t)>& progress_;
  std::map<std::string, const proto::ScriptSource*> rows_;
  std::map<std::string, std::string> texts_;              // with what was taken out
  std::map<std::string, std::set<std::string>> made_up_;  // operators, with the files that use them
  size_t number_ = 0;                                     // of schemas that were made up
  std::vector<std::shared_ptr<torch::jit::Source>> loaded_;
  Compiled compiled_;
};

}  // namespace

Compiled Compile(const proto::ScriptProgram& program, const std::function<void(uint64_t)>& progress) {
  return Compiler(program, progress).Run();
}

}  // namespace pthview::torchscript
