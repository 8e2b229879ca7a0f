// Prints pickles for pickle_differential.py. Standard input: any number of (uint32 length, pickle). Standard output: for
// each one `<ok|error> <bytes>\n<text>\n`, with the value as Print writes it or the error's message.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "lib/pickle/machine.h"
#include "lib/pickle/print.h"

int main() {
  constexpr size_t kBudget = size_t{1} << 24;
  uint32_t length = 0;
  while (std::fread(&length, sizeof(length), 1, stdin) == 1) {
    std::vector<std::byte> bytes(length);
    if (std::fread(bytes.data(), 1, length, stdin) != length) return 1;
    const auto tree = pthview::pickle::Read(std::move(bytes), {});
    const std::string text = tree ? pthview::pickle::Print(*tree, tree->root, kBudget) : tree.error().message;
    std::printf("%s %zu\n", tree ? "ok" : "error", text.size());
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fputc('\n', stdout);
  }
  return 0;
}
