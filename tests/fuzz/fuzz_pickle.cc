// Reads any bytes as a pickle, both ways in, and walks what comes out.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lib/base/source.h"
#include "lib/pickle/machine.h"
#include "lib/pickle/print.h"

namespace {

// Touches every view, so that the sanitizers see one that points nowhere.
size_t Touch(const pthview::pickle::Tree& tree, pthview::pickle::Value value) {
  size_t sum = tree.Tuple(value).size() + tree.List(value).size() + tree.Dict(value).size();
  if (value.IsText()) {
    for (const char c : value.Text()) sum += static_cast<unsigned char>(c);
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace pickle = pthview::pickle;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto tree = pickle::Read(std::vector<std::byte>(bytes, bytes + size), {});
  const auto source = pthview::OpenMemory("fuzz", std::vector<std::byte>(bytes, bytes + size));
  const auto again = pickle::ReadFrom(*source, 0, {});
  if (tree.has_value() != again.has_value()) std::abort();
  if (!tree) {
    if (tree.error().message != again.error().message || tree.error().offset > size) std::abort();
    return 0;
  }
  if (tree->end > size || tree->end != again->end) std::abort();
  const std::string text = pickle::Print(*tree, tree->root, 2000);
  if (text.size() > 2003 || text != pickle::Print(*again, again->root, 2000)) std::abort();
  size_t sum = Touch(*tree, tree->root);
  for (const pickle::Object& object : tree->objects()) {
    sum += Touch(*tree, object.args) + Touch(*tree, tree->KwargsOf(object));
    if (const pickle::Value* state = tree->StateOf(object)) sum += Touch(*tree, *state);
    for (const pickle::Value item : tree->ItemsOf(object)) sum += Touch(*tree, item);
    for (const pickle::Pair& pair : tree->DictItemsOf(object)) sum += Touch(*tree, pair.first);
    sum += tree->EarlierStatesOf(object).size();
  }
  for (const pickle::Value id : tree->persistent_ids()) sum += Touch(*tree, id);
  volatile size_t used = sum;
  (void)used;
  return 0;
}
