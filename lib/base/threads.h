// Running independent pieces of work on all cores.
#pragma once

#include <cstddef>
#include <functional>

namespace pthview {

// How many threads can run at once; at least 1.
size_t Cores();

// Calls work(i) for each i in [0, count), on up to Cores() threads (started for the call and joined before it returns;
// none for count <= 1).
void ParallelFor(size_t count, const std::function<void(size_t)>& work);

// Calls both, at once where there are two cores, and returns when both have.
void InParallel(const std::function<void()>& here, const std::function<void()>& there);

}  // namespace pthview
