// What a format is: a row of the table in registry.cc, and how a path becomes a Model.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/container/zip.h"
#include "lib/formats/common/early_pickle.h"
#include "lib/model/model.h"

namespace pthview {

struct OpenOptions;

// How a format opens bytes that belong to its file: a member of a bag, what a gzip holds, a shard. `name` is theirs in
// messages; `depth` is that of the file around plus one. kLimit when files stand inside each other too deeply to be
// real. Formats get it with their context, so that none of them depends on the registry.
using InsideOpener = Result<Model> (*)(const std::string& name, std::unique_ptr<ByteSource> source,
                                       const OpenOptions& options, int depth);

// What match functions look at: the first bytes, and the zip directory when it is one. Content decides, never the
// extension.
struct OpenContext {
  std::string path;
  std::unique_ptr<ByteSource> source;  // null when the path is a directory
  std::vector<std::byte> head;         // the first 4096 bytes, or all of a smaller file
  bool directory = false;
  std::string folder;                  // where its neighbours are; empty for what stands inside another file
  int depth = 0;                       // files that this one stands inside of (wrappers, bags, indices of shards)
  std::unique_ptr<ZipArchive> zip;     // set when the source is a zip archive
  Findings findings;                   // of the container, passed on to the model
  std::optional<EarlyPickle> pickle;   // of a large zip archive that may be torch.save's
  InsideOpener open_inside = nullptr;  // set by the registry
};

struct OpenOptions {
  // Build modules and metadata too. `list` of model parts only needs tensors, and 50,000 of them show the difference.
  bool structure = true;
  // Fill Model::content where the format keeps values in a tree: for whoever writes the checkpoint again.
  bool content = false;
};

struct Format {
  std::string_view name;  // "torch-zip"
  std::string_view text;  // "PyTorch zip checkpoint (torch 1.6 and later)"
  // 0: no; 100: certain. The highest wins; equal ones: the first row.
  int (*match)(const OpenContext& context);
  Result<Model> (*open)(OpenContext context, const OpenOptions& options);
};

std::span<const Format* const> Formats();

// Formats from elsewhere (plug-ins): asked in the order they were added, when no row of the table matches. nullopt: not
// mine; kUnrecognized: nobody can, unless a weak row can. The context must then be as it was. The model's `format` is
// the provider's to set.
using FormatProvider = std::function<std::optional<Result<Model>>(OpenContext& context, const OpenOptions& options)>;
// For main, before anything is opened.
void AddFormatProvider(FormatProvider provider);

// Opens whatever `path` is, a file or a directory. Errors name the file and what was seen instead (a picture, HTML, an
// empty file, a directory of something else).
Result<Model> OpenModel(const std::string& path, const OpenOptions& options = {});

// The registry's InsideOpener. For tests and for what stands beside the registry; formats use that of their context.
Result<Model> OpenInside(const std::string& name, std::unique_ptr<ByteSource> source, const OpenOptions& options,
                         int depth);

}  // namespace pthview
