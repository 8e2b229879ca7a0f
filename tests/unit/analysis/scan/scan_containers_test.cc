// What scan looks into: every wrapper that can be opened, and archives in a row.
#include <string>
#include <string_view>

#include <bzlib.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <zstd.h>

#include "lib/analysis/scan/scan.h"
#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

constexpr std::string_view kEvil = "cos\nsystem\n(S'true'\ntR.";

ScanReport Report(std::string_view file) {
  const auto* data = reinterpret_cast<const std::byte*>(file.data());
  auto report = Scan(std::shared_ptr<const ByteSource>(OpenMemory("file", {data, data + file.size()})));
  EXPECT_TRUE(report) << report.error().message;
  return report ? std::move(*report) : ScanReport{};
}

std::string Bzip2(std::string data) {
  std::string out(data.size() + 1000, '\0');
  auto size = static_cast<unsigned>(out.size());
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(out.data(), &size, data.data(), static_cast<unsigned>(data.size()), 1, 0, 0),
            BZ_OK);
  return out.substr(0, size);
}

std::string Zstd(std::string_view data) {
  std::string out(ZSTD_compressBound(data.size()), '\0');
  return out.substr(0, ZSTD_compress(out.data(), out.size(), data.data(), data.size(), 1));
}

std::string Zlib(std::string_view data) { return RawDeflate(data, MAX_WBITS); }

std::string LzmaAlone(std::string_view data) {
  lzma_options_lzma options;
  lzma_lzma_preset(&options, 1);
  lzma_stream stream = LZMA_STREAM_INIT;
  EXPECT_EQ(lzma_alone_encoder(&stream, &options), LZMA_OK);
  std::string out(data.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<const uint8_t*>(data.data());
  stream.avail_in = data.size();
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = out.size();
  EXPECT_EQ(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  lzma_end(&stream);
  return out;
}

TEST(ScanContainers, LooksIntoEveryWrapper) {
  const std::string evil(kEvil);
  for (const auto& [name, file] : {std::pair("bzip2", Bzip2(evil)), std::pair("zstd", Zstd(evil)),
                                   std::pair("zlib", Zlib(evil)), std::pair("lzma", LzmaAlone(evil))}) {
    const ScanReport report = Report(file);
    EXPECT_THAT(report.wrappers, testing::ElementsAre(name));
    ASSERT_EQ(report.code.size(), 1u) << name;
    EXPECT_EQ(report.code[0].FullName(), "os.system");
    EXPECT_EQ(report.code[0].record, name);
  }
  EXPECT_EQ(Report(Zstd(Bzip2(evil))).code.at(0).record, "zstd > bzip2");
  const std::string member = Zstd(evil);
  EXPECT_EQ(Report(ZipBuilder().Add({.name = "a/x", .data = member}).Finish()).code.size(), 1u);
}

TEST(ScanContainers, WhatBreaksOffIsLookedAtAsFarAsItGoes) {
  const std::string data = std::string(kEvil) + std::string(200'000, 'x');
  const std::string cut = Bzip2(data);
  const ScanReport report = Report(cut.substr(0, cut.size() - 4));
  EXPECT_EQ(VerdictOf(report), ScanVerdict::kDangerous);
  EXPECT_EQ(report.unread, 1u);
}

TEST(ScanContainers, ArchivesInARowAreNoTrick) {
  const auto archive = [](std::string_view pickle) {
    return ZipBuilder().Add({.name = "m/data.pkl", .data = std::string(pickle)}).Finish();
  };
  constexpr std::string_view kGood = "\x80\x02}q\x00.";
  const std::string good(kGood.data(), 6);
  for (const std::string& row : {archive(good) + archive(good) + archive(good), archive(good) + archive(good + good)}) {
    const ScanReport report = Report(row);
    EXPECT_EQ(VerdictOf(report), ScanVerdict::kData);
    ASSERT_EQ(report.findings.size(), 1u);
    EXPECT_EQ(report.findings[0].code, "zip-row");
    EXPECT_EQ(report.findings[0].severity, Severity::kInfo);
  }
  // Each of them is looked at, and what stands between them is said.
  EXPECT_EQ(VerdictOf(Report(archive(kEvil) + archive(good))), ScanVerdict::kDangerous);
  EXPECT_EQ(VerdictOf(Report(archive(good) + archive(kEvil))), ScanVerdict::kDangerous);
  const ScanReport behind = Report("junk" + archive(good) + archive(good));
  EXPECT_THAT(behind.findings, testing::Not(testing::IsEmpty()));
  EXPECT_NE(behind.findings[0].code, "zip-row");
}

TEST(ScanContainers, FoldersOfAnArchiveHideNothing) {
  const std::string zip = ZipBuilder()
                              .Add({.name = "model/", .data = ""})
                              .Add({.name = "model/data.pkl", .data = std::string("\x80\x02}q\x00.", 6)})
                              .Add({.name = "model/data/", .data = ""})
                              .Add({.name = "model/data/0", .data = "1234"})
                              .Finish();
  const ScanReport report = Report(zip);
  EXPECT_EQ(VerdictOf(report), ScanVerdict::kData) << (report.findings.empty() ? "" : report.findings[0].text);
  EXPECT_THAT(report.findings, testing::IsEmpty());
}

TEST(ScanContainers, LegacyObjectsBehindTheFirstAreLookedAt) {
  namespace code = assembler;
  const std::string good =
      code::LegacyFile(code::Named({{"w", code::Row("FloatStorage", "0", 1)}}), {code::Values<float>("0", {1})});
  const std::string evil = code::LegacyFile(code::Reduce(code::Global("os", "system"), {code::Text("true")}));
  const ScanReport honest = Report(good + good + good);
  EXPECT_EQ(VerdictOf(honest), ScanVerdict::kData);
  EXPECT_EQ(honest.pickles, 15u);
  EXPECT_EQ(VerdictOf(Report(good + good + evil)), ScanVerdict::kDangerous);
}

// joblib passes over what pickle.load takes for opcodes: what either of them would run is told.
TEST(ScanContainers, FilesOfJoblibAreReadAsJoblibAndAsPickleReadThem) {
  namespace code = assembler;
  const auto wrapper = [](std::string_view type, int64_t count) {
    return code::Build(code::NewObject(code::Global("joblib.numpy_pickle", "NumpyArrayWrapper")),
                       code::Named({{"shape", code::Ints({count})},
                                    {"order", code::Text("C")},
                                    {"dtype", code::Reduce(code::Global("numpy", "dtype"), {code::Text(type)})},
                                    {"numpy_array_alignment_bytes", code::None()}}));
  };
  const std::string elements(64, '\xEE');  // no opcode
  const ScanReport honest =
      Report(code::Pickle(code::Named({{"w", wrapper("u1", 64) + elements}, {"n", code::Int(1)}})));
  EXPECT_EQ(honest.unread, 0u);
  EXPECT_EQ(honest.Count(Judgement::kDangerous), 0u);
  const code::Code evil = code::Reduce(code::Global("os", "system"), {code::Text("true")});
  EXPECT_EQ(VerdictOf(Report(code::Pickle(code::Named({{"w", wrapper("u1", 64) + elements}, {"n", evil}})))),
            ScanVerdict::kDangerous);
  const auto size = static_cast<int64_t>(evil.size());
  EXPECT_EQ(VerdictOf(Report(code::Pickle(code::Named({{"w", wrapper("u1", size) + evil}, {"n", code::Int(1)}})))),
            ScanVerdict::kDangerous);
  EXPECT_EQ(VerdictOf(Report(code::Pickle(code::Named({{"w", wrapper("O8", 1) + code::Pickle(evil)}})))),
            ScanVerdict::kDangerous);
}

}  // namespace
}  // namespace pthview
