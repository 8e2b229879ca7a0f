#include "lib/container/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/container/gzip.h"
#include "tests/unit/container/zip_builder.h"

namespace pthview {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Names(const Opened& opened) {
  std::vector<std::string> names;
  for (const ZipRecord& record : opened.archive->records()) names.emplace_back(record.name);
  return names;
}

// A source that counts what is read from it.
class CountingSource : public ByteSource {
 public:
  CountingSource(std::string bytes, uint64_t size) : bytes_(std::move(bytes)), size_(size) {}
  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  // `bytes_` is the end of the source, its beginning is zeros.
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) return Error{ErrorCode::kTruncated, "short"};
    read += out.size();
    ++calls;
    const uint64_t zeros = size_ - bytes_.size();
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = offset + i < zeros ? std::byte{0} : static_cast<std::byte>(bytes_[offset + i - zeros]);
    }
    return Ok();
  }
  mutable uint64_t read = 0;
  mutable uint64_t calls = 0;

 private:
  std::string bytes_;
  uint64_t size_;
  std::string name_ = "counting";
};

TEST(Zip, ListsWhatTorchWrites) {
  Opened zip = OpenZip(TorchArchive().Finish());
  ASSERT_TRUE(zip.archive) << ToString(zip.error);
  EXPECT_THAT(zip.findings, testing::IsEmpty());
  EXPECT_THAT(Names(zip), ElementsAre("archive/data.pkl", "archive/data/0", "archive/version"));
  EXPECT_EQ(zip.archive->prefix(), "archive");
  EXPECT_EQ(zip.archive->start(), 0);
  const ZipRecord* weights = zip.archive->FindInPrefix("data/0");
  ASSERT_NE(weights, nullptr);
  EXPECT_EQ(weights->offset % 64, 0);
  EXPECT_EQ(weights->stored, 100);
  EXPECT_EQ(weights->size, 100);
  EXPECT_EQ(weights->crc, Crc(std::string(100, 'w')));
  EXPECT_TRUE(weights->readable);
  EXPECT_EQ(zip.Text("archive/version"), "3\n");
}

TEST(Zip, FindsNamesWithoutRegardToCase) {
  Opened zip = OpenZip(TorchArchive().Add({.name = "archive/[Z]_long_name_@`{", .data = "x"}).Finish());
  EXPECT_NE(zip.archive->Find("ARCHIVE/Data.PKL"), nullptr);
  EXPECT_NE(zip.archive->FindInPrefix("VERSION"), nullptr);
  EXPECT_NE(zip.archive->Find("archive/[z]_LONG_name_@`{"), nullptr);
  // '[' and '{', '@' and '`' differ by the bit that tells case in letters.
  EXPECT_EQ(zip.archive->Find("archive/{Z]_long_name_@`{"), nullptr);
  EXPECT_EQ(zip.archive->Find("archive/[Z]_long_name_``{"), nullptr);
  EXPECT_EQ(zip.archive->Find("archive/data.pk"), nullptr);
  EXPECT_EQ(zip.archive->Find(""), nullptr);
}

TEST(Zip, SurvivesBeingMoved) {
  Opened zip = OpenZip(TorchArchive().Finish());
  ZipArchive moved = std::move(*zip.archive);
  zip.archive.reset();
  ASSERT_NE(moved.FindInPrefix("version"), nullptr);
  EXPECT_EQ(moved.FindInPrefix("version")->name, "archive/version");
}

TEST(Zip, InflatesDeflatedRecords) {
  const std::string code(5000, 'c');
  Opened zip = OpenZip(ZipBuilder().Add({.name = "m/code/a.py", .data = code, .deflate = true}).Finish());
  EXPECT_LT(zip.archive->records()[0].stored, 100);
  EXPECT_EQ(zip.archive->records()[0].size, 5000);
  EXPECT_EQ(zip.Text("m/code/a.py"), code);
}

TEST(Zip, AnArchiveWithoutFolderHasNoPrefix) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "version", .data = "1"}).Finish());
  EXPECT_EQ(zip.archive->prefix(), "");
  EXPECT_NE(zip.archive->FindInPrefix("version"), nullptr);
}

TEST(Zip, LeavesFoldersOutButTakesThePrefixFromThem) {
  Opened zip = OpenZip(ZipBuilder().Add({.name = "top/"}).Add({.name = "top/a", .data = "1"}).Finish());
  EXPECT_THAT(Names(zip), ElementsAre("top/a"));
  EXPECT_EQ(zip.archive->prefix(), "top");
  EXPECT_THAT(zip.findings, testing::IsEmpty());
}

TEST(Zip, OpensAnEmptyArchive) {
  Opened zip = OpenZip(ZipBuilder().Finish());
  ASSERT_TRUE(zip.archive);
  EXPECT_THAT(zip.archive->records(), testing::IsEmpty());
  EXPECT_EQ(zip.archive->Find("a"), nullptr);
}

TEST(Zip, SkipsTheComment) {
  for (size_t length : {size_t{5}, size_t{5000}, size_t{0xFFFF}}) {
    ZipBuilder builder = TorchArchive();
    builder.comment = std::string(length, 'k');
    Opened zip = OpenZip(builder.Finish());
    ASSERT_TRUE(zip.archive) << length;
    EXPECT_EQ(Names(zip).size(), 3);
    EXPECT_THAT(zip.findings, testing::IsEmpty());
  }
}

TEST(Zip, ReadsZip64Fields) {
  ZipBuilder builder;
  builder.zip64_end = true;
  Opened zip = OpenZip(
      builder.Add({.name = "a/1", .data = "first"}).Add({.name = "a/2", .data = "second", .zip64 = true}).Finish());
  EXPECT_EQ(zip.Text("a/2"), "second");
  EXPECT_THAT(zip.findings, testing::IsEmpty());
}

TEST(Zip, AdjustsOffsetsBehindOtherBytes) {
  for (bool zip64 : {false, true}) {
    ZipBuilder builder(std::string(777, '#'));
    builder.zip64_end = zip64;
    Opened zip = OpenZip(builder.Add({.name = "a/b", .data = "data"}).Finish());
    ASSERT_TRUE(zip.archive) << ToString(zip.error);
    EXPECT_TRUE(zip.Has("zip-prefix-bytes"));
    EXPECT_EQ(zip.archive->start(), 777);
    EXPECT_EQ(zip.archive->records()[0].header, 777);
    EXPECT_EQ(zip.Text("a/b"), "data");
  }
}

TEST(Zip, ReadsTheLastOfSeveralArchives) {
  const std::string first = ZipBuilder().Add({.name = "a/b", .data = "one"}).Add({.name = "a/c", .data = "1"}).Finish();
  Opened zip = OpenZip(ZipBuilder(first).Add({.name = "a/b", .data = "two"}).Finish());
  EXPECT_TRUE(zip.Has("zip-concatenated"));
  EXPECT_EQ(zip.archive->start(), first.size());
  EXPECT_THAT(Names(zip), ElementsAre("a/b"));
  EXPECT_EQ(zip.Text("a/b"), "two");
}

// The offset in the last end record, not adjusted, is then that of the first directory, and that is what torch reads.
TEST(Zip, SaysWhenTwoArchivesOfOneShapeFollowEachOther) {
  const std::string first = ZipBuilder().Add({.name = "a/b", .data = "one"}).Finish();
  Opened zip = OpenZip(ZipBuilder(first).Add({.name = "a/b", .data = "two"}).Finish());
  EXPECT_TRUE(zip.Has("zip-two-directories"));
  EXPECT_EQ(zip.Text("a/b"), "two");
}

TEST(Zip, ReadsLittleOfALargeFile) {
  ZipBuilder builder;
  builder.zip64_end = true;
  const uint64_t before = uint64_t{6} << 30;
  std::string archive = builder.Add({.name = "a/1", .data = "tail", .zip64 = true, .header = before}).Finish();
  // The archive is the tail of a sparse source whose first 6 GB count as part of it.
  const size_t offset_at = archive.rfind("PK\6\6") + 48;
  const uint64_t directory = before + archive.find("PK\1\2");
  std::memcpy(archive.data() + offset_at, &directory, 8);
  const uint64_t end64 = before + archive.rfind("PK\6\6");
  std::memcpy(archive.data() + archive.rfind("PK\6\7") + 8, &end64, 8);
  auto source = std::make_unique<CountingSource>(archive, before + archive.size());
  const CountingSource& counting = *source;
  Opened zip = OpenZip(std::move(source));
  ASSERT_TRUE(zip.archive) << ToString(zip.error);
  EXPECT_LT(counting.read, 8192);
  EXPECT_THAT(zip.findings, testing::IsEmpty());
  EXPECT_EQ(zip.archive->records()[0].header, before);
  EXPECT_EQ(zip.Text("a/1"), "tail");
}

TEST(Zip, ReadsManySmallRecordsInFewCalls) {
  ZipBuilder builder;
  builder.zip64_end = true;
  constexpr int kRecords = 20000;
  for (int i = 0; i < kRecords; ++i) {
    builder.Add({.name = "archive/data/" + std::to_string(i), .data = std::to_string(i), .torch = true});
  }
  const std::string bytes = builder.Finish();
  auto source = std::make_unique<CountingSource>(bytes, bytes.size());
  const CountingSource& counting = *source;
  Opened zip = OpenZip(std::move(source));
  EXPECT_LT(counting.calls, 40);
  EXPECT_LT(counting.read, bytes.size() + 100000);
  EXPECT_THAT(zip.findings, testing::IsEmpty());
  for (int i = 0; i < kRecords; ++i) {
    const ZipRecord* record = zip.archive->FindInPrefix("data/" + std::to_string(i));
    ASSERT_EQ(record, &zip.archive->records()[static_cast<size_t>(i)]);
    ASSERT_EQ(record->offset % 64, 0);
  }
  EXPECT_EQ(zip.Text("archive/data/12345"), "12345");
}

TEST(Zip, ReadsFarRecordsOneByOne) {
  ZipBuilder builder;
  for (int i = 0; i < 4; ++i) builder.Add({.name = "a/" + std::to_string(i), .data = std::string(300000, 'w')});
  const std::string bytes = builder.Finish();
  auto source = std::make_unique<CountingSource>(bytes, bytes.size());
  const CountingSource& counting = *source;
  Opened zip = OpenZip(std::move(source));
  EXPECT_LT(counting.read, 10000);
  EXPECT_EQ(zip.archive->records()[3].offset, zip.archive->records()[3].header + 33);
}

TEST(Zip, OrderOfTheDirectoryIsKeptWhenHeadersLieOtherwise) {
  // The second entry of the directory names the header that comes first.
  ZipBuilder builder;
  const std::string both = ZipBuilder().Add({.name = "a/1", .data = "x"}).Finish();
  const uint64_t length = both.find("PK\1\2");
  builder.Add({.name = "a/1", .data = "x", .local_name = "a/2", .header = length});
  builder.Add({.name = "a/2", .data = "y", .local_name = "a/1", .header = 0});
  Opened zip = OpenZip(builder.Finish());
  EXPECT_THAT(Names(zip), ElementsAre("a/1", "a/2"));
  EXPECT_EQ(zip.Text("a/1"), "y");
  EXPECT_FALSE(zip.Has("zip-local-name"));
}

TEST(Zip, LimitsWhatIsRead) {
  Opened zip = OpenZip(ZipBuilder()
                           .Add({.name = "a/stored", .data = std::string(1000, 's')})
                           .Add({.name = "a/deflated", .data = std::string(1000, 'd'), .deflate = true})
                           .Finish());
  for (std::string name : {"a/stored", "a/deflated"}) {
    EXPECT_EQ(zip.Text(name, 999), "error: limit");
    EXPECT_EQ(zip.Text(name, 1000).size(), 1000);
  }
}

TEST(Zip, RecognisesByItsFirstBytes) {
  const auto looks = [](std::string_view head) { return LooksLikeZip(std::as_bytes(std::span(head))); };
  EXPECT_TRUE(looks("PK\3\4rest"));
  EXPECT_TRUE(looks("PK\5\6"));
  EXPECT_FALSE(looks("PK\3"));
  EXPECT_FALSE(looks("PK\1\2"));
  EXPECT_FALSE(looks(""));
}

TEST(Zip, RefusesWhatIsNoZip) {
  for (const std::string& bytes : {std::string(), std::string("PK"), std::string(100000, 'x')}) {
    Opened zip = OpenZip(bytes);
    EXPECT_FALSE(zip.archive);
    EXPECT_EQ(zip.error.code, ErrorCode::kUnrecognized);
    EXPECT_EQ(zip.error.file, "test.pth");
  }
}

Result<std::vector<std::byte>> Gunzip(std::string_view bytes, uint64_t limit) {
  auto source = Memory(bytes);
  return Inflate(*source, 0, bytes.size(), {DeflateFormat::kGzip, limit, std::nullopt});
}

TEST(Gzip, JoinsMembersAndIgnoresWhatFollows) {
  const std::string big(200000, 'a');
  auto out = Gunzip(RawDeflate(big, MAX_WBITS + 16) + RawDeflate("tail", MAX_WBITS + 16) + "junk", 1 << 20);
  ASSERT_TRUE(out) << ToString(out.error());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(out->data()), out->size()), big + "tail");
}

TEST(Gzip, StopsAtTheLimit) {
  const std::string bytes = RawDeflate(std::string(200000, 'a'), MAX_WBITS + 16);
  EXPECT_EQ(Gunzip(bytes, 199999).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(Gunzip(bytes, 200000));
}

TEST(Gzip, TellsCutAndBrokenData) {
  std::string bytes = RawDeflate(std::string(2000, 'a'), MAX_WBITS + 16);
  EXPECT_EQ(Gunzip(bytes.substr(0, bytes.size() - 9), 1 << 20).error().code, ErrorCode::kTruncated);
  EXPECT_EQ(Gunzip("no gzip at all", 1 << 20).error().code, ErrorCode::kCorrupt);
  bytes[bytes.size() - 6] ^= 1;  // the CRC
  auto out = Gunzip(bytes, 1 << 20);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(out.error().offset);
}

}  // namespace
}  // namespace pthview
