// Paths: where a value stands in a file, as text.
//
//   state_dict.layer1.0.conv1.weight     a str key that is a name or a dotted name is joined by '.'
//   optimizer.state[0].exp_avg           an int key or an index stands in brackets
//   params["a key/with signs"]           any other str key stands in quotes, in escaped form (base/escape.h: `\\` for a
//                                        backslash, `\xNN`), with `\"` and JSON's `\n`, `\u001b` for what JSON escapes
#pragma once

#include <string>
#include <string_view>

namespace pthview {

// True for one or more groups of ASCII letters, digits and '_' joined by single dots.
bool IsDottedName(std::string_view key);

// Each appends one step. `key` is raw bytes from the file.
void AppendTextKey(std::string& path, std::string_view key);
void AppendIndex(std::string& path, int64_t index);
// Any other key (tuple, float, None), already printed in Python notation.
void AppendOtherKey(std::string& path, std::string_view printed);

// `path` without the part's path and the dot behind it: the name inside the part.
std::string_view NameWithin(std::string_view path, size_t part_path_length);

// The str key that a name of one step was written for: `"a\\nb"` of `["a\\nb"]`, `x.y` of `x.y`; raw bytes. What is no
// single quoted step is taken as it stands.
std::string KeyOf(std::string_view name);

}  // namespace pthview
