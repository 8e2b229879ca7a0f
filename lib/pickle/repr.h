// Scalars in Python's notation, for print.cc.
#pragma once

#include <string>

#include "lib/pickle/value.h"

namespace pthview::pickle {

// A kString, kBytes or kByteArray in quotes: `'it\'s'`, `b'\xff'`, `bytearray(b'')`; the str of Python 2 without the b.
void AppendText(std::string& out, Value value);

// As Python's repr: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
void AppendFloat(std::string& out, double value);

}  // namespace pthview::pickle
