// The walk of scan over whatever stands inside a file. For scan*.cc only; users include scan.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/analysis/scan/scan.h"
#include "lib/analysis/scan/scan_allowance.h"
#include "lib/analysis/scan/scan_pickle.h"
#include "lib/base/finding.h"
#include "lib/base/source.h"
#include "lib/container/unpack_allowance.h"
#include "lib/container/zip.h"

namespace pthview {

// Bytes that may be a file of their own: the file itself, a record, a member, a byte string.
struct ScanTarget {
  std::shared_ptr<const ByteSource> source;
  std::string record;                 // as CodeUse::record
  std::optional<uint64_t> file_base;  // where its first byte stands in the file, when it stands there as it is
  int depth = 0;                      // files around it
  bool file = true;     // a file of its own, so that an archive may stand anywhere in it; else only at its start
  bool named = false;   // its name says that it is a pickle
  bool loaded = false;  // torch.load reads it
  bool behind = false;  // of a file in which other objects stood before
  bool pieces = false;  // a pickle without the arrays between its opcodes
};

enum class Packing : uint8_t {
  kDeflated,  // as in a zip record
  kGzip,
  kXz,
  kBzip2,
  kZstd,
  kZlib,
  kLzma,
};

class ScanWalker {
 public:
  ScanWalker(ScanReport* report, uint64_t file_size);

  // True when it was of a kind that is looked into.
  bool Visit(const ScanTarget& target);
  // Moves the findings into the report.
  void Finish();
  // Why an archive could not be opened, when that is all there is to say.
  std::optional<Error>& error() { return error_; }

 private:
  // Larger texts are looked at up to there; larger packed data is unpacked piece by piece.
  static constexpr uint64_t kMostInMemory = uint64_t{64} << 20;

  // scan_walk.cc
  // What `packed` unpacks to becomes the source of `inside`: all of it where it is sound, else what comes before the
  // damage. False, and a finding says why, when it is not all.
  bool Unpack(const std::shared_ptr<const ByteSource>& packed, Packing packing, ScanTarget* inside);
  bool VisitTar(const ScanTarget& target);
  bool VisitNumpy(const ScanTarget& target, std::span<const std::byte> head);
  void AddNative(const ScanTarget& target);
  enum class Source : uint8_t { kTorchScript, kModule, kText };
  void AddSource(const ScanTarget& target, Source kind);
  bool Afford(const ScanTarget& target, uint64_t bytes);
  void Unread(const ScanTarget& target, std::string_view code, std::string text);

  // scan_pickles.cc
  bool VisitPickles(const ScanTarget& target, uint64_t offset);
  void SearchPickles(const ScanTarget& target);
  // scan_joblib.cc: false when the pickle at `offset` has no arrays of joblib between its opcodes. `rows` are those of
  // it as Python's own pickle would read it.
  bool VisitJoblib(const ScanTarget& target, uint64_t offset, std::span<const CodeUse> rows);
  // The bytes of a literal as a target of their own; nullopt, and a finding says why, when they cannot be had.
  std::optional<ScanTarget> OpenLiteral(const ScanTarget& target, const ScanLiteral& literal);
  void VisitBehindLegacy(const ScanTarget& target, uint64_t offset);
  void VisitLiteral(const ScanTarget& target, const ScanLiteral& literal);
  // scan_json.cc
  bool VisitJson(const ScanTarget& target);
  void AddRows(const ScanTarget& target, std::vector<CodeUse> rows);
  // Whether nothing of the allowance is left; says so.
  bool Exhausted(const ScanTarget& target);
  // Says where the allowance ended a pickle, and what it did not keep.
  void DescribeLimits(const ScanTarget& target, const PickleExtent& extent);
  void DescribeDropped(const ScanTarget& target, const PickleScanner& scanner);
  // Takes what `scanner` has used of the share that it got; its rows were `kept`, or it may not have read pickles.
  void Spend(const ScanAllowance& share, const PickleScanner& scanner, bool kept);

  // scan_zip.cc
  bool VisitZip(const ScanTarget& target);
  void VisitRecords(const ScanTarget& target, const ZipArchive& zip, bool tricks);
  void VisitRecord(const ScanTarget& target, const ZipRecord& record, uint16_t method, bool torchscript);
  // Records that only their local headers in `ranges` tell of; `known`: where the data of the others begins.
  void VisitHidden(const ScanTarget& target, std::span<const std::pair<uint64_t, uint64_t>> ranges,
                   std::set<uint64_t> known);
  void CheckCrc(const ScanTarget& target, const ByteSource& bytes, uint32_t crc);

  ScanTarget Inside(const ScanTarget& target, std::shared_ptr<const ByteSource> source, std::string_view name) const;

  ScanReport* report_;
  Findings findings_;
  std::optional<Error> error_;
  ScanAllowance scan_allowance_;
  std::shared_ptr<UnpackAllowance> allowance_;  // of the file, for everything packed that stands in it
  // Bytes that may still be looked at: a few times the file's, so that overlaps and bombs end.
  uint64_t budget_;
  bool loaded_ = false;  // the record that is visited is the one that torch.load reads
  bool looked_ = false;  // set whenever code or pickles were found: tells CheckCrc what matters
};

}  // namespace pthview
