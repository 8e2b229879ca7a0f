#include "lib/formats/global_judgement.h"

#include <algorithm>
#include <iterator>

#include "lib/formats/torch_globals.h"

namespace pthview {
namespace {

// Every name of these modules (and of the modules below them) acts on the world outside.
constexpr std::string_view kDangerousModules[] = {
    "os",        "posix",     "nt",        "subprocess", "sys",       "shutil",     "socket",    "ssl",
    "pty",       "commands",  "popen2",    "runpy",      "code",      "codeop",     "ctypes",    "_ctypes",
    "importlib", "imp",       "pkgutil",   "pip",        "urllib",    "urllib2",    "httplib",   "http",
    "requests",  "aiohttp",   "ftplib",    "smtplib",    "telnetlib", "webbrowser", "asyncio",   "multiprocessing",
    "threading", "signal",    "pdb",       "bdb",        "timeit",    "cProfile",   "profile",   "trace",
    "doctest",   "tempfile",  "io",        "_io",        "fileinput", "glob",       "pydoc",     "inspect",
    "gc",        "marshal",   "pickle",    "_pickle",    "cPickle",   "dill",       "cloudpickle", "joblib",
    "shelve",    "sqlite3",   "venv",      "ensurepip",  "distutils", "setuptools", "platform",  "idlelib",
    "lib2to3",   "uuid",      "logging.config", "torch.hub", "torch._inductor", "torch.utils.cpp_extension",
    "torch.utils.collect_env", "torch.utils._config_module", "torch.utils.bottleneck", "torch.jit.unsupported_tensor_ops",
    "torch._dynamo", "torch.fx.experimental", "numpy.f2py", "numpy.distutils", "numpy.testing", "numpy.ctypeslib",
    "bitsandbytes.cuda_setup", "test.support", "xmlrpc", "wsgiref", "antigravity", "mimetypes", "zipimport",
};

struct Name {
  std::string_view module;
  std::string_view name;
};
constexpr Name kDangerousNames[] = {
    {"builtins", "eval"},        {"builtins", "exec"},        {"builtins", "compile"},   {"builtins", "open"},
    {"builtins", "__import__"},  {"builtins", "getattr"},     {"builtins", "setattr"},   {"builtins", "delattr"},
    {"builtins", "globals"},     {"builtins", "locals"},      {"builtins", "vars"},      {"builtins", "breakpoint"},
    {"builtins", "input"},       {"builtins", "execfile"},    {"builtins", "file"},      {"builtins", "apply"},
    {"builtins", "map"},         {"builtins", "filter"},      {"operator", "attrgetter"}, {"operator", "methodcaller"},
    {"_operator", "attrgetter"}, {"_operator", "methodcaller"}, {"operator", "itemgetter"}, {"functools", "reduce"},
    {"types", "FunctionType"},   {"types", "CodeType"},       {"types", "LambdaType"},   {"torch", "load"},
    {"torch.serialization", "load"}, {"torch.jit", "load"},   {"torch", "hub"},          {"numpy", "load"},
    {"numpy", "fromfile"},       {"numpy", "memmap"},         {"pandas", "read_pickle"}, {"torch", "save"},
    {"linecache", "getline"},    {"getpass", "getpass"},      {"pathlib", "Path.unlink"},
};

// Reading builtins.getattr is what benign Python 2 pickles do as well, so it is judged as code that is not known.
constexpr Name kAmbiguous[] = {{"builtins", "getattr"}, {"operator", "itemgetter"}, {"uuid", "UUID"}, {"logging", "getLogger"}};

constexpr Name kHarmless[] = {
    {"argparse", "Namespace"},       {"datetime", "datetime"},        {"datetime", "date"},      {"datetime", "timedelta"},
    {"datetime", "timezone"},        {"pathlib", "PosixPath"},        {"pathlib", "WindowsPath"}, {"pathlib", "Path"},
    {"pathlib", "PurePosixPath"},    {"pathlib._local", "PosixPath"}, {"decimal", "Decimal"},    {"fractions", "Fraction"},
    {"collections", "deque"},        {"builtins", "object"},          {"builtins", "int"},       {"builtins", "float"},
    {"builtins", "str"},             {"builtins", "bool"},            {"builtins", "bytes"},     {"builtins", "slice"},
    {"builtins", "range"},           {"builtins", "type"},            {"builtins", "unicode"},   {"builtins", "long"},
    {"builtins", "NoneType"},        {"torch", "Generator"},          {"torch.serialization", "_get_layout"},
    {"types", "SimpleNamespace"},    {"torch.torch_version", "TorchVersion"}, {"torch", "Size"}, {"torch", "_C"},
};

std::string_view Canonical(std::string_view module) { return module == "__builtin__" ? "builtins" : module; }

template <size_t N>
bool Contains(const Name (&rows)[N], std::string_view module, std::string_view name) {
  return std::any_of(std::begin(rows), std::end(rows), [&](const Name& row) { return row.module == module && row.name == name; });
}

bool InModule(std::string_view module, std::string_view above) {
  return module.starts_with(above) && (module.size() == above.size() || module[above.size()] == '.');
}

}  // namespace

const char* JudgementName(Judgement judgement) {
  switch (judgement) {
    case Judgement::kData: return "data";
    case Judgement::kUnknown: return "unknown";
    case Judgement::kDangerous: return "dangerous";
  }
  return "unknown";
}

Judgement JudgeGlobal(std::string_view module, std::string_view name) {
  module = Canonical(module);
  if (MeaningOf(module, name).kind != GlobalKind::kUnknown || Contains(kHarmless, module, name)) return Judgement::kData;
  if (Contains(kAmbiguous, module, name)) return Judgement::kUnknown;
  if (Contains(kDangerousNames, module, name)) return Judgement::kDangerous;
  // STACK_GLOBAL reaches into classes: os.path.join is `os` `path.join`, and a harmless module may carry one that is not.
  std::string_view first = name.substr(0, name.find('.'));
  for (std::string_view dangerous : kDangerousModules) {
    if (InModule(module, dangerous) || (first != name && first == dangerous)) return Judgement::kDangerous;
  }
  if (first != name && (name.find("__globals__") != name.npos || name.find("__builtins__") != name.npos ||
                        name.find("__subclasses__") != name.npos || name.find("__class__") != name.npos)) {
    return Judgement::kDangerous;
  }
  return Judgement::kUnknown;
}

}  // namespace pthview
