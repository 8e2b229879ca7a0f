#include "lib/analysis/scan/scan.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/analysis/scan/scan_pickle.h"
#include "lib/analysis/scan/scan_source.h"
#include "lib/analysis/scan/scan_text.h"
#include "tests/unit/container/zip_builder.h"

namespace pthview {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

std::unique_ptr<ByteSource> Memory(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return OpenMemory("file", {data, data + bytes.size()});
}

// Each row as "module.name HOW CALL judgement".
std::vector<std::string> RowsOf(const std::vector<CodeUse>& code) {
  std::vector<std::string> rows;
  rows.reserve(code.size());
  for (const CodeUse& use : code) {
    rows.push_back(use.FullName() + " " + CodeSourceName(use.source) + " " + CodeCallName(use.call) + " " +
                   JudgementName(use.judgement));
  }
  return rows;
}

std::vector<std::string> Rows(std::string_view pickle) {
  const auto source = Memory(pickle);
  PickleScanner scanner(*source);
  scanner.Read(0);
  return RowsOf(scanner.rows());
}

ScanReport Report(std::string_view file) {
  auto report = Scan(std::shared_ptr<const ByteSource>(Memory(file)));
  EXPECT_TRUE(report) << report.error().message;
  return report ? std::move(*report) : ScanReport{};
}

constexpr std::string_view kEvil = "cos\nsystem\n(S'true'\ntR.";

TEST(PickleScanner, NamesAndCallsOfEachOpcode) {
  EXPECT_THAT(Rows("cos\nsystem\n."), ElementsAre("os.system GLOBAL  dangerous"));
  EXPECT_THAT(Rows("cos\nsystem\n)R."), ElementsAre("os.system GLOBAL REDUCE dangerous"));
  EXPECT_THAT(Rows("(S'a'\nios\nsystem\n."), ElementsAre("os.system INST INST dangerous"));
  EXPECT_THAT(Rows("(cos\nsystem\nS'a'\no."), ElementsAre("os.system GLOBAL OBJ dangerous"));
  EXPECT_THAT(Rows("cm\nC\n)\x81."), ElementsAre("m.C GLOBAL NEWOBJ unknown"));
  EXPECT_THAT(Rows("cm\nC\n)}\x92."), ElementsAre("m.C GLOBAL NEWOBJ_EX unknown"));
  EXPECT_THAT(Rows("\x8c\x02os\x8c\x06system\x93)R."), ElementsAre("os.system STACK_GLOBAL REDUCE dangerous"));
  EXPECT_THAT(Rows("\x82\x05."), ElementsAre("copyreg.extension 5 EXT  unknown"));
}

TEST(PickleScanner, NamesGoThroughTheMemo) {
  EXPECT_THAT(Rows("U\x02osq\5"
                   "0U\6system\x94"
                   "0h\5U\6systemh\1\x93."),
              ElementsAre("system.system STACK_GLOBAL  unknown"));
  EXPECT_THAT(Rows("U\x02osp7\n0g7\nV\\u0073ystem\n\x93."), ElementsAre("os.system STACK_GLOBAL  dangerous"));
}

TEST(PickleScanner, ComputedNamesAreDangerous) {
  EXPECT_THAT(Rows("cm\nf\n)RU\6system\x93."),
              ElementsAre("m.f GLOBAL REDUCE unknown", "?.system STACK_GLOBAL  dangerous"));
}

TEST(PickleScanner, GetattrIsADottedName) {
  EXPECT_THAT(Rows("cbuiltins\ngetattr\n(ctorch\nserialization\nS'os.system'\ntR(S'x'\ntR."),
              ElementsAre("builtins.getattr GLOBAL REDUCE unknown", "torch.serialization GLOBAL argument unknown",
                          "torch.serialization.os.system computed REDUCE dangerous"));
}

TEST(PickleScanner, FirstArgumentsAreCalledToo) {
  EXPECT_THAT(Rows("ccopyreg\n_reconstructor\n(cm\nC\ncbuiltins\nobject\nNtR."),
              ElementsAre("copyreg._reconstructor GLOBAL REDUCE data", "m.C GLOBAL argument unknown",
                          "builtins.object GLOBAL  data"));
}

TEST(PickleScanner, BuildOnAnInstanceIsOrdinaryAndOnAClassIsNot) {
  EXPECT_THAT(Rows("cm\nC\n)R}b."), ElementsAre("m.C GLOBAL REDUCE unknown"));
  EXPECT_THAT(Rows("cm\nC\n}b."), ElementsAre("m.C GLOBAL BUILD dangerous"));
}

TEST(PickleScanner, GoesOnWhereTheMachineStops) {
  const auto source = Memory("as\x85" + std::string(kEvil));
  PickleScanner scanner(*source);
  const PickleExtent extent = scanner.Read(0);
  EXPECT_EQ(extent.problem_at, 0U);
  EXPECT_TRUE(extent.stopped);
  EXPECT_THAT(RowsOf(scanner.rows()), ElementsAre("os.system GLOBAL REDUCE dangerous"));
}

TEST(PickleScanner, EqualNamesAreOneRow) {
  const auto source = Memory("cm\nC\ncm\nC\ncm\nC\n.");
  PickleScanner scanner(*source);
  scanner.Read(0);
  ASSERT_EQ(scanner.rows().size(), 1U);
  EXPECT_EQ(scanner.rows()[0].times, 3U);
  EXPECT_EQ(scanner.rows()[0].position, 0U);
}

TEST(PickleScanner, ManyNamesAreCountedAndDangerousOnesKept) {
  std::string pickle;
  for (int i = 0; i < 60'000; ++i) pickle += "cm\nC" + std::to_string(i) + "\n0";
  pickle += kEvil;
  const auto source = Memory(pickle);
  PickleScanner scanner(*source);
  scanner.Read(0);
  EXPECT_EQ(scanner.rows().back().FullName(), "os.system");
  EXPECT_EQ(scanner.globals(), 60'001U);
  EXPECT_GT(scanner.dropped(), 0U);
}

// The stack keeps its top: places go on counting from the bottom.
TEST(ScanStack, ForgetsItsBottom) {
  ScanStack<int> stack(4, -1);
  for (int i = 0; i < 10; ++i) stack.Push(i);
  EXPECT_EQ(stack.size(), 10U);
  EXPECT_EQ(stack.back(), 9);
  EXPECT_EQ(stack[8], 8);
  EXPECT_EQ(stack[0], -1);
  EXPECT_TRUE(stack.Forgot(0));
  stack.Truncate(1);
  EXPECT_EQ(stack.back(), -1);
  stack.Push(20);
  EXPECT_EQ(stack[1], 20);
  EXPECT_EQ(stack.size(), 2U);
}

TEST(PickleScanner, SaysWhenWhatIsCalledIsForgotten) {
  const auto extent_of = [](const std::string& pickle) {
    const auto source = Memory(pickle);
    ScanAllowance allowance(pickle.size());
    allowance.stack = 100;
    PickleScanner scanner(*source, allowance);
    return scanner.Read(0);
  };
  const std::string deep(200, 'N');
  EXPECT_TRUE(extent_of("cm\nC\n(" + deep + "tR.").forgot);
  EXPECT_FALSE(extent_of(deep + "cm\nC\n)R.").forgot);
  EXPECT_FALSE(extent_of("](" + deep + "e.").forgot);
}

TEST(PickleScanner, TheAllowanceEndsIt) {
  const std::string pickle = std::string(kEvil.substr(0, kEvil.size() - 1)) + std::string(10'000, 'N') + ".";
  const auto source = Memory(pickle);
  ScanAllowance allowance(0);
  allowance.steps = 5000;
  PickleScanner scanner(*source, allowance);
  const PickleExtent extent = scanner.Read(0);
  EXPECT_TRUE(extent.limited);
  EXPECT_FALSE(extent.stopped);
  EXPECT_LT(extent.opcodes, 5000U);
  EXPECT_EQ(scanner.left().steps, 0U);
  EXPECT_THAT(RowsOf(scanner.rows()), ElementsAre("os.system GLOBAL REDUCE dangerous"));
}

TEST(PickleScanner, LongNamesAreCutAndDangerous) {
  const auto source = Memory("c" + std::string(100'000, 'm') + "\nC\n.");
  PickleScanner scanner(*source);
  scanner.Read(0);
  ASSERT_EQ(scanner.rows().size(), 1U);
  EXPECT_EQ(scanner.rows()[0].module.size(), kLongestName);
  EXPECT_EQ(scanner.rows()[0].judgement, Judgement::kDangerous);
}

TEST(ScanText, Escapes) {
  EXPECT_EQ(UnescapeString("'\\x6f\\163\\n\\''"), "os\n'");
  EXPECT_EQ(UnescapeUnicode("\\u006fs\\U0001f600"), "os\U0001f600");
  EXPECT_EQ(BytesOfLatin1("\xC2\x80\x02\xC3\xBF"), "\x80\x02\xFF");
}

TEST(ScanSource, TorchScript) {
  EXPECT_THAT(RowsOf(ScanTorchScript("_0 = ops.aten.save(x, y)\n_1 = torch.add(x, 1)\n_2 = ops.prim.Print(x)\n"
                                     "_3 = ops.mine.op(x)\ndef __setstate__(self):\n"
                                     "  a = __torch__.torch.classes.mine.C(x)\n  b = self.ops.other.op(x)\n")),
              ElementsAre("ops.aten.save operator  dangerous", "ops.mine.op operator  unknown",
                          "__setstate__ source  unknown", "torch.classes.mine operator  unknown"));
}

TEST(ScanSource, PythonMethodsAreNotFunctions) {
  EXPECT_THAT(RowsOf(ScanPython("model.eval()\nself.exec(1)\nretrieval(2)\n")), IsEmpty());
  EXPECT_THAT(RowsOf(ScanPython("exec(code)\nos.system('a')\n")),
              ElementsAre("exec source  unknown", "os.system source  unknown"));
}

TEST(Scan, RowOfPickles) {
  const ScanReport report = Report("\x80\x02}.\x80\x02}." + std::string(kEvil));
  EXPECT_EQ(report.pickles, 3U);
  ASSERT_EQ(report.Count(Judgement::kDangerous), 1U);
  EXPECT_EQ(report.code[0].position, 8U);
  EXPECT_EQ(report.code[0].file_position, 8U);
}

TEST(Scan, PlacesInsideArchives) {
  const std::string inner = ZipBuilder().Add({.name = "a/data.pkl", .data = std::string(kEvil)}).Finish();
  const std::string outer = ZipBuilder().Add({.name = "m.pt", .data = inner, .deflate = true}).Finish();
  const ScanReport report = Report(outer);
  ASSERT_EQ(report.Count(Judgement::kDangerous), 1U);
  EXPECT_EQ(report.code[0].record, "m.pt > a/data.pkl");
  EXPECT_EQ(report.code[0].file_position, std::nullopt);
  EXPECT_EQ(Describe(report.code[0]), "os.system, called at byte 21 of m.pt > a/data.pkl (GLOBAL at byte 0, REDUCE)");
}

TEST(Scan, SelfContainingDepthEnds) {
  std::string file(kEvil);
  for (int i = 0; i < 12; ++i) file = ZipBuilder().Add({.name = "z", .data = file}).Finish();
  const ScanReport report = Report(file);
  EXPECT_EQ(report.unread, 1U);
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings.back().code, "scan-depth");
}

TEST(Scan, OverlappingRecordsDoNotMultiplyWork) {
  // A thousand records over the same two megabytes, no two of one size.
  const std::string data = std::string(kEvil.substr(0, kEvil.size() - 1)) + std::string(2 << 20, 'N') + ".";
  ZipBuilder builder;
  builder.Add({.name = "0.pkl", .data = data});
  for (uint64_t i = 1; i < 1000; ++i) {
    const uint64_t size = data.size() - i;
    builder.Add({.name = std::to_string(i) + ".pkl", .data = "N.", .stored = size, .size = size, .header = 0});
  }
  const ScanReport report = Report(builder.Finish());
  EXPECT_GE(report.Count(Judgement::kDangerous), 1U);
  EXPECT_LT(report.pickles, 100U);
  EXPECT_GT(report.unread, 900U);
}

TEST(Scan, VerdictIsTheWorst) {
  ScanReport report;
  EXPECT_EQ(VerdictOf(report), ScanVerdict::kData);
  report.code.push_back({});
  EXPECT_EQ(VerdictOf(report), ScanVerdict::kUnknown);
  report.unread = 1;
  EXPECT_EQ(VerdictOf(report), ScanVerdict::kPartial);
  report.findings.push_back({Severity::kDanger, "zip-name-twins", "", ""});
  EXPECT_EQ(VerdictOf(report), ScanVerdict::kTricks);
  report.code[0].judgement = Judgement::kDangerous;
  EXPECT_EQ(VerdictOf(report), ScanVerdict::kDangerous);
}

TEST(Scan, NothingKnownIsAnError) {
  for (std::string_view bytes : {"", "This is not a model.\n", "abc"}) {
    auto report = Scan(std::shared_ptr<const ByteSource>(Memory(bytes)));
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kUnrecognized);
  }
}

struct Judged {
  std::string_view module, name;
  Judgement judgement;
};

TEST(JudgeGlobal, Table) {
  using enum Judgement;
  for (const Judged& row : {
           Judged{"os", "system", kDangerous},
           {"os.path", "join", kDangerous},
           {"posix", "system", kDangerous},
           {"__builtin__", "eval", kDangerous},
           {"builtins", "eval.__call__", kDangerous},
           {"builtins", "exec", kDangerous},
           {"torch", "os", kDangerous},
           {"torch", "os.system", kDangerous},
           {"numpy", "load.__globals__", kDangerous},
           {"asyncio.unix_events", "x", kDangerous},
           {"pip", "main", kDangerous},
           {"code", "InteractiveInterpreter.runcode", kDangerous},
           {"code.models", "Net", kUnknown},  // a project's own folder
           {"profile.net", "Net", kUnknown},
           {"osmnx", "graph", kUnknown},
           {"models.yolo", "Model", kUnknown},
           {"__builtin__", "getattr", kUnknown},
           {"torch.nn.modules.linear", "Linear", kData},
           {"__torch__.torch.nn.modules.linear.___torch_mangle_3", "Linear", kData},
           {"torch.nn.functional", "relu", kData},
           {"torch.nn.functional", "boolean_dispatch", kUnknown},
           {"torch.nn.modules.linear", "Linear.forward", kUnknown},
           {"torch.nn.modules.linear", "", kUnknown},
           {"torch.nn.modules.evil", "Linear", kUnknown},
           {"nn.modules.linear", "Linear", kUnknown},
           {"torch.fx.graph_module", "reduce_graph_module", kDangerous},
           {"torch.fx._lazy_graph_module", "reduce_graph_module", kDangerous},
           {"torch.fx.graph_module", "_deserialize_graph_module", kDangerous},
           {"torch.utils.data.datapipes.utils.decoder", "basichandlers", kDangerous},
           {"torch.serialization", "load", kDangerous},
           {"torch", "load.__call__", kDangerous},
           {"torch", "loader", kUnknown},
           {"numpy.lib._npyio_impl", "load", kDangerous},
           {"numpy.core._methods", "_dump", kDangerous},
           {"unittest.mock", "_importer", kDangerous},
           {"unittest.mock", "Mock", kUnknown},
           {"dataclasses", "make_dataclass", kDangerous},
           {"collections", "namedtuple", kUnknown},
           {"pandas.core.frame", "DataFrame", kUnknown},
           {"yaml", "unsafe_load", kDangerous},
           {"torch._dynamo.eval_frame", "OptimizedModule", kUnknown},
           {"torch._dynamo.eval_frame", "optimize", kDangerous},
           {"io", "BytesIO", kData},
           {"io", "open", kDangerous},
           {"collections", "OrderedDict", kData},
           {"torch._utils", "_rebuild_tensor_v2", kData},
           {"torch.distributed.checkpoint.metadata", "Metadata", kData},
       }) {
    EXPECT_EQ(JudgeGlobal(row.module, row.name), row.judgement) << row.module << " " << row.name;
  }
}

TEST(RunsSourceText, Table) {
  EXPECT_TRUE(RunsSourceText("__builtin__", "exec"));
  EXPECT_TRUE(RunsSourceText("torch.fx._lazy_graph_module", "reduce_graph_module"));
  EXPECT_FALSE(RunsSourceText("torch.serialization", "load"));
  EXPECT_FALSE(RunsSourceText("collections", "OrderedDict"));
}

}  // namespace
}  // namespace pthview
