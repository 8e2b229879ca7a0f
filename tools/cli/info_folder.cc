// A folder that is no checkpoint itself: what lies in it.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "lib/analysis/structure/structure.h"
#include "lib/analysis/summary/parameter_counts.h"
#include "lib/analysis/summary/what_it_is.h"
#include "lib/base/display_width.h"
#include "lib/base/natural_order.h"
#include "lib/base/progress.h"
#include "lib/formats/format.h"
#include "tools/cli/info_facts.h"
#include "tools/cli/info_text.h"
#include "tools/cli/terminal.h"

namespace pthview {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 10'000;
constexpr size_t kMostLevels = 6;
constexpr size_t kLeastFolderColumn = 12;  // less says nothing

std::vector<fs::path> Entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end; at != end;
       at.increment(error)) {
    if (error) break;
    if (!at->path().filename().string().starts_with('.')) entries.push_back(at->path());
    if (entries.size() > kMostFiles) break;
  }
  std::sort(entries.begin(), entries.end(), [](const fs::path& a, const fs::path& b) {
    return NaturalLess(a.filename().string(), b.filename().string());
  });
  return entries;
}

std::string Described(const Model& model) {
  uint64_t parameters = 0;
  const auto counts = CountParametersByPart(model);
  for (size_t p = 0; p < counts.size(); ++p) {
    if (model.parts[p].kind == PartKind::kModel) parameters += counts[p].all;
  }
  std::string what = WhatItIs(model, true);
  if (parameters > 0) what += fmt::format("; {} parameters", WithCommas(parameters));
  return what;
}

// NOLINTNEXTLINE(misc-no-recursion): kMostLevels at most
void Look(const fs::path& folder, size_t levels, size_t& seen, FolderContents& contents) {
  for (const fs::path& entry : Entries(folder)) {
    if (++seen > kMostFiles) {
      contents.is_complete = false;
      return;
    }
    std::error_code error;
    const bool is_folder = fs::is_directory(entry, error);
    if (!is_folder && !fs::is_regular_file(entry, error)) continue;  // a pipe would wait for ever
    if (auto model = OpenModel(entry.string())) {
      contents.checkpoints.push_back({entry.string(), BytesOfFiles(*model), Described(*model)});
    } else if (!is_folder) {
      ++contents.others;
    } else if (!fs::is_symlink(entry, error)) {  // which might lead back here
      if (levels == 0) {
        contents.is_complete = false;
      } else {
        Look(entry, levels - 1, seen, contents);
      }
    }
  }
}

}  // namespace

FolderContents LookIntoFolder(const std::string& folder) {
  FolderContents contents;
  size_t seen = 0;
  Look(folder, kMostLevels, seen, contents);
  return contents;
}

void PrintFolder(Output& out, const std::string& folder, const FolderContents& contents, const Arguments& arguments) {
  const Style style(UseColor(arguments));
  const size_t width = OutputWidth(arguments) == kNoWidthLimit ? kNoWidthLimit : ReadableWidth(arguments);
  out << style.Bold(EscapeForTerminal(folder)) << "\n";
  struct Row {
    std::string name, size, what;
  };
  std::vector<Row> rows;
  size_t name_width = 0;
  size_t size_width = 0;
  for (const FolderContents::Checkpoint& found : contents.checkpoints) {
    rows.push_back({EscapeForTerminal(fs::path(found.path).lexically_relative(folder).string()),
                    HumanBytes(found.bytes), EscapeForTerminal(found.what)});
    name_width = std::max(name_width, DisplayWidth(rows.back().name));
    size_width = std::max(size_width, rows.back().size.size());
  }
  if (width != kNoWidthLimit) name_width = std::min(name_width, std::max<size_t>(width * 2 / 5, 8));
  for (const Row& row : rows) {
    std::string name = FitText(row.name, name_width);
    name.append(name_width - DisplayWidth(name), ' ');
    const bool sized = width >= 2 * kLeastFolderColumn + name_width + size_width;
    const size_t taken = 2 + name_width + 2 + (sized ? size_width + 2 : 0);
    out << "  " << name << (sized ? fmt::format("  {:>{}}  ", row.size, size_width) : "  ")
        << (width == kNoWidthLimit ? row.what : CutText(row.what, width > taken + 8 ? width - taken : 8)) << "\n";
  }
  std::string last = fmt::format("{} checkpoint{}", WithCommas(rows.size()), rows.size() == 1 ? "" : "s");
  if (contents.others > 0) {
    last += fmt::format(", {} other file{}", WithCommas(contents.others), contents.others == 1 ? "" : "s");
  }
  if (!contents.is_complete) last += fmt::format("; no more than {} files were looked at", WithCommas(kMostFiles));
  out << style.Bold(WrapText(last, width, 0, 0)) << "\n";
}

}  // namespace pthview
