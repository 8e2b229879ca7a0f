// The functions behind the rows of the verb table, one file each: <verb>_command.cc.
#pragma once

#include "tools/cli/arguments.h"

namespace pthview {

// Exit codes of all verbs (design section 6).
inline constexpr int kExitOk = 0;
inline constexpr int kExitNo = 1;     // the verb's own "no"
inline constexpr int kExitError = 2;  // an error for at least one input, or wrong usage
inline constexpr int kExitInterrupted = 130;

int RunInfo(const Arguments& arguments);
int RunList(const Arguments& arguments);
int RunTree(const Arguments& arguments);
int RunShow(const Arguments& arguments);
int RunStats(const Arguments& arguments);
int RunDiff(const Arguments& arguments);
int RunTrace(const Arguments& arguments);
int RunLineage(const Arguments& arguments);
int RunReport(const Arguments& arguments);
int RunQuery(const Arguments& arguments);
int RunPlot(const Arguments& arguments);
int RunGraph(const Arguments& arguments);
int RunScan(const Arguments& arguments);
int RunConvert(const Arguments& arguments);
int RunNormalize(const Arguments& arguments);
int RunServe(const Arguments& arguments);
int RunCompletion(const Arguments& arguments);
int RunPlugins(const Arguments& arguments);

}  // namespace pthview
