// Numbers that stand at an axis.
#pragma once

#include <string>
#include <vector>

namespace pthview::pictures {

struct Tick {
  double value = 0;
  std::string text;
};

// At most `most` (and one at least) round numbers in [low, high]: 1, 2 or 5 times a power of ten apart, and as many
// digits in each as tell them apart. None where an end is not finite, or low > high.
std::vector<Tick> TicksBetween(double low, double high, int most);

// Powers of ten in [low, high], each positive, thinned out to at most `most`; TicksBetween where there are fewer than
// two of them.
std::vector<Tick> LogTicksBetween(double low, double high, int most);

// "0.0123", "1.5e-07", "12,300": short, for people.
std::string NumberText(double value);

}  // namespace pthview::pictures
