// Joining the module tree of a TorchScript pickle with its source: parameters told from buffers, constants of layers,
// the class's text.
#pragma once

#include <string_view>

#include "lib/container/zip.h"
#include "lib/model/builder.h"

namespace pthview {

// Looks up the class of every module from `first_module` on (`__torch__.a.b.C`) in the record `code_folder`__torch__/
// a/b.py below the prefix of `zip`.
void JoinScriptSources(const ZipArchive& zip, std::string_view code_folder, Index first_module, ModelBuilder& builder);

// The same for classes of Python sources that a torch.package carries (package/module.py): their text, and no more.
void JoinPythonSources(const ZipArchive& zip, Index first_module, ModelBuilder& builder);

}  // namespace pthview
