// Names and byte strings as they stand in pickles.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/analysis/scan/scan_pickle.h"

namespace pthview {

// Longer names than this, module and name together, are shown cut, and judged for their length.
inline constexpr size_t kLongestName = 1024;

// The text in [offset, offset + length), cut just past kLongestName.
std::string ReadCut(ScanWindow& window, uint64_t offset, uint64_t length);

// The text that the opcode at `opcode` pushes (or, of GLOBAL and INST, its first line), escapes undone, cut just past
// kLongestName. False when that opcode pushes none.
bool ReadLiteral(ScanWindow& window, uint64_t opcode, std::string* text);

// Undoes what STRING (quotes, \x41, \101, \n) or UNICODE (\u0041, \U00000041) lines escape; characters become UTF-8.
std::string UnescapeString(std::string_view line);
std::string UnescapeUnicode(std::string_view line);

// UTF-8 of Latin-1 characters as the bytes that they stand for; what is none is left out.
std::string BytesOfLatin1(std::string_view utf8);

// Whether `head`, the beginning of a byte string, is that of a pickle, a zip archive or a wrapper.
bool BeginsLikeFile(std::string_view head, ScanLiteral::Coding coding);

// Whether `head`, the beginning of a text, may be that of source code: it calls or imports something.
bool MayBeSource(std::string_view head);

// Whether `head` is the beginning of a JSON object or array.
bool LooksLikeJson(std::string_view head);

// Whether it could be the name of a module, class or function, in ASCII.
bool LooksLikeName(std::string_view text);

}  // namespace pthview
