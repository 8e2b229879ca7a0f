#include "converters/common/loss_notes.h"

#include <map>
#include <utility>

#include <fmt/format.h>

namespace pthview {

std::string_view LossKindName(Loss::Kind kind) {
  switch (kind) {
    case Loss::kDropped: return "dropped";
    case Loss::kChanged: return "changed";
    case Loss::kDescribed: return "described";
  }
  return "";
}

std::vector<std::string> NotesOf(std::span<const Loss> losses) {
  std::vector<std::pair<const Loss*, size_t>> codes;
  std::map<std::string_view, size_t> place;
  for (const Loss& loss : losses) {
    auto [at, is_new] = place.try_emplace(loss.code, codes.size());
    if (is_new) codes.emplace_back(&loss, 0);
    ++codes[at->second].second;
  }
  std::vector<std::string> notes;
  for (const auto& [first, count] : codes) {
    std::string note = first->where.empty() ? first->text : fmt::format("{}: {}", first->where, first->text);
    if (count > 1) note += fmt::format(" ({} more like this)", count - 1);
    notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace pthview
