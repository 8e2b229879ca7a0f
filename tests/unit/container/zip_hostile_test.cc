// Archives that lie, are broken, or are made so that two programs read two different things.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/container/zip.h"
#include "tests/unit/container/zip_builder.h"

namespace pthview {
namespace {

using ::testing::HasSubstr;

TEST(ZipHostile, FirstOfExactTwinsWins) {
  Opened zip =
      OpenZip(ZipBuilder().Add({.name = "a/data.pkl", .data = "1"}).Add({.name = "a/data.pkl", .data = "2"}).Finish());
  EXPECT_TRUE(zip.Has("zip-name-twins"));
  EXPECT_FALSE(zip.Has("zip-case-twins"));
  EXPECT_EQ(zip.archive->records().size(), 2);
  EXPECT_EQ(zip.Text("a/data.pkl"), "1");
}

TEST(ZipHostile, ExactNameWinsOverItsCaseTwin) {
  Opened zip = OpenZip(ZipBuilder()
                           .Add({.name = "a/Data.pkl", .data = "1"})
                           .Add({.name = "a/data.pkl", .data = "2"})
                           .Add({.name = "a/data.pkl", .data = "3"})
                           .Finish());
  EXPECT_TRUE(zip.Has("zip-case-twins"));
  EXPECT_TRUE(zip.Has("zip-name-twins"));
  EXPECT_EQ(zip.Text("a/Data.pkl"), "1");
  EXPECT_EQ(zip.Text("a/data.pkl"), "2");
  EXPECT_EQ(zip.Text("a/DATA.PKL"), "1");
}

TEST(ZipHostile, LocalNameThatDiffersIsReported) {
  Opened zip =
      OpenZip(ZipBuilder().Add({.name = "a/data.pkl", .data = "evil", .local_name = "a/config.json"}).Finish());
  EXPECT_TRUE(zip.Has("zip-local-name"));
  EXPECT_EQ(zip.Text("a/data.pkl"), "evil");
}

TEST(ZipHostile, LocalSizeThatDiffersIsReported) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/b", .data = "data", .local_stored = 3}).Finish());
  EXPECT_TRUE(zip.Has("zip-local-size"));
  EXPECT_EQ(zip.Text("a/b"), "data");
}

TEST(ZipHostile, ZeroLocalSizesNeedADescriptorFlag) {
  EXPECT_TRUE(
      OpenZip(ZipBuilder().Add({.name = "a/b", .data = "data", .local_stored = 0}).Finish()).Has("zip-local-size"));
  EXPECT_FALSE(
      OpenZip(ZipBuilder().Add({.name = "a/b", .data = "data", .torch = true}).Finish()).Has("zip-local-size"));
}

TEST(ZipHostile, LocalMethodThatDiffersIsReported) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/b", .data = "data", .local_method = 8}).Finish());
  EXPECT_TRUE(zip.Has("zip-local-method"));
}

TEST(ZipHostile, EncryptionMarkDoesNotHideStoredData) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/data.pkl", .data = "plain", .flags = 1}).Finish());
  EXPECT_TRUE(zip.Has("zip-encrypted"));
  EXPECT_EQ(zip.Text("a/data.pkl"), "plain");
}

TEST(ZipHostile, MissingLocalHeader) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/b", .data = "data", .header = 2}).Finish());
  EXPECT_TRUE(zip.Has("zip-local-missing"));
  EXPECT_FALSE(zip.archive->records()[0].readable);
  EXPECT_EQ(zip.Text("a/b"), "error: corrupt");
}

TEST(ZipHostile, RecordsThatShareBytes) {
  // Both entries name the first header; the first entry owns it.
  Opened zip = OpenZip(
      ZipBuilder().Add({.name = "a/b", .data = "data"}).Add({.name = "a/c", .data = "data", .header = 0}).Finish());
  EXPECT_TRUE(zip.Has("zip-overlap"));
  EXPECT_EQ(zip.Text("a/b"), "data");
  EXPECT_EQ(zip.Text("a/c"), "error: corrupt");
}

TEST(ZipHostile, RecordThatRunsIntoTheNext) {
  Opened zip = OpenZip(ZipBuilder()
                           .Add({.name = "a/b", .data = "data", .stored = 20, .size = 20})
                           .Add({.name = "a/c", .data = "next"})
                           .Finish());
  EXPECT_TRUE(zip.Has("zip-overlap"));
  EXPECT_EQ(zip.Text("a/b"), "error: corrupt");
  EXPECT_EQ(zip.Text("a/c"), "next");
}

TEST(ZipHostile, RecordThatRunsIntoTheDirectory) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/b", .data = "data", .stored = 20, .size = 20}).Finish());
  EXPECT_TRUE(zip.Has("zip-overlap"));
  EXPECT_EQ(zip.Text("a/b"), "error: corrupt");
}

TEST(ZipHostile, AnEntryWithoutHeaderDoesNotMakeItsNeighbourUnreadable) {
  Opened zip = OpenZip(
      ZipBuilder().Add({.name = "a/b", .data = "the data"}).Add({.name = "a/c", .data = "x", .header = 35}).Finish());
  EXPECT_EQ(zip.Text("a/b"), "the data");
  EXPECT_EQ(zip.Text("a/c"), "error: corrupt");
}

TEST(ZipHostile, RecordsOutsideTheFile) {
  Opened zip = OpenZip(ZipBuilder()
                           .Add({.name = "a/far", .data = "x", .header = 1 << 30})
                           .Add({.name = "a/long", .data = "x", .stored = 1 << 20, .size = 1 << 20})
                           .Add({.name = "a/huge", .data = "x", .zip64 = true, .stored = ~0ULL, .size = ~0ULL})
                           .Add({.name = "a/wrap", .data = "x", .zip64 = true, .header = ~0ULL})
                           .Finish());
  ASSERT_TRUE(zip.archive);
  EXPECT_TRUE(zip.Has("zip-outside"));
  for (const ZipRecord& record : zip.archive->records()) EXPECT_FALSE(record.readable) << record.name;
}

TEST(ZipHostile, OffsetsThatWrapBehindOtherBytes) {
  Opened zip =
      OpenZip(ZipBuilder("junk").Add({.name = "a/wrap", .data = "x", .zip64 = true, .header = ~0ULL}).Finish());
  EXPECT_TRUE(zip.Has("zip-outside"));
  EXPECT_FALSE(zip.archive->records()[0].readable);
}

TEST(ZipHostile, Zip64FieldThatIsTooShort) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/b", .data = "x", .zip64 = true, .zip64_bytes = 12}).Finish());
  EXPECT_TRUE(zip.Has("zip-zip64"));
  EXPECT_FALSE(zip.archive->records()[0].readable);
}

TEST(ZipHostile, EndRecordsThatDisagree) {
  ZipBuilder builder = TorchArchive();
  builder.plain_size = 46;
  EXPECT_TRUE(OpenZip(builder.Finish()).Has("zip-end-record"));
}

TEST(ZipHostile, LocatorToNowhere) {
  std::string bytes = TorchArchive().Finish();
  bytes[bytes.rfind("PK\6\6") + 2] = 'x';
  Opened zip = OpenZip(bytes);
  EXPECT_TRUE(zip.Has("zip-rebuilt"));  // the plain record holds FFFFFFFF alone
  EXPECT_EQ(zip.archive->records().size(), 3);
}

TEST(ZipHostile, EndRecordInsideAComment) {
  ZipBuilder inner;
  inner.Add({.name = "a/b", .data = "inner"});
  ZipBuilder outer;
  outer.Add({.name = "a/b", .data = "outer"});
  outer.comment = inner.Finish();
  Opened zip = OpenZip(outer.Finish());
  EXPECT_TRUE(zip.Has("zip-end-record"));
  EXPECT_EQ(zip.Text("a/b"), "inner");
}

TEST(ZipHostile, EndRecordThatLeadsNowhereIsPassedOver) {
  ZipBuilder outer = TorchArchive();
  outer.comment = std::string("PK\5\6", 4) + std::string(18, '\x07');
  Opened zip = OpenZip(outer.Finish());
  EXPECT_FALSE(zip.Has("zip-rebuilt"));
  EXPECT_EQ(zip.archive->records().size(), 3);
}

TEST(ZipHostile, BytesAfterTheEndRecord) {
  Opened zip = OpenZip(TorchArchive().Finish() + "trailing");
  EXPECT_TRUE(zip.Has("zip-trailing-bytes"));
  EXPECT_EQ(zip.archive->records().size(), 3);
}

TEST(ZipHostile, BytesBetweenDirectoryAndEndRecord) {
  ZipBuilder builder = TorchArchive();
  builder.gap = "gap!";
  Opened zip = OpenZip(builder.Finish());
  EXPECT_TRUE(zip.Has("zip-gap"));
  EXPECT_EQ(zip.archive->start(), 0);
  EXPECT_EQ(zip.Text("archive/version"), "3\n");
}

TEST(ZipHostile, EntryCountThatLies) {
  ZipBuilder builder = TorchArchive();
  builder.entries = 1;
  Opened zip = OpenZip(builder.Finish());
  EXPECT_TRUE(zip.Has("zip-entry-count"));
  EXPECT_EQ(zip.archive->records().size(), 3);
}

TEST(ZipHostile, UnknownMethod) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/b", .data = "x", .method = 93}).Finish());
  EXPECT_TRUE(zip.Has("zip-method"));
  EXPECT_FALSE(zip.archive->records()[0].readable);
}

TEST(ZipHostile, StoredRecordOfTwoSizes) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/b", .data = "data", .size = 3}).Finish());
  EXPECT_TRUE(zip.Has("zip-stored-size"));
  EXPECT_EQ(zip.Text("a/b"), "error: corrupt");
}

TEST(ZipHostile, ImpossibleRatio) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/b", .data = "x", .deflate = true, .size = 1 << 30}).Finish());
  EXPECT_TRUE(zip.Has("zip-ratio"));
  EXPECT_EQ(zip.Text("a/b", ~0ULL), "error: corrupt");
}

TEST(ZipHostile, InflatedSizeThatLies) {
  for (uint64_t size : {999, 1001}) {
    Opened zip = OpenZip(
        ZipBuilder().Add({.name = "a/b", .data = std::string(1000, 'x'), .deflate = true, .size = size}).Finish());
    EXPECT_EQ(zip.Text("a/b"), "error: corrupt") << size;
  }
}

TEST(ZipHostile, CrcIsCheckedOnInflatedDataAlone) {
  Opened zip = OpenZip(ZipBuilder()
                           .Add({.name = "a/deflated", .data = "data", .deflate = true, .crc = 1})
                           .Add({.name = "a/unrecorded", .data = "data", .deflate = true, .crc = 0})
                           .Add({.name = "a/stored", .data = "data", .crc = 1})
                           .Finish());
  EXPECT_EQ(zip.Text("a/deflated"), "error: corrupt");
  EXPECT_EQ(zip.Text("a/unrecorded"), "data");
  EXPECT_EQ(zip.Text("a/stored"), "data");
}

TEST(ZipHostile, ErrorsNameRecordAndFile) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/\x1b[31m", .data = "data", .deflate = true, .crc = 1}).Finish());
  auto bytes = zip.archive->Read(zip.archive->records()[0], 100);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().file, "test.pth");
  EXPECT_THAT(ToString(bytes.error()), HasSubstr("CRC-32"));
  EXPECT_THAT(ToString(bytes.error()), testing::Not(HasSubstr("\x1b")));
}

TEST(ZipHostile, NameWithAZeroByte) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = std::string("a/data.pkl\0.txt", 15), .data = "x"}).Finish());
  EXPECT_TRUE(zip.Has("zip-name-nul"));
}

TEST(ZipHostile, FolderWithData) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "a/", .data = "hidden"}).Finish());
  EXPECT_TRUE(zip.Has("zip-folder-data"));
}

TEST(ZipRebuild, TorchArchiveWithoutItsDirectory) {
  const std::string bytes = TorchArchive().Finish();
  const Opened whole = OpenZip(bytes);
  Opened zip = OpenZip(bytes.substr(0, bytes.find("PK\1\2")));
  ASSERT_TRUE(zip.archive) << ToString(zip.error);
  EXPECT_TRUE(zip.Has("zip-rebuilt"));
  EXPECT_FALSE(zip.Has("zip-record-cut"));
  EXPECT_EQ(zip.archive->prefix(), "archive");
  ASSERT_EQ(zip.archive->records().size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    const ZipRecord& got = zip.archive->records()[i];
    const ZipRecord& want = whole.archive->records()[i];
    EXPECT_EQ(got.name, want.name);
    EXPECT_EQ(got.offset, want.offset);
    EXPECT_EQ(got.stored, want.stored);
    EXPECT_EQ(got.size, want.size);
    EXPECT_EQ(got.crc, want.crc);
    EXPECT_TRUE(got.readable);
  }
}

TEST(ZipRebuild, BrokenDirectory) {
  std::string bytes = TorchArchive().Finish();
  bytes[bytes.rfind("PK\1\2")] = 'x';
  Opened zip = OpenZip(bytes);
  EXPECT_TRUE(zip.Has("zip-rebuilt"));
  EXPECT_EQ(zip.archive->records().size(), 3);
  EXPECT_EQ(zip.Text("archive/version"), "3\n");
}

TEST(ZipRebuild, EntryLongerThanTheDirectory) {
  std::string bytes = TorchArchive().Finish();
  bytes[bytes.rfind("PK\1\2") + 29] = '\x7f';
  EXPECT_TRUE(OpenZip(bytes).Has("zip-rebuilt"));
}

TEST(ZipRebuild, DeflatedRecordsWithKnownAndUnknownSizes) {
  const std::string code(3000, 'c');
  const std::string bytes = ZipBuilder()
                                .Add({.name = "m/known", .data = code, .deflate = true})
                                .Add({.name = "m/streamed", .data = code, .deflate = true, .torch = true})
                                .Finish();
  Opened zip = OpenZip(bytes.substr(0, bytes.find("PK\1\2")));
  EXPECT_EQ(zip.Text("m/known"), code);
  EXPECT_EQ(zip.Text("m/streamed"), code);
}

// A .pt2 holds whole archives; their headers and descriptors are not the outer archive's.
TEST(ZipRebuild, ArchiveInsideAnArchive) {
  const std::string inner = TorchArchive().Finish();
  const std::string bytes = ZipBuilder()
                                .Add({.name = "p/weights.pt", .data = inner, .torch = true})
                                .Add({.name = "p/last", .data = "end", .torch = true})
                                .Finish();
  Opened zip = OpenZip(bytes.substr(0, bytes.rfind("PK\1\2") - 47 - 12));
  ASSERT_EQ(zip.archive->records().size(), 2);
  EXPECT_EQ(zip.Text("p/weights.pt"), inner);
  EXPECT_EQ(zip.Text("p/last"), "end");
}

TEST(ZipRebuild, RecordCutInItsData) {
  const std::string bytes = TorchArchive().Finish();
  Opened zip = OpenZip(bytes.substr(0, bytes.find(std::string(100, 'w')) + 40));
  ASSERT_EQ(zip.archive->records().size(), 2);
  EXPECT_TRUE(zip.Has("zip-record-cut"));
  EXPECT_EQ(zip.Text("archive/data/0"), std::string(40, 'w'));
}

TEST(ZipRebuild, KnownSizeBeyondTheFile) {
  const std::string bytes = ZipBuilder().Add({.name = "a/b", .data = std::string(500, 'x')}).Finish();
  Opened zip = OpenZip(bytes.substr(0, 100));
  EXPECT_TRUE(zip.Has("zip-outside"));
  EXPECT_FALSE(zip.archive->records()[0].readable);
}

TEST(ZipRebuild, HeaderAcrossTheEdgeOfAChunk) {
  // The second header begins 3 bytes before the first megabyte of the file ends.
  const size_t length = (1 << 20) - 3 - 33;
  const std::string bytes = ZipBuilder()
                                .Add({.name = "a/1", .data = std::string(length, 'x')})
                                .Add({.name = "a/2", .data = "behind"})
                                .Finish();
  Opened zip = OpenZip(bytes.substr(0, bytes.find("PK\1\2")));
  EXPECT_EQ(zip.Text("a/2"), "behind");
}

TEST(ZipRebuild, NothingToRecover) {
  Opened zip = OpenZip("PK\3\4" + std::string(10, 'x'));
  EXPECT_FALSE(zip.archive);
  EXPECT_FALSE(zip.error.hint.empty());
}

}  // namespace
}  // namespace pthview
