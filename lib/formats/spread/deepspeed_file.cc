#include "lib/formats/spread/deepspeed_file.h"

#include <algorithm>

#include "lib/formats/common/folder.h"

namespace pthview {

using pickle::Kind;
using pickle::Value;

const Value* DeepSpeedFile::Find(Value dict, std::string_view key) {
  auto pairs = values.Pairs(dict);
  return pairs ? TorchValues::Find(*pairs, key) : nullptr;
}

std::optional<int64_t> DeepSpeedFile::Int(Value value) const {
  value = OnlyArgument(file.tree, value);
  if (!value.Is(Kind::kInt)) return std::nullopt;
  return value.integer;
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
