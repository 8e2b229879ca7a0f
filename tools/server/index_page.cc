#include "tools/server/index_page.h"

#include <nlohmann/json.hpp>

namespace pthview::server {
namespace {

Error BadPatches(const std::string& what) {
  return {.code = ErrorCode::kCorrupt, .message = what, .file = "patches.json"};
}

std::string Shortened(const std::string& text) { return text.size() <= 60 ? text : text.substr(0, 60) + "..."; }

}  // namespace

Result<std::vector<Patch>> ParsePatches(std::string_view json) {
  nlohmann::json document = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
  if (!document.is_object() || !document.contains("index.html") || !document["index.html"].is_array()) {
    return BadPatches("expected an object with a list named index.html");
  }
  std::vector<Patch> patches;
  for (const nlohmann::json& row : document["index.html"]) {
    if (!row.is_object() || !row.contains("find") || !row["find"].is_string() || !row.contains("replace") ||
        !row["replace"].is_string() || (row.contains("count") && !row["count"].is_number_unsigned())) {
      return BadPatches("a row of index.html lacks find or replace, or has a count that is no number");
    }
    Patch patch{row["find"].get<std::string>(), row["replace"].get<std::string>(), row.value("count", size_t{1})};
    if (patch.find.empty()) return BadPatches("a row of index.html has nothing to find");
    patches.push_back(std::move(patch));
  }
  return patches;
}

Result<std::string> ApplyPatches(std::string page, const std::vector<Patch>& patches) {
  for (const Patch& patch : patches) {
    std::string changed;
    size_t count = 0;
    size_t from = 0;
    for (size_t at; (at = page.find(patch.find, from)) != std::string::npos; from = at + patch.find.size(), ++count) {
      changed.append(page, from, at - from);
      changed += patch.replace;
    }
    if (count != patch.count) {
      return Error{.code = ErrorCode::kCorrupt,
                   .message = "Netron's index.html has " + std::to_string(count) + " times what a patch expects " +
                              std::to_string(patch.count) + " times: " + Shortened(patch.find),
                   .file = "patches.json",
                   .hint = "the Netron assets are not the pinned ones; run tools/bootstrap again"};
    }
    changed.append(page, from);
    page = std::move(changed);
  }
  return page;
}

}  // namespace pthview::server
