#include "tools/server/api.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tools/server/heatmap.h"
#include "tools/server/search.h"
#include "tools/server/tensor_json.h"

namespace pthview::server {
namespace {

constexpr size_t kMaxQueryText = 200;

Reply NotFound() { return ErrorReply(404, "not_found", "there is nothing at this address"); }

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string TextOf(const Query& query, const std::string& name) {
  auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

// A number from the query; `fallback` when it is absent or no number.
uint64_t NumberOf(const Query& query, const std::string& name, uint64_t fallback) {
  return ParseNumber(TextOf(query, name)).value_or(fallback);
}

std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> steps;
  for (;;) {
    size_t slash = path.find('/');
    steps.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return steps;
    path.remove_prefix(slash + 1);
  }
}

// Bytes that were read while the file was being rewritten are of neither state.
Status CheckUnchanged(const Model& model) {
  for (const std::unique_ptr<ByteSource>& source : model.sources) PTHVIEW_TRY(source->CheckUnchanged());
  return Ok();
}

class Turn {
 public:
  explicit Turn(std::counting_semaphore<>* semaphore) : semaphore_(semaphore) { semaphore_->acquire(); }
  ~Turn() { semaphore_->release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::counting_semaphore<>* semaphore_;
};

template <typename Work>
Reply ReadWeights(std::counting_semaphore<>* heavy, const Model& model, const Work& work) {
  Turn turn(heavy);
  Result<std::string> text = work();
  if (Status unchanged = CheckUnchanged(model); !unchanged) {
    return ErrorReply(std::move(unchanged.error()).Hint("reload the page, or serve the file with --watch"));
  }
  if (!text) return ErrorReply(text.error());
  return {.body = std::move(*text)};
}

}  // namespace

Reply Api::Get(std::string_view path, const Query& query) {
  if (path.starts_with('/')) path.remove_prefix(1);
  constexpr std::string_view kData = "data/";
  constexpr std::string_view kDataSuffix = ".netron";
  constexpr std::string_view kApi = "api/v1/";
  if (path.starts_with(kData) && path.ends_with(kDataSuffix) && path.size() >= kData.size() + kDataSuffix.size()) {
    std::string_view id = path.substr(kData.size(), path.size() - kData.size() - kDataSuffix.size());
    constexpr std::string_view kModel[] = {"model"};
    return GetFile(id, kModel, query);
  }
  if (!path.starts_with(kApi)) return assets_.Get(path);
  std::vector<std::string_view> steps = Split(path.substr(kApi.size()));
  if (steps[0] != "files") return NotFound();
  if (steps.size() == 1) return {.body = sessions_->Json(watching_)};
  return GetFile(steps[1], std::span(steps).subspan(2), query);
}

Reply Api::GetFile(std::string_view id, std::span<const std::string_view> rest, const Query& query) {
  const Session* session = sessions_->Find(id);
  if (!session || rest.empty()) return NotFound();
  std::shared_ptr<const Snapshot> snapshot = session->snapshot();
  if (!snapshot->model) {
    return snapshot->error ? ErrorReply(*snapshot->error) : ErrorReply(503, "loading", "the file is being opened");
  }
  const Model& model = *snapshot->model;
  if (rest.size() == 1 && rest[0] == "model") return {.shared = snapshot->document};
  if (rest.size() == 1 && rest[0] == "search") {
    std::string text = TextOf(query, "q");
    if (text.size() > kMaxQueryText)
      return ErrorReply(400, "usage", fmt::format("the text to search for has more than {} bytes", kMaxQueryText));
    return {.body = SearchJson(model, *snapshot->outline, text, NumberOf(query, "limit", 50))};
  }
  if (rest.size() != 2 || (rest[0] != "tensors" && rest[0] != "heatmap")) return NotFound();
  std::optional<uint64_t> index = ParseNumber(rest[1]);
  if (!index) return NotFound();
  return ReadWeights(&heavy_, model, [&] {
    if (rest[0] == "heatmap") return HeatmapJson(model, *index);
    uint64_t values = std::min<uint64_t>(NumberOf(query, "values", kMaxValues), kMaxValues);
    return TensorJson(model, *index, static_cast<int64_t>(values));
  });
}

}  // namespace pthview::server
