#include "lib/formats/deepspeed_file.h"

#include <algorithm>

#include "lib/formats/folder.h"

namespace pthview {

using pickle::Kind;
using pickle::Value;

const Value* DeepSpeedFile::Find(Value dict, std::string_view key) {
  auto pairs = values.Pairs(dict);
  return pairs ? TorchValues::Find(*pairs, key) : nullptr;
}

namespace {

// What an object was called with, when that is one value: an enum's, the tuple of a torch.Size.
Value OnlyArgument(const pickle::Tree& tree, Value value) {
  if (!value.Is(Kind::kObject)) return value;
  auto args = tree.Sequence(tree.ObjectOf(value).args);
  return args.size() == 1 ? args[0] : value;
}

}  // namespace

std::optional<int64_t> DeepSpeedFile::Int(Value value) const {
  value = OnlyArgument(file.tree, value);
  if (!value.Is(Kind::kInt)) return std::nullopt;
  return value.integer;
}

std::optional<std::vector<int64_t>> DeepSpeedFile::Ints(Value value, size_t most) const {
  value = OnlyArgument(file.tree, value);
  if (!value.Is(Kind::kTuple) && !value.Is(Kind::kList)) return std::nullopt;
  auto items = file.tree.Sequence(value);
  if (items.size() > most) return std::nullopt;
  std::vector<int64_t> ints;
  ints.reserve(items.size());
  for (Value item : items) {
    if (!item.Is(Kind::kInt)) return std::nullopt;
    ints.push_back(item.integer);
  }
  return ints;
}

Result<std::unique_ptr<DeepSpeedFile>> LoadDeepSpeedFile(ModelBuilder& builder, const std::string& folder,
                                                         const std::string& name) {
  PTHVIEW_ASSIGN(std::unique_ptr<ByteSource> bytes, OpenInFolder(folder, name));
  Index source = builder.AddSource(std::move(bytes));
  const ByteSource& file = *builder.model().sources[source];
  PTHVIEW_ASSIGN(std::vector<std::byte> head, file.Read(0, std::min<uint64_t>(file.size(), 64)));
  if (LooksLikeZip(head)) {
    PTHVIEW_ASSIGN(ZipArchive zip, ZipArchive::Open(file, &builder.findings()));
    PTHVIEW_ASSIGN(TorchPickle pickle, LoadTorchZip(builder, source, zip, "data.pkl", "data/", 1));
    return std::make_unique<DeepSpeedFile>(std::move(pickle), builder);
  }
  PTHVIEW_ASSIGN(LegacyFile legacy, LoadTorchLegacy(builder, source, 0, 1));
  return std::make_unique<DeepSpeedFile>(std::move(legacy.pickle), builder);
}

}  // namespace pthview
