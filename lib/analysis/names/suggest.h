// "Did you mean": the candidates that look most like what was typed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pthview {

// At most `limit` candidates, nearest first (equal ones in the order given, each once): edit distance with swapped
// neighbours (Damerau-Levenshtein), upper and lower case alike, up to a third of the query's length. For verbs, options
// and tensor names; 50,000 names take milliseconds. Queries longer than 200 bytes get no suggestion.
std::vector<std::string> Suggest(std::string_view query, std::span<const std::string_view> candidates,
                                 size_t limit = 3);

}  // namespace pthview
