// Torch files inside pickles: torch.storage._load_from_bytes(b'...'), which plain pickle.dump of a storage writes.
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "lib/formats/torch/torch_file.h"

namespace pthview {
namespace {

constexpr int kMaxNesting = 5;

std::optional<StorageRow> ReadNested(ModelBuilder& builder, std::string_view bytes, int depth) {
  if (depth > kMaxNesting) {
    builder.Note(Severity::kError, "file-nesting", "",
                 fmt::format("torch files stand inside each other more than {} deep", kMaxNesting));
    return std::nullopt;
  }
  if (!builder.TakeInline(bytes.size(), "")) return std::nullopt;
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  Index source = builder.AddSource(OpenMemory("nested", {data, data + bytes.size()}));
  const ByteSource& memory = *builder.model().sources[source];
  Result<TorchPickle> file = Error{};
  if (LooksLikeZip({data, bytes.size()})) {
    auto zip = ZipArchive::Open(memory, &builder.findings());
    if (zip) {
      file = LoadTorchZip(builder, source, *zip, "data.pkl", "data/", depth);
    } else {
      file = std::move(zip).error();
    }
  } else {
    auto legacy = LoadTorchLegacy(builder, source, 0, depth);
    if (legacy) {
      file = std::move(legacy->pickle);
    } else {
      file = std::move(legacy).error();
    }
  }
  if (!file) {
    builder.Note(Severity::kError, "nested-file", "",
                 fmt::format("a torch file inside the pickle cannot be read: {}", file.error().message));
    return std::nullopt;
  }
  pickle::Value root = file->tree.root;
  if (!root.Is(pickle::Kind::kPersistent)) return std::nullopt;
  return file->storages[root.index];
}

}  // namespace

NestedStorageReader MakeNestedReader(ModelBuilder& builder) {
  // One string may be named by any number of calls: it is copied and read once. Strings live as long as their pickle,
  // which lives longer than the reader.
  using Known = std::map<std::pair<const char*, size_t>, std::optional<StorageRow>>;
  return [&builder, known = std::make_shared<Known>()](std::string_view bytes, int depth) {
    auto [at, is_new] = known->try_emplace({bytes.data(), bytes.size()});
    if (is_new) at->second = ReadNested(builder, bytes, depth);
    return at->second;
  };
}

}  // namespace pthview
