// Losses as the few lines that a person reads.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "converters/converter.h"

namespace pthview {

// One line for each code: the first in full, and how many more there are.
std::vector<std::string> NotesOf(std::span<const Loss> losses);

}  // namespace pthview
