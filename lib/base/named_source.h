// What a user names as FILE: a path, `-` for standard input, or an address. Only what comes from the command line is
// opened here; names that stand in files are opened with OpenFile and OpenInFolder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/base/url.h"

namespace pthview {

inline constexpr std::string_view kStandardInput = "-";

// Opens the file at an address. Set by main, before anything is opened; without it addresses are kUnsupported.
using RemoteOpener = std::function<Result<std::unique_ptr<ByteSource>>(const Url&)>;
void SetRemoteOpener(RemoteOpener opener);

Result<std::unique_ptr<ByteSource>> OpenNamed(const std::string& name);
Result<std::unique_ptr<ByteSource>> OpenUrl(const Url& url);

// `name` as it may be printed: of an address neither credentials nor query. Anything else is as it was.
std::string DisplayName(const std::string& name);

}  // namespace pthview
