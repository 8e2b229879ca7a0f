// scan: what loading a file with Python (or TorchScript with LibTorch) could import, call and run. Nothing is run and
// nothing is written; names are read off pickle opcodes and sources, and judged.
//
// It looks into zip and tar archives, gzip and xz wrappers, rows of pickles, pickles and torch files inside the byte
// strings of a pickle, numpy object arrays, TorchScript code, Python sources and native libraries, however they are
// called and marked: content decides. What it does not know is never reported as harmless, only as not known.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/analysis/scan/weights_only.h"
#include "lib/base/finding.h"
#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/formats/torch/global_judgement.h"

namespace pthview {

// How a piece of code is named.
enum class CodeSource : uint8_t {
  kGlobal,       // the opcode GLOBAL
  kInst,         // INST
  kStackGlobal,  // STACK_GLOBAL
  kExtension,    // EXT1, EXT2, EXT4: a number that stands for a global in a registry of Python's
  kComputed,     // put together while loading: an attribute of something named, or a name that is no literal
  kOperator,     // an operator or class that TorchScript code uses
  kSource,       // source code of the file itself
  kNative,       // a native library
};
const char* CodeSourceName(CodeSource source);  // "GLOBAL", ..., "operator", "source", "native"

// What the pickle does with it.
enum class CodeCall : uint8_t {
  kNone,      // only imported
  kReduce,    // called by REDUCE, ...
  kNewObj,    // instantiated by NEWOBJ
  kNewObjEx,  // NEWOBJ_EX
  kObj,       // OBJ
  kInst,      // INST
  kBuild,     // BUILD changes the attributes of the class or function itself
  kArgument,  // handed to a function that is called, as its first argument
};
const char* CodeCallName(CodeCall call);  // "", "REDUCE", ...

struct CodeUse {
  std::string module;  // escaped form; names of more than a thousand bytes are cut
  std::string name;
  std::string record;  // where: "archive/data.pkl", "a.tar > b.pth > archive/data.pkl"; empty: the file itself
  CodeSource source = CodeSource::kGlobal;
  CodeCall call = CodeCall::kNone;
  Judgement judgement = Judgement::kUnknown;
  uint64_t position = 0;                  // byte within the record where it is first named
  uint64_t called_at = 0;                 // byte of the first opcode that calls it; 0 when nothing does
  std::optional<uint64_t> file_position;  // `position` in the file, when the record stands there as it is
  uint64_t times = 1;                     // how often it is named
  std::string remark;                     // why it is judged so, when the name alone does not say; may be empty

  // "os.system"
  std::string FullName() const { return module.empty() ? name : module + "." + name; }
};

// One line for a person: "os.system, called at byte 123 of archive/data.pkl (GLOBAL at byte 100, REDUCE)".
std::string Describe(const CodeUse& use);

// Something that was looked at from its start as far as it goes.
struct LookedAt {
  std::string record;
  std::string kind;  // "pickle", "TorchScript", "Python", "native"
  uint64_t bytes = 0;
  uint64_t pickles = 0;  // in a row, for kind "pickle"
  uint64_t globals = 0;  // distinct names in them
  bool whole = true;     // false when a pickle breaks off; a finding says where
  std::string text;      // of source code that loading runs: its first 64 KB, as it stands there
};

struct ScanReport {
  std::string file;
  std::vector<std::string> wrappers;  // what the file is, outside in: "gzip", "zip"
  std::vector<CodeUse> code;          // in the order found; equal names of one record are one row
  std::vector<LookedAt> looked_at;
  std::vector<Finding> findings;
  // Of the pickle that torch.load reads; nullopt when it reads none of this file, or refuses it for another reason.
  std::optional<WeightsOnlyReport> weights_only;
  uint64_t size = 0;
  uint64_t records = 0;  // of all archives
  uint64_t pickles = 0;
  uint64_t globals = 0;
  // Records and files inside that could not be looked at, or not to their end.
  uint64_t unread = 0;

  uint64_t Count(Judgement judgement) const;
};

// What there is to say in one word, the worst first.
enum class ScanVerdict : uint8_t {
  kDangerous,  // something known to be dangerous is named
  kTricks,     // a finding of severity kDanger: an archive that programs read differently, or that keeps scanners out
  kPartial,    // not all of it could be looked at
  kUnknown,    // code is named that is not known
  kData,       // nothing but data is named
};
ScanVerdict VerdictOf(const ScanReport& report);
const char* VerdictName(ScanVerdict verdict);  // "dangerous", ..., "data"
// Whether nothing argues against loading the file but what is not known; with `strict`, nothing at all.
bool Passes(ScanVerdict verdict, bool strict);

// Errors: what opening gives, and kUnrecognized when nothing in the file is of a kind that is looked into.
Result<ScanReport> Scan(const std::string& path);
Result<ScanReport> Scan(const std::shared_ptr<const ByteSource>& source);

}  // namespace pthview
