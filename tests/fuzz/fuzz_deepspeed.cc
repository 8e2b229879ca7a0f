// Any bytes as the files of a DeepSpeed folder: `<u8 kind> <u8 rank> <u8 model-parallel rank> <u16 length> <pickle>`
// for each of them.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "lib/formats/format.h"
#include "tests/fuzz/walk_model.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/container/zip_builder.h"

namespace {

// make_seeds.py has the same names.
std::string Name(uint8_t kind, int rank, int model_rank) {
  switch (kind % 6) {
    case 0: return fmt::format("mp_rank_{:02}_model_states.pt", model_rank);
    case 1: return fmt::format("zero_pp_rank_{}_mp_rank_{:02}_model_states.pt", rank, model_rank);
    case 2: return fmt::format("zero_pp_rank_{}_mp_rank_{:02}_optim_states.pt", rank, model_rank);
    case 3: return fmt::format("layer_{:02}-model_{:02}-model_states.pt", rank, model_rank);
    case 4: return fmt::format("layer_{:02}-model_states.pt", rank);
    default: return fmt::format("layer_0_expert_{}_mp_rank_{:02}_model_states.pt", rank, model_rank);
  }
}

std::string File(std::string_view pickle) {
  pthview::ZipBuilder zip;
  zip.Add({.name = "m/data.pkl", .data = std::string(pickle), .torch = true});
  for (int key = 0; key < 8; ++key) {
    zip.Add({.name = "m/data/" + std::to_string(key),
             .data = std::string(256, static_cast<char>('a' + key)),
             .torch = true});
  }
  return zip.Finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const pthview::TemporaryFolder folder;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (int files = 0; rest.size() >= 5 && files < 12; ++files) {
    std::string name = Name(static_cast<uint8_t>(rest[0]), rest[1] & 3, rest[2] & 3);
    uint16_t length;
    std::memcpy(&length, rest.data() + 3, sizeof(length));
    std::string_view pickle = rest.substr(5, length);
    pthview::WriteText(folder / name, File(pickle));
    rest.remove_prefix(5 + pickle.size());
  }
  {
    auto model = pthview::OpenModel(folder.path());
    if (model) pthview::WalkModel(*model);
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) std::filesystem::remove(entry.path());
  return 0;
}
