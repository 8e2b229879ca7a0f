// pthview completion: a script for a shell.
#include "tools/cli/completion.h"
#include "tools/cli/console.h"
#include "tools/cli/verbs.h"

namespace pthview {

int RunCompletion(const Arguments& arguments) {
  auto script = CompletionScript(arguments.files[0]);
  if (!script) {
    PrintError(script.error());
    return kExitError;
  }
  Output out;
  out << *script;
  return kExitOk;
}

}  // namespace pthview
