#include "lib/base/named_source.h"

#include <utility>

#include "lib/base/standard_input.h"

namespace pthview {
namespace {

RemoteOpener& Opener() {
  static RemoteOpener opener;
  return opener;
}

}  // namespace

void SetRemoteOpener(RemoteOpener opener) { Opener() = std::move(opener); }

Result<std::unique_ptr<ByteSource>> OpenUrl(const Url& url) {
  if (Opener()) return Opener()(url);
  return Error{.code = ErrorCode::kUnsupported, .message = "is an address, and this program fetches nothing"}.In(
      url.Display());
}

Result<std::unique_ptr<ByteSource>> OpenNamed(const std::string& name) {
  if (name == kStandardInput) return OpenStandardInput();
  if (!IsUrl(name)) return OpenFile(name);
  auto url = ParseUrl(name);
  if (!url) return std::move(url).error().In(DisplayName(name));
  return OpenUrl(*url);
}

std::string DisplayName(const std::string& name) {
  if (!IsUrl(name)) return name;
  if (auto url = ParseUrl(name)) return url->Display();
  // What cannot be taken apart may hold a password anywhere.
  return name.substr(0, name.find("//") + 2) + "...";
}

}  // namespace pthview
