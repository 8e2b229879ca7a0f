// A row of numbers as a row of bars, one character each.
#pragma once

#include <span>
#include <string>

namespace pthview {

// From the smallest (lowest bar) to the largest; a blank for what is not finite. All equal: bars of half height.
std::string Sparkline(std::span<const double> values);

}  // namespace pthview
