// What `info` prints for people.
#pragma once

#include "lib/model/model.h"
#include "tools/cli/arguments.h"
#include "tools/cli/console.h"
#include "tools/cli/selection.h"

namespace pthview {

// One line on what the file is, then what people wrote into it, then what lies in it and where; `--all` adds
// bookkeeping.
void PrintInfo(Output& out, const Model& model, const Narrowing& narrowing, const Arguments& arguments);

// A folder that is no checkpoint itself: a line for each checkpoint in it. Those below folders too, as long as they are
// not too many.
void PrintFolder(Output& out, const std::string& folder, const Arguments& arguments);

// The checkpoints of a folder, as PrintFolder finds them: paths, in natural order.
struct FolderContents {
  std::vector<std::string> checkpoints;
  size_t others = 0;        // files that are none
  bool is_complete = true;  // the limits were not reached
};
FolderContents LookIntoFolder(const std::string& folder);

}  // namespace pthview
