#include "lib/analysis/structure/wrapper_prefix.h"

#include <array>

namespace pthview {
namespace {

struct KnownPrefix {
  std::string_view text;
  std::string_view cause;
};

constexpr auto kKnownPrefixes = std::to_array<KnownPrefix>({
    {"module.", "DataParallel or DistributedDataParallel"},
    {"_orig_mod.", "torch.compile"},
    {"_forward_module.", "Lightning Fabric"},
    {"_fsdp_wrapped_module.", "FullyShardedDataParallel"},
    {"_checkpoint_wrapped_module.", "activation checkpointing"},
    {"base_model.model.", "PEFT"},
    {"model_ema.", "an EMA helper"},
    {"ema_model.", "an EMA helper"},
    {"ema.", "an EMA helper"},
    {"state_dict.", "a nested state_dict"},
    {"model.", "an outer module with an attribute `model`, as Lightning modules have"},
    {"net.", "an outer module with an attribute `net`"},
    {"network.", "an outer module with an attribute `network`"},
});

// Wrappers around wrappers: more of them than this only a hostile file has.
constexpr int kMaxDepth = 6;

}  // namespace

WrapperPrefix FindWrapperPrefix(size_t count, const std::function<std::string_view(size_t)>& name) {
  WrapperPrefix found;
  if (count == 0) return found;
  std::string_view first = name(0);
  size_t length = 0;  // of what the first name carries
  std::string cause;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    size_t before = length;
    for (const KnownPrefix& known : kKnownPrefixes) {
      if (!first.substr(length).starts_with(known.text)) continue;
      size_t longer = length + known.text.size();
      for (size_t i = 0; i < count; ++i) {
        if (!name(i).starts_with(first.substr(0, longer))) return found;
      }
      length = longer;
      cause += (cause.empty() ? "" : ", then ") + std::string(known.cause);
      found = {first.substr(0, length), cause};
      break;
    }
    if (length == before) break;
  }
  return found;
}

}  // namespace pthview
