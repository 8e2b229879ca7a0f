#include "tools/server/api.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/model/npy.h"
#include "tools/server/figures_json.h"
#include "tools/server/health_json.h"
#include "tools/server/heatmap.h"
#include "tools/server/search.h"
#include "tools/server/tensor_json.h"
#include "tools/server/window.h"

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

// A turn, or none where the one who asked has left while waiting for it.
class Turn {
 public:
  Turn(HeavyWork* heavy, const Departure& departure) {
    do {
      held_ = heavy->try_acquire_for(std::chrono::milliseconds(50)) ? heavy : nullptr;
    } while (held_ == nullptr && !departure.departed());
  }
  ~Turn() {
    if (held_ != nullptr) held_->release();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool held() const { return held_ != nullptr; }

 private:
  HeavyWork* held_ = nullptr;
};

// work(cancelled) -> Result<std::string>
template <typename Work>
Reply ReadWeights(HeavyWork* heavy, const Model& model, const Gone& gone, const Work& work) {
  const Departure departure(gone);
  Turn turn(heavy, departure);
  if (!turn.held()) return ErrorReply(Error{ErrorCode::kInterrupted, "the reader has gone"});
  Result<std::string> text = work(departure.flag());
  if (Status unchanged = CheckUnchanged(model); !unchanged) {
    return ErrorReply(std::move(unchanged.error()).Hint("reload the page, or serve the file with --watch"));
  }
  if (!text) return ErrorReply(text.error());
  return {.body = std::move(*text)};
}

WindowRange WindowOf(const Query& query) {
  auto number = [&](const std::string& name, uint64_t fallback) {
    return static_cast<int64_t>(std::min<uint64_t>(NumberOf(query, name, fallback), INT64_MAX));
  };
  return {number("split", 1), number("row", 0), number("rows", 64), number("column", 0), number("columns", 64)};
}

pictures::GridRegion RegionOf(const Query& query) {
  auto number = [&](const std::string& name, uint64_t fallback) {
    return static_cast<int64_t>(std::min<uint64_t>(NumberOf(query, name, fallback), INT64_MAX));
  };
  return {number("row", 0), number("rows", INT64_MAX), number("column", 0), number("columns", INT64_MAX)};
}

// The file name of a tensor's own file: what browsers and shells take without asking.
std::string DownloadName(std::string_view name) {
  std::string safe(name.substr(name.size() > 150 ? name.size() - 150 : 0));
  for (char& c : safe) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  return (safe.empty() || safe[0] == '.' ? "tensor" + safe : safe) + ".npy";
}

// The values are read while they are sent.
Reply NpyReply(const std::shared_ptr<const Snapshot>& snapshot, uint64_t index) {
  if (index >= snapshot->model->tensors.size()) return NotFound();
  const Tensor& listed = snapshot->model->tensors[index];
  std::shared_ptr<const Model> model = snapshot->model;
  bool sparse = listed.layout >= Layout::kSparseCoo && listed.layout <= Layout::kSparseBsc;
  if (sparse) {
    Result<Model> made = DenseCopy(*model, listed);
    if (!made) return ErrorReply(made.error());
    model = std::make_shared<const Model>(std::move(*made));
  }
  const Tensor* tensor = &model->tensors[sparse ? 0 : index];
  Result<NpyFile> file = DescribeNpy(*tensor);
  if (!file) return ErrorReply(file.error());
  if (Status unchanged = CheckUnchanged(*snapshot->model); !unchanged) {
    return ErrorReply(std::move(unchanged.error()).Hint("reload the page, or serve the file with --watch"));
  }
  Reply reply{.type = "application/octet-stream"};
  reply.length = file->header.size() + file->nbytes;
  reply.headers = {{"Content-Disposition", "attachment; filename=\"" + DownloadName(listed.name) + "\""}};
  reply.stream = [model, tensor, header = std::move(file->header)](const Reply::Sink& write) {
    if (!write(header)) return false;
    Status status = WriteNpyValues(*model, *tensor, [&](std::span<const std::byte> bytes) -> Status {
      if (write({reinterpret_cast<const char*>(bytes.data()), bytes.size()})) return Ok();
      return Error{.code = ErrorCode::kInterrupted, .message = "the reader has gone"};
    });
    return static_cast<bool>(status);
  };
  return reply;
}

}  // namespace

Reply Api::Get(std::string_view path, const Query& query, const Gone& gone) {
  if (path.starts_with('/')) path.remove_prefix(1);
  constexpr std::string_view kData = "data/";
  constexpr std::string_view kDataSuffix = ".netron";
  constexpr std::string_view kApi = "api/v1/";
  if (path.starts_with(kData) && path.ends_with(kDataSuffix) && path.size() >= kData.size() + kDataSuffix.size()) {
    std::string_view id = path.substr(kData.size(), path.size() - kData.size() - kDataSuffix.size());
    constexpr std::string_view kModel[] = {"model"};
    return GetFile(id, kModel, query, gone);
  }
  if (!path.starts_with(kApi)) return assets_.Get(path);
  std::vector<std::string_view> steps = Split(path.substr(kApi.size()));
  if (steps[0] != "files") return NotFound();
  if (steps.size() == 1) return {.body = sessions_->Json(watching_)};
  return GetFile(steps[1], std::span(steps).subspan(2), query, gone);
}

Reply Api::Compare(const Model& model, std::string_view other, const Query& query, const Gone& gone) {
  const Session* session = sessions_->Find(other);
  std::shared_ptr<const Snapshot> snapshot = session ? session->snapshot() : nullptr;
  if (!snapshot || !snapshot->model) return NotFound();
  return ReadWeights(&heavy_, model, gone, [&](const std::atomic<bool>* cancelled) -> Result<std::string> {
    Result<std::string> text = CompareJson(model, *snapshot->model, NumberOf(query, "first", 0), cancelled);
    PTHVIEW_TRY(CheckUnchanged(*snapshot->model));
    return text;
  });
}

Reply Api::GetFile(std::string_view id, std::span<const std::string_view> rest, const Query& query, const Gone& gone) {
  Session* session = sessions_->Find(id);
  if (!session || rest.empty()) return NotFound();
  std::shared_ptr<const Snapshot> snapshot = session->snapshot();
  if (!snapshot->model) {
    return snapshot->error ? ErrorReply(*snapshot->error) : ErrorReply(503, "loading", "the file is being opened");
  }
  const Model& model = *snapshot->model;
  if (rest.size() == 1 && rest[0] == "model") return {.shared = snapshot->document};
  if (rest.size() == 1 && rest[0] == "graph") {
    if (late_graphs_ != nullptr) late_graphs_->Ask(session);
    return {.shared = snapshot->graphs};
  }
  if (rest.size() == 1 && rest[0] == "search") {
    std::string text = TextOf(query, "q");
    if (text.size() > kMaxQueryText)
      return ErrorReply(400, "usage", fmt::format("the text to search for has more than {} bytes", kMaxQueryText));
    return {.body = SearchJson(model, *snapshot->outline, text, NumberOf(query, "limit", 50))};
  }
  if (rest.size() == 1 && rest[0] == "scalars") {
    return ReadWeights(&heavy_, model, gone, [&](auto) { return ScalarsJson(model); });
  }
  if (rest.size() == 1 && rest[0] == "figures") {
    return ReadWeights(&heavy_, model, gone,
                       [&](auto cancelled) { return FiguresJson(model, NumberOf(query, "first", 0), cancelled); });
  }
  if (rest.size() == 1 && rest[0] == "find") return {.body = FindJson(model, TextOf(query, "name"))};
  if (rest.size() != 2) return NotFound();
  if (rest[0] == "compare") return Compare(model, rest[1], query, gone);
  constexpr std::string_view kNpy = ".npy";
  bool npy = rest[0] == "tensors" && rest[1].ends_with(kNpy);
  std::optional<uint64_t> index = ParseNumber(npy ? rest[1].substr(0, rest[1].size() - kNpy.size()) : rest[1]);
  if (!index) return NotFound();
  if (npy) return NpyReply(snapshot, *index);
  if (rest[0] == "heatmap") {
    return ReadWeights(&heavy_, model, gone, [&](auto) { return HeatmapJson(model, *index, RegionOf(query)); });
  }
  if (rest[0] == "health")
    return ReadWeights(&heavy_, model, gone, [&](auto cancelled) { return HealthJson(model, *index, cancelled); });
  if (rest[0] == "window") {
    return ReadWeights(&heavy_, model, gone, [&](auto) { return WindowJson(model, *index, WindowOf(query)); });
  }
  if (rest[0] != "tensors") return NotFound();
  return ReadWeights(&heavy_, model, gone, [&](auto cancelled) {
    uint64_t values = std::min<uint64_t>(NumberOf(query, "values", kMaxValues), kMaxValues);
    return TensorJson(model, *index, static_cast<int64_t>(values), cancelled);
  });
}

}  // namespace pthview::server
