#include "lib/formats/common/early_pickle.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/pickle/machine.h"

namespace pthview {

std::optional<EarlyPickle> ReadPickleEarly(const ByteSource& source, std::span<const ZipRecord> first) {
  const auto record = std::find_if(first.begin(), first.end(), [](const ZipRecord& candidate) {
    return candidate.method == 0 && candidate.stored == candidate.size && candidate.name.ends_with("/data.pkl");
  });
  if (record == first.end()) return std::nullopt;
  const auto offset = DataOffset(source, *record);
  if (!offset) return std::nullopt;
  auto bytes = source.Read(*offset, record->size);
  if (!bytes) return std::nullopt;
  return EarlyPickle{*offset, record->size, pickle::Read(std::move(*bytes), {.record = std::string(record->name)})};
}

}  // namespace pthview
