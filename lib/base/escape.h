// Escaping text that came from a file before it reaches a terminal, a path of ours, or JSON.
//
// Names inside files are bytes. Inside pthview a name is text in *escaped form*: valid UTF-8, where an invalid byte is
// `\xNN`, a lone surrogate is `\uDNNN`, and a backslash is `\\`. The form is reversible and is what JSON carries.
#pragma once

#include <string>
#include <string_view>

namespace pthview {

// True when `text` is plain: valid UTF-8 without a backslash and without surrogates, so that its escaped form is
// itself.
bool IsPlainText(std::string_view bytes);

// The escaped form of raw bytes. Surrogates encoded in UTF-8 style (ED A0..BF xx, as Python's surrogatepass writes
// them) become `\uDNNN`.
std::string EscapeName(std::string_view bytes);

// The raw bytes that EscapeName made `escaped` of. What is no escape stands for itself.
std::string UnescapeName(std::string_view escaped);

// Makes escaped or raw text safe and single-line for a terminal: control characters, DEL, C1, bidirectional controls,
// line and paragraph separators, zero-width characters and invalid bytes become `\xNN` or `\uNNNN`.
std::string EscapeForTerminal(std::string_view text);

// Appends `text` as a JSON string with its quotes. Invalid UTF-8 becomes `\xNN` in escaped form first, so that the
// output is always valid JSON. What EscapeForTerminal replaces is written `\uNNNN`, for JSON is read on terminals too.
// `</` is written `<\/` and `<!` is written `\u003c!`, so that the JSON may stand inside an HTML script element.
void AppendJsonString(std::string& out, std::string_view text);

// `text` with &, <, >, " and ' as HTML entities.
std::string EscapeForHtml(std::string_view text);

// The number of terminal columns that escaped text takes (East Asian wide characters take two).
size_t DisplayWidth(std::string_view text);

}  // namespace pthview
