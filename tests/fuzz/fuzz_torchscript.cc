// Any bytes as one record of a TorchScript archive: the first byte says which.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/formats/format.h"
#include "tests/fuzz/walk_model.h"
#include "tests/unit/container/zip_builder.h"

using namespace std::string_view_literals;  // NOLINT(google-build-using-namespace): for ""sv

namespace {

// A module of class __torch__.Net that holds nothing.
constexpr std::string_view kModule =
    "\x80\x02"
    "c__torch__\nNet\n)\x81}X\x08\0\0\0trainings\x89"
    "b."sv;

void Open(std::string_view data, std::string_view source, std::string_view bytecode, std::string_view json) {
  pthview::ZipBuilder zip;
  auto add = [&](const char* name, std::string_view bytes) {
    if (!bytes.empty()) zip.Add({.name = name, .data = std::string(bytes)});
  };
  add("net/version", "3\n");
  add("net/data.pkl", data);
  add("net/constants.pkl", json.empty() ? std::string_view("\x80\x02).") : std::string_view());
  add("net/data/0", std::string(64, 'w'));
  add("net/code/__torch__.py", source);
  add("net/bytecode.pkl", bytecode);
  add("net/attributes.pkl", json.empty() ? std::string_view() : std::string_view("\x80\x02(K\x01K\x02t."));
  add("net/model.json", json);
  auto model = pthview::OpenInside("fuzz", pthview::Memory(zip.Finish()), {}, 0);
  if (model) pthview::WalkModel(*model);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: Open(kModule, text, {}, {}); break;
    case 1: Open(kModule, {}, text, {}); break;
    case 2: Open({}, {}, {}, text); break;
    default: Open(text, "class Net(Module):\n  __parameters__ = [\"w\", ]\n", {}, {}); break;
  }
  return 0;
}
