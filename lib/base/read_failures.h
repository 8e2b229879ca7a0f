// Which files the system could not read: for whoever must not take a failing disk for a damaged file. A format may read
// on past an error and call what it could not read missing; that is right for showing a file, and wrong for archiving
// it.
#pragma once

#include <cstdint>
#include <string>

namespace pthview {

// Called by file sources. Thread-safe, as all of these.
void NoteReadFailure(const std::string& name);
// How often reading `name` has failed since the program began.
uint64_t ReadFailuresOf(const std::string& name);

}  // namespace pthview
