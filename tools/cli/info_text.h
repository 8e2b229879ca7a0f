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

// The checkpoints of a folder that is none itself, in natural order. Those below its folders too, as long as they are
// not too many.
struct FolderContents {
  struct Checkpoint {
    std::string path;
    uint64_t bytes = 0;
    std::string what;  // "a state_dict; 6 parameters"
  };
  std::vector<Checkpoint> checkpoints;
  size_t others = 0;        // files that are none
  bool is_complete = true;  // the limits were not reached
};
FolderContents LookIntoFolder(const std::string& folder);

// A line for each of them.
void PrintFolder(Output& out, const std::string& folder, const FolderContents& contents, const Arguments& arguments);

}  // namespace pthview
