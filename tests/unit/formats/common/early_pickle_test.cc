#include "lib/formats/common/early_pickle.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

namespace code = assembler;

// Enough records for a thread of their own.
constexpr int kRecords = 9000;

std::string Archive() {
  ZipBuilder zip;
  zip.Add({.name = "m/data.pkl", .data = code::Pickle(code::Named({{"a", code::Row("FloatStorage", "7", 1)}}))});
  for (int i = 0; i < kRecords; ++i) zip.Add({.name = "m/data/" + std::to_string(i), .data = code::Little(i * 1.0F)});
  return zip.Finish();
}

std::unique_ptr<ByteSource> SourceOf(const std::string& bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return OpenMemory("m.pth", {begin, begin + bytes.size()});
}

TEST(EarlyPickle, IsReadWhileALargeArchiveIsOpenedAndOnlyThen) {
  for (const bool large : {true, false}) {
    ZipBuilder zip;
    zip.Add({.name = "m/data.pkl", .data = code::Pickle("N")});
    for (int i = 0; i < (large ? kRecords : 10); ++i) zip.Add({.name = "m/data/" + std::to_string(i)});
    const auto source = SourceOf(zip.Finish());
    std::optional<EarlyPickle> early;
    Findings findings;
    const auto archive = ZipArchive::Open(
        *source, &findings, [&](std::span<const ZipRecord> first) { early = ReadPickleEarly(*source, first); });
    ASSERT_TRUE(archive);
    ASSERT_EQ(early.has_value(), large);
    if (!large) continue;
    const ZipRecord& record = *archive->FindInPrefix("data.pkl");
    EXPECT_TRUE(early->IsOf(record));
    EXPECT_FALSE(early->IsOf(*archive->FindInPrefix("data/0")));
    ASSERT_TRUE(early->tree);
    EXPECT_TRUE(early->tree->root.Is(pickle::Kind::kNone));
    ZipRecord unreadable = record;
    unreadable.readable = false;
    EXPECT_FALSE(early->IsOf(unreadable)) << "a record that overlaps another is not read";
  }
}

TEST(EarlyPickle, ALargeArchiveGivesItsTensors) {
  auto model = OpenBytes(Archive());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "a"), "float32[1] 7.0");
}

// The early look meets m/sub/data.pkl; the archive's own data.pkl is what counts.
TEST(EarlyPickle, APickleOfAnotherFolderIsNotTakenForTheArchives) {
  ZipBuilder zip;
  zip.Add({.name = "m/sub/data.pkl", .data = code::Pickle("N")});
  zip.Add({.name = "m/data.pkl", .data = code::Pickle(code::Named({{"a", code::Row("FloatStorage", "7", 1)}}))});
  for (int i = 0; i < kRecords; ++i) zip.Add({.name = "m/data/" + std::to_string(i), .data = code::Little(i * 1.0F)});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "a"), "float32[1] 7.0");
}

TEST(EarlyPickle, ErrorsAreThoseOfTheRecord) {
  ZipBuilder zip;
  zip.Add({.name = "m/data.pkl", .data = "\x80\x02]q"});
  for (int i = 0; i < kRecords; ++i) zip.Add({.name = "m/data/" + std::to_string(i)});
  const auto model = OpenBytes(zip.Finish());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kTruncated) << model.error().message;
  EXPECT_EQ(model.error().record, "m/data.pkl");
}

}  // namespace
}  // namespace pthview
