#include "lib/formats/spread/deepspeed_merge.h"

#include <algorithm>
#include <memory>
#include <span>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/formats/spread/deepspeed_flat.h"

namespace pthview {
namespace {

class Merger {
 public:
  Merger(ModelBuilder& builder, const DeepSpeedSaved& saved, DeepSpeedShare& share)
      : builder_(builder), saved_(saved), share_(share) {}

  void Run() {
    if (share_.stage == 3) {
      MergeInterleaved();
    } else {
      MergeRows();
    }
  }

 private:
  // What ranks have of a group, one behind the other, up to the first that lacks it.
  FlatRow RowOf(size_t group) const {
    FlatRow row;
    for (int64_t rank = 0; rank < saved_.ranks && row.whole(); ++rank) {
      auto flat = saved_.flat.find(static_cast<int>(rank));
      bool has = flat != saved_.flat.end() && group < flat->second.size();
      row.Append(has ? flat->second[group] : ByteRange{});
    }
    return row;
  }

  // Stages 1 and 2: the ranks' shares of a group in a row, the parameters in a row over them.
  void MergeRows() {
    for (size_t group = 0; group < saved_.groups.size(); ++group) {
      const DeepSpeedGroup& of = saved_.groups[group];
      std::vector<uint64_t> starts;
      uint64_t at = 0;
      for (size_t i = 0; i < of.parameters.size(); ++i) {
        starts.push_back(at);
        Advance(at, share_.parameters[of.parameters[i]].nbytes);
        Advance(at, i < PaddingsOf(of).size() ? BytesFor(DType::kFloat32, PaddingsOf(of)[i]).value_or(0) : 0);
      }
      const FlatRow row = RowOf(group);
      // What is shared out is padded to two elements a rank.
      const uint64_t align = 8 * static_cast<uint64_t>(saved_.ranks);
      if (!Agrees(group) || !Fills(row, at, align, fmt::format("group {}{}", group, saved_.label))) continue;
      for (size_t i = 0; i < of.parameters.size(); ++i) {
        DeepSpeedParameter& parameter = share_.parameters[of.parameters[i]];
        parameter.pieces = row.Cut(starts[i], parameter.nbytes);
      }
    }
  }

  static std::span<const int64_t> PaddingsOf(const DeepSpeedGroup& group) {
    return group.paddings ? std::span<const int64_t>(*group.paddings) : std::span<const int64_t>();
  }

  static void Advance(uint64_t& at, uint64_t nbytes) { at += std::min(nbytes, UINT64_MAX - at); }

  // Parameters that need another size than there is are others than those that were saved: where one begins is then
  // not known. Both sizes are in bytes, and may differ within one unit of `align`.
  bool Fills(const FlatRow& row, uint64_t needed, uint64_t align, const std::string& what) {
    auto units = [&](uint64_t size) { return size / align + (size % align != 0); };
    if (!row.whole() || units(row.size()) == units(needed)) return true;
    builder_.Note(
        Severity::kError, "zero-share", "",
        fmt::format("the parameters of {} need {} bytes, and its shares have {}: they are listed without data", what,
                    needed, row.size()));
    return false;
  }

  // Experts of a mixture are shared out over fewer ranks than the rest, and every rank has others.
  bool Agrees(size_t group) {
    const DeepSpeedGroup& of = saved_.groups[group];
    bool split = of.partitions != 0 && of.partitions != saved_.ranks;
    if (of.conflict) return false;
    const std::span<const int64_t> paddings = PaddingsOf(of);
    bool padded = paddings.empty() || paddings.size() == of.parameters.size();
    bool negative = std::ranges::any_of(paddings, [](int64_t padding) { return padding < 0; });
    if (split) {
      builder_.Note(Severity::kWarning, "zero-experts", "",
                    fmt::format("the {} parameters of group {}{} are split over {} ranks where others are over {}, as "
                                "experts are: which are whose the file does not say, so they have no data here",
                                of.parameters.size(), group, saved_.label, of.partitions, saved_.ranks));
    } else if (!padded) {
      builder_.Note(Severity::kError, "zero-share", "",
                    fmt::format("group {}{} has {} paddings for {} parameters", group, saved_.label, paddings.size(),
                                of.parameters.size()));
    } else if (negative) {
      builder_.Note(Severity::kError, "zero-share", "",
                    fmt::format("group {}{} has a negative padding", group, saved_.label));
    }
    return !split && padded && !negative;
  }

  // Stage 3: every rank has its share of every parameter.
  void MergeInterleaved() {
    std::vector<FlatRow> rows;
    for (auto at = saved_.flat.begin(); at != saved_.flat.end() && at->first == static_cast<int>(rows.size()); ++at) {
      FlatRow& row = rows.emplace_back();
      for (const ByteRange& range : at->second) row.Append(range);
    }
    uint64_t end = 0;
    std::vector<bool> agrees;
    for (size_t group = 0; group < saved_.groups.size(); ++group) {
      agrees.push_back(Agrees(group));
      for (size_t i : saved_.groups[group].parameters) {
        Place(share_.parameters[i], end,
              saved_.groups[group].partitions > 0 ? saved_.groups[group].partitions : saved_.ranks);
      }
    }
    for (size_t rank = 0; rank < rows.size(); ++rank) {
      if (!Fills(rows[rank], end, 4, fmt::format("rank {}{}", rank, saved_.label))) return;
    }
    auto shares = std::make_shared<const FlatShares>(builder_.model(), rows);
    for (size_t group = 0; group < saved_.groups.size(); ++group) {
      for (size_t i : saved_.groups[group].parameters) {
        DeepSpeedParameter& parameter = share_.parameters[i];
        if (!agrees[group] || parameter.nbytes == 0) continue;
        if (!shares->Have(parameter.at, parameter.share, parameter.nbytes)) continue;
        if (parameter.nbytes <= parameter.share) {  // all at the first rank
          parameter.pieces = rows[0].Cut(parameter.at, parameter.nbytes);
        } else {
          parameter.shares = shares;
        }
      }
    }
  }

  // Puts a parameter at the end of the ranks' rows.
  static void Place(DeepSpeedParameter& parameter, uint64_t& end, int64_t ranks) {
    auto numel = static_cast<int64_t>(parameter.nbytes / 4);
    int64_t count = numel / ranks + (numel % ranks != 0);
    parameter.at = end;
    parameter.share = BytesFor(DType::kFloat32, count).value_or(0);
    Advance(end, parameter.share);
  }

  ModelBuilder& builder_;
  const DeepSpeedSaved& saved_;
  DeepSpeedShare& share_;
};

}  // namespace

void MergeDeepSpeedShares(ModelBuilder& builder, const DeepSpeedSaved& saved, DeepSpeedShare& share) {
  Merger(builder, saved, share).Run();
}

}  // namespace pthview
