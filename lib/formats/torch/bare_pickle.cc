// Python's own pickle.dump, any protocol: tensors come by torch.storage._load_from_bytes (a torch file as bytes),
// arrays by numpy's functions. There is no magic number, so other rows go first.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/torch/joblib_arrays.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/formats/torch/torch_walk.h"
#include "lib/model/path.h"
#include "lib/pickle/machine.h"

namespace pthview {
namespace {

constexpr int kHighestProtocol = 5;

// Whether a pickle without PROTO, as protocols 0 and 1 write them, could begin with this byte: MARK, an empty
// container, a number, a text, None, or a name (`c`).
bool CanBegin(std::byte first) {
  return std::string_view("(]})cVSILFNUXTKMJGu").find(static_cast<char>(first)) != std::string_view::npos;
}

// Without PROTO a file is a pickle when it can be read as a row of them to its end (bar white space), or when one of
// them is a container or names something that would be imported. Text seldom has a point in the right place.
bool IsPickleThroughout(const ByteSource& source) {
  const auto names_or_container = [](const pickle::Tree& tree) {
    return !tree.globals().empty() || tree.root.Is(pickle::Kind::kDict) || tree.root.Is(pickle::Kind::kList) ||
           tree.root.Is(pickle::Kind::kTuple);
  };
  uint64_t at = 0;
  for (size_t count = 0; at < source.size() && count < kMostObjects; ++count) {
    auto tree = pickle::ReadFrom(source, at, {});
    if (tree && (names_or_container(*tree) || !tree->persistent_ids().empty())) return true;
    if (!tree) {
      auto rest = source.Read(at, std::min<uint64_t>(source.size() - at, 16));
      return at > 0 && rest && std::all_of(rest->begin(), rest->end(), [](std::byte byte) {
               return std::string_view(" \t\r\n").find(static_cast<char>(byte)) != std::string_view::npos;
             });
    }
    at += tree->end;
  }
  return at == source.size();
}

int Match(const OpenContext& context) {
  const auto& head = context.head;
  if (head.size() < 4) return 0;
  if (head[0] == std::byte{0x80}) return static_cast<int>(head[1]) <= kHighestProtocol ? 10 : 0;
  return CanBegin(head[0]) && IsPickleThroughout(*context.source) ? 5 : 0;
}

Result<TorchPickle> Load(const ByteSource& bytes, Index source, uint64_t at, int depth) {
  TorchPickle file;
  file.raw_source = source;
  PTHVIEW_ASSIGN(file.tree, pickle::ReadFrom(
                                bytes, at, {.base = at, .raw_after = JoblibElements, .raw_blocks = &file.raw_blocks}));
  for (pickle::RawBlock& block : file.raw_blocks) block.offset += at;
  std::sort(file.raw_blocks.begin(), file.raw_blocks.end(),
            [](const auto& a, const auto& b) { return a.object < b.object; });
  file.meanings = MeaningsOf(file.tree);
  file.depth = depth;
  // Nobody but the program that wrote it knows what its persistent ids name.
  file.storages.resize(file.tree.persistent_ids().size());
  return file;
}

// Arrays of objects are pickles of their own between the opcodes: each is listed by the byte at which it stands.
void WalkObjectArrays(ModelBuilder& builder, Index source, const TorchPickle& file) {
  for (const pickle::RawBlock& block : file.raw_blocks) {
    if (!block.is_pickle) continue;
    std::string path;
    AppendTextKey(path, fmt::format("array of objects at byte {}", block.offset));
    auto inner = Load(*builder.model().sources[source], source, block.offset, file.depth);
    if (inner) {
      WalkTorchPickle(*inner, MakeNestedReader(builder), builder, {.path = builder.arena().Copy(path)});
    } else {
      builder.Note(Severity::kError, "object-unreadable", path, inner.error().message);
    }
  }
}

Result<Model> Open(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  Index source = builder.AddSource(std::move(context.source));
  const ByteSource& bytes = *builder.model().sources[source];
  int protocol = context.head[0] == std::byte{0x80} ? static_cast<int>(context.head[1]) : 0;
  PTHVIEW_ASSIGN(TorchPickle file, Load(bytes, source, 0, context.depth));
  uint64_t end = file.tree.end;
  auto next =
      end < bytes.size() ? Load(bytes, source, end, context.depth) : Result<TorchPickle>(tl::unexpected(Error{}));
  const bool several = next.has_value();
  size_t unlisted = 0;
  bool joblib = false;
  for (size_t count = 0;; ++count) {
    std::string path;
    if (several) AppendIndex(path, static_cast<int64_t>(count));
    unlisted += file.storages.size();
    WalkTorchPickle(file, MakeNestedReader(builder), builder,
                    {.path = builder.arena().Copy(path), .content = options.content && !several});
    WalkObjectArrays(builder, source, file);
    joblib = joblib || !file.raw_blocks.empty();
    if (!next) {
      if (several) NoteSeveralObjects(builder, count + 1, "pickle.dump");
      break;
    }
    file = std::move(*next);
    end += file.tree.end;
    const bool more = end < bytes.size() && count + 2 < kMostObjects;
    next = more ? Load(bytes, source, end, context.depth) : Result<TorchPickle>(tl::unexpected(Error{}));
  }
  if (unlisted > 0) {
    builder.Note(Severity::kWarning, "persistent-ids", "",
                 fmt::format("{} objects are kept outside of this pickle; they are not listed", unlisted));
  }
  if (end < bytes.size()) {
    builder.Note(Severity::kWarning, "pickle-trailing", "",
                 fmt::format("{} bytes stand behind the {}'s end, and are no pickle", bytes.size() - end,
                             several ? "last pickle" : "pickle"));
  }
  builder.model().format_text =
      protocol == 0 ? "Python pickle, protocol 0 or 1" : fmt::format("Python pickle, protocol {}", protocol);
  if (several) builder.model().format_text += ", several in a row";
  if (joblib) builder.model().format_text += ", with arrays of joblib";
  return std::move(builder).Finish();
}

}  // namespace

const Format kBarePickle = {"pickle", "Python pickle with tensors or NumPy arrays", Match, Open};

}  // namespace pthview
