// Python's own pickle.dump, any protocol: tensors come by torch.storage._load_from_bytes (a torch file as bytes),
// arrays by numpy's functions. There is no magic number, so other rows go first.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/formats/torch/torch_walk.h"
#include "lib/pickle/machine.h"

namespace pthview {
namespace {

constexpr int kHighestProtocol = 5;
// Protocols 0 and 1 begin like any text: a file is one of theirs when the whole of it can be read as a pickle.

// Whether a pickle of protocol 0 or 1 could begin with this byte: MARK, an empty container, or GLOBAL (`c`).
bool CanBegin(std::byte first) {
  return std::string_view("(]})c").find(static_cast<char>(first)) != std::string_view::npos;
}

int Match(const OpenContext& context) {
  const auto& head = context.head;
  if (head.size() < 4) return 0;
  if (head[0] == std::byte{0x80}) return static_cast<int>(head[1]) <= kHighestProtocol ? 10 : 0;
  if (!CanBegin(head[0])) return 0;
  return pickle::ReadFrom(*context.source, 0, {}) ? 5 : 0;
}

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  Index source = builder.AddSource(std::move(context.source));
  const ByteSource& bytes = *builder.model().sources[source];
  int protocol = context.head[0] == std::byte{0x80} ? static_cast<int>(context.head[1]) : 0;
  TorchPickle file;
  PTHVIEW_ASSIGN(file.tree, pickle::ReadFrom(bytes, 0, {}));
  file.meanings = MeaningsOf(file.tree);
  file.depth = context.depth;
  // Nobody but the program that wrote it knows what its persistent ids name.
  file.storages.resize(file.tree.persistent_ids().size());
  if (!file.storages.empty()) {
    builder.Note(Severity::kWarning, "persistent-ids", "",
                 fmt::format("{} objects are kept outside of this pickle; they are not listed", file.storages.size()));
  }
  if (file.tree.end < bytes.size()) {
    builder.Note(
        Severity::kWarning, "pickle-trailing", "",
        fmt::format("{} bytes stand behind the pickle's end (more pickles in a row?)", bytes.size() - file.tree.end));
  }
  WalkTorchPickle(file, MakeNestedReader(builder), builder);
  builder.model().format_text =
      protocol == 0 ? "Python pickle, protocol 0 or 1" : fmt::format("Python pickle, protocol {}", protocol);
  return std::move(builder).Finish();
}

}  // namespace

const Format kBarePickle = {"pickle", "Python pickle with tensors or NumPy arrays", Match, Open};

}  // namespace pthview
