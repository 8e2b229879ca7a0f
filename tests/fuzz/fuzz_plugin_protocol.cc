// Reads any bytes as what a plug-in sends: the first byte chooses the encoding, the rest is its output.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/host/framing.h"
#include "plugins/host/reply.h"
#include "tests/fuzz/walk_model.h"

using namespace pthview::plugins;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  Encoding encoding = data[0] % 2 == 0 ? Encoding::kJson : Encoding::kProtobuf;
  // A message may be as long as the file that it describes allows.
  MessageReader reader(encoding, size_t{1} << 20);
  reader.Feed({reinterpret_cast<const char*>(data) + 1, size - 1});
  while (true) {
    auto bytes = reader.Next();
    if (!bytes || !*bytes) return 0;
    auto message = DecodeMessage(encoding, **bytes);
    if (!message) return 0;
    if (message->has_failure()) (void)ToError(message->failure());
    if (!message->has_model()) continue;
    std::vector<NamedFile> files(2);
    files[0] = {"/fuzz", pthview::OpenMemory("/fuzz", std::vector<std::byte>(256))};
    files[1] = {"/nonexistent", nullptr};
    auto model = ModelFromReply(message->model(), std::move(files), {});
    if (model) pthview::WalkModel(*model);
  }
}
