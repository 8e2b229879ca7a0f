// Running independent pieces of work on all cores.
#pragma once

#include <cstddef>
#include <functional>

namespace pthview {

// Calls work(i) for each i in [0, count), on up to hardware_concurrency threads (started for the call and joined before it returns; none for count <= 1).
void ParallelFor(size_t count, const std::function<void(size_t)>& work);

}  // namespace pthview
