#include "lib/analysis/scan/weights_only.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/scan/scan.h"
#include "lib/pickle/opcodes.h"

namespace pthview {
namespace {

using pickle::Opcode;

struct Name {
  std::string_view module;
  std::string_view name;
};

constexpr Opcode kOpcodes[] = {
    Opcode::kGlobal,    Opcode::kNewObj,     Opcode::kReduce,         Opcode::kBuild,     Opcode::kAppend,
    Opcode::kAppends,   Opcode::kSetItem,    Opcode::kSetItems,       Opcode::kMark,      Opcode::kTuple,
    Opcode::kTuple1,    Opcode::kTuple2,     Opcode::kTuple3,         Opcode::kNone,      Opcode::kNewFalse,
    Opcode::kNewTrue,   Opcode::kEmptyTuple, Opcode::kEmptyList,      Opcode::kEmptyDict, Opcode::kEmptySet,
    Opcode::kBinInt,    Opcode::kBinInt1,    Opcode::kBinInt2,        Opcode::kBinFloat,  Opcode::kBinUnicode,
    Opcode::kBinPersId, Opcode::kBinGet,     Opcode::kLongBinGet,     Opcode::kBinPut,    Opcode::kLongBinPut,
    Opcode::kLong1,     Opcode::kProto,      Opcode::kShortBinString, Opcode::kStop,
};

// Names that are allowed as they are, but for those of dtypes, storages and old tensor classes.
constexpr Name kAllowed[] = {
    {"collections", "OrderedDict"},
    {"collections", "Counter"},
    {"torch.nn.parameter", "Parameter"},
    {"torch.serialization", "_get_layout"},
    {"torch", "Size"},
    {"torch", "Tensor"},
    {"torch", "device"},
    {"_codecs", "encode"},
    {"builtins", "bytearray"},
    {"builtins", "set"},
    {"builtins", "complex"},
    {"torch._tensor", "_rebuild_from_type_v2"},
    {"torch._utils", "_rebuild_parameter"},
    {"torch._utils", "_rebuild_parameter_with_state"},
    {"torch._utils", "_rebuild_qtensor"},
    {"torch._utils", "_rebuild_tensor"},
    {"torch._utils", "_rebuild_tensor_v2"},
    {"torch._utils", "_rebuild_tensor_v3"},
    {"torch._utils", "_rebuild_sparse_tensor"},
    {"torch._utils", "_rebuild_meta_tensor_no_storage"},
    {"torch._utils", "_rebuild_nested_tensor"},
    {"torch._utils", "_rebuild_wrapper_subclass"},
    {"torch._utils", "_rebuild_device_tensor_from_numpy"},
    {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor"},
    {"torch.storage", "TypedStorage"},
    {"torch.storage", "UntypedStorage"},
    {"torch", "per_tensor_affine"},
    {"torch", "per_tensor_symmetric"},
    {"torch", "per_channel_affine"},
    {"torch", "per_channel_symmetric"},
    {"torch", "per_channel_affine_float_qparams"},
};

// torch.<name>
constexpr std::string_view kDTypes[] = {
    "bfloat16",       "bits16",
    "bits1x8",        "bits2x4",
    "bits4x2",        "bits8",
    "bool",           "int1",
    "int16",          "int2",
    "int3",           "int32",
    "int4",           "int5",
    "int6",           "int64",
    "int7",           "int8",
    "complex128",     "complex32",
    "complex64",      "float16",
    "float32",        "float64",
    "float8_e4m3fn",  "float8_e4m3fnuz",
    "float8_e5m2",    "float8_e5m2fnuz",
    "qint32",         "qint8",
    "quint2x4",       "quint4x2",
    "quint8",         "uint1",
    "uint16",         "uint2",
    "uint3",          "uint32",
    "uint4",          "uint5",
    "uint6",          "uint64",
    "uint7",          "uint8",
    "float8_e8m0fnu", "float4_e2m1fn_x2",
};

// Classes torch.<X>Storage, torch.<X>Tensor, and the same in torch.cuda; sparse tensors lack the last ones.
constexpr std::string_view kElements[] = {"Byte", "Char",  "Double",   "Float", "Half",         "Int",
                                          "Long", "Short", "BFloat16", "Bool",  "ComplexFloat", "ComplexDouble"};
constexpr size_t kSparseElements = 9;
constexpr size_t kTensorElements = 10;
constexpr std::string_view kQuantizedStorages[] = {"QInt32Storage", "QInt8Storage", "QUInt2x4Storage",
                                                   "QUInt4x2Storage", "QUInt8Storage"};

// What modules allow when they are imported.
struct Import {
  std::string_view module;
  Name allows;
};
constexpr Import kImports[] = {
    {"torch.distributed.tensor", {"torch.distributed.device_mesh", "DeviceMesh"}},
    {"torch.distributed.tensor", {"torch.distributed._mesh_layout", "_FlatLayout"}},
    {"torch.distributed.tensor", {"torch.distributed._mesh_layout", "_MeshLayout"}},
    {"torch.distributed.tensor", {"torch.distributed.tensor", "DTensor"}},
    {"torch.distributed.tensor", {"torch.distributed.tensor._dtensor_spec", "DTensorSpec"}},
    {"torch.distributed.tensor", {"torch.distributed.tensor._dtensor_spec", "ShardOrderEntry"}},
    {"torch.distributed.tensor", {"torch.distributed.tensor._dtensor_spec", "TensorMeta"}},
    {"torch.distributed.tensor", {"torch.distributed.tensor.placement_types", "Partial"}},
    {"torch.distributed.tensor", {"torch.distributed.tensor.placement_types", "Replicate"}},
    {"torch.distributed.tensor", {"torch.distributed.tensor.placement_types", "Shard"}},
    {"torch.distributed.tensor", {"torch.distributed.tensor.placement_types", "_StridedShard"}},
    {"torch.nested", {"torch.nested._internal.nested_tensor", "NestedTensor"}},
    {"torch.nested", {"torch.nested._internal.nested_tensor", "_rebuild_njt"}},
    {"torch._dynamo", {"torch._dynamo.decorators", "_DimRange"}},
};

constexpr std::string_view kBlocked[] = {"sys", "os", "posix", "nt"};

// Python 2's names, which the unpickler reads as Python 3's.
constexpr std::pair<std::string_view, std::string_view> kModules[] = {
    {"__builtin__", "builtins"},
    {"copy_reg", "copyreg"},
    {"Queue", "queue"},
    {"repr", "reprlib"},
    {"_abcoll", "collections.abc"},
    {"UserDict", "collections"},
    {"UserList", "collections"},
    {"UserString", "collections"},
    {"whichdb", "dbm"},
    {"StringIO", "io"},
    {"cStringIO", "io"},
};
struct Renamed {
  Name from;
  Name to;
};
constexpr Renamed kNames[] = {
    {{"__builtin__", "xrange"}, {"builtins", "range"}},   {{"__builtin__", "reduce"}, {"functools", "reduce"}},
    {{"__builtin__", "intern"}, {"sys", "intern"}},       {{"__builtin__", "unichr"}, {"builtins", "chr"}},
    {{"__builtin__", "unicode"}, {"builtins", "str"}},    {{"__builtin__", "long"}, {"builtins", "int"}},
    {{"__builtin__", "basestring"}, {"builtins", "str"}}, {{"exceptions", "StandardError"}, {"builtins", "Exception"}},
    {{"itertools", "izip"}, {"builtins", "zip"}},         {{"itertools", "imap"}, {"builtins", "map"}},
    {{"itertools", "ifilter"}, {"builtins", "filter"}},
};

struct Made {
  Name by;
  std::string_view type;
};
constexpr Made kMade[] = {
    {{"numpy.random._pickle", "__randomstate_ctor"}, "numpy.random.mtrand.RandomState"},
    {{"numpy.random", "__RandomState_ctor"}, "numpy.random.mtrand.RandomState"},
    {{"numpy.random._pickle", "__generator_ctor"}, "numpy.random._generator.Generator"},
};

std::pair<std::string, std::string> Python3(std::string_view module, std::string_view name) {
  for (const Renamed& row : kNames) {
    if (row.from.module == module && row.from.name == name) {
      return {std::string(row.to.module), std::string(row.to.name)};
    }
  }
  for (const auto& [from, to] : kModules) {
    if (from == module) return {std::string(to), std::string(name)};
  }
  return {std::string(module), std::string(name)};
}

bool IsElementClass(std::string_view module, std::string_view name) {
  const bool sparse = module == "torch.sparse" || module == "torch.cuda.sparse";
  if (!sparse && module != "torch" && module != "torch.cuda") return false;
  if (module == "torch" &&
      std::find(std::begin(kQuantizedStorages), std::end(kQuantizedStorages), name) != std::end(kQuantizedStorages)) {
    return true;
  }
  for (size_t i = 0; i < std::size(kElements); ++i) {
    if (!name.starts_with(kElements[i])) continue;
    const std::string_view rest = name.substr(kElements[i].size());
    if (rest == "Storage" && !sparse) return true;
    if (rest == "Tensor" && i < (sparse ? kSparseElements : kTensorElements)) return true;
  }
  return false;
}

bool IsAllowed(std::string_view module, std::string_view name) {
  if (std::any_of(std::begin(kAllowed), std::end(kAllowed),
                  [&](const Name& row) { return row.module == module && row.name == name; })) {
    return true;
  }
  if (module == "torch" && std::find(std::begin(kDTypes), std::end(kDTypes), name) != std::end(kDTypes)) return true;
  return IsElementClass(module, name);
}

}  // namespace

bool IsWeightsOnlyOpcode(uint8_t opcode) {
  static const auto known = [] {
    std::vector<bool> known(256, false);
    for (Opcode code : kOpcodes) known[static_cast<uint8_t>(code)] = true;
    return known;
  }();
  return known[opcode];
}

bool TakesItems(std::string_view module, std::string_view name) {
  return module == "collections" && (name == "OrderedDict" || name == "Counter");
}

std::string NumpyDTypeClass(std::string_view code) {
  static constexpr std::pair<std::string_view, std::string_view> kClasses[] = {
      {"b1", "Bool"},        {"?", "Bool"},          {"i1", "Int8"},    {"i2", "Int16"},       {"i4", "Int32"},
      {"i8", "Int64"},       {"u1", "UInt8"},        {"u2", "UInt16"},  {"u4", "UInt32"},      {"u8", "UInt64"},
      {"f2", "Float16"},     {"f4", "Float32"},      {"f8", "Float64"}, {"f16", "LongDouble"}, {"c8", "Complex64"},
      {"c16", "Complex128"}, {"c32", "CLongDouble"},
  };
  static constexpr std::pair<char, std::string_view> kOpenClasses[] = {
      {'O', "Object"}, {'S', "Bytes"}, {'U', "Str"}, {'V', "Void"}, {'M', "DateTime64"}, {'m', "TimeDelta64"}};
  if (!code.empty() && std::string_view("<>=|").find(code[0]) != std::string_view::npos) code.remove_prefix(1);
  for (const auto& [known, type] : kClasses) {
    if (known == code) return fmt::format("numpy.dtypes.{}DType", type);
  }
  for (const auto& [letter, type] : kOpenClasses) {
    if (!code.empty() && code[0] == letter) return fmt::format("numpy.dtypes.{}DType", type);
  }
  return {};
}

std::string_view ClassMadeBy(std::string_view module, std::string_view name) {
  for (const Made& row : kMade) {
    if (row.by.module == module && row.by.name == name) return row.type;
  }
  return {};
}

WeightsOnlyReport JudgeWeightsOnly(const std::vector<CodeUse>& code, const WeightsOnlyFacts& facts) {
  WeightsOnlyReport report;
  report.never = facts.refused;
  report.never_at = facts.refused_at;
  std::set<std::string, std::less<>> seen;
  const auto refuse = [&](std::string name) {
    if (seen.insert(name).second) report.refused.push_back(std::move(name));
  };
  for (const CodeUse& use : code) {
    if (use.source > CodeSource::kComputed) continue;
    // What getattr reaches needs to be allowed only when it is called.
    if (use.source == CodeSource::kComputed && use.call == CodeCall::kNone) continue;
    const auto [module, name] = Python3(use.module, use.name);
    if (std::find(std::begin(kBlocked), std::end(kBlocked), module) != std::end(kBlocked)) {
      if (report.never.empty()) {
        report.never = fmt::format("{}.{}, whose module is blocked", module, name);
        report.never_at = use.position;
      }
      continue;
    }
    if (IsAllowed(module, name)) continue;
    const auto import = std::find_if(std::begin(kImports), std::end(kImports), [&](const Import& row) {
      return row.allows.module == module && row.allows.name == name;
    });
    if (import == std::end(kImports)) {
      refuse(fmt::format("{}.{}", module, name));
    } else if (seen.insert(std::string(import->module)).second) {
      report.imports.emplace_back(import->module);
    }
  }
  for (const std::string& type : facts.classes) refuse(type);
  return report;
}

std::string WeightsOnlyReport::Line() const {
  if (refused.empty()) return {};
  std::string line = "torch.serialization.add_safe_globals([";
  for (size_t i = 0; i < refused.size(); ++i) {
    std::string_view name = refused[i];
    if (i > 0) line += ", ";
    if (name.starts_with("builtins.") || name.starts_with("__main__.")) {
      line += name.substr(9);
    } else if (name.starts_with("numpy.core.") || name.starts_with("numpy.random.__") ||
               name.starts_with("torch.distributed._tensor.") || name.starts_with("pathlib._local.")) {
      // The module only hands on the name: torch is told under which name the file asks for it.
      line += fmt::format("({0}, \"{0}\")", name);
    } else {
      line += name;
    }
  }
  return line + "])";
}

std::vector<std::string> WeightsOnlyReport::LineImports() const {
  std::set<std::string> modules;
  for (const std::string& name : refused) {
    if (name.starts_with("builtins.") || name.starts_with("__main__.")) continue;
    // Module names are lower case by custom; the first part with a capital is a class.
    size_t end = name.rfind('.');
    for (size_t at = name.find('.'); at != name.npos; at = name.find('.', at + 1)) {
      if (at + 1 < name.size() && name[at + 1] >= 'A' && name[at + 1] <= 'Z') {
        end = at;
        break;
      }
    }
    if (end != name.npos) modules.insert(name.substr(0, end));
  }
  modules.insert(imports.begin(), imports.end());
  return {modules.begin(), modules.end()};
}

}  // namespace pthview
