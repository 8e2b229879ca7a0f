// What standard output is connected to: a terminal of so many columns, or none; and the pager that stands between.
#pragma once

#include <cstddef>

#include "lib/base/display_width.h"
#include "tools/cli/arguments.h"

namespace pthview {

// Whether standard output was a terminal when the program began, also when a pager reads it since.
bool OnTerminal();

// Columns that lines may take: what --width says (0: no limit), else $COLUMNS, else the terminal's. kNoWidthLimit where
// there is no terminal, so that a program that reads the output gets all of it.
size_t OutputWidth(const Arguments& arguments);

// The same, but never less than what a line needs to say anything.
size_t ReadableWidth(const Arguments& arguments);

namespace pager {

// From here on the first output goes through a pager, as git's does: $PTHVIEW_PAGER, else $PAGER, else `less` (which
// ends by itself when all fits on the screen); none when that is empty or `cat`, or not installed. Does nothing without
// a terminal, and with --no-pager, --json or --plot.
void Offer(const Arguments& arguments);

// Starts the pager that was offered. Called before anything is written to standard output.
void StartIfOffered();

// Lets the pager show the rest and waits until its user has left it. Async-signal-safe.
void Finish();

}  // namespace pager
}  // namespace pthview
