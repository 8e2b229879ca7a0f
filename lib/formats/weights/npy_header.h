// The header of a NumPy array file.
//
//   "\x93NUMPY" | u8 major | u8 minor | u16 (from version 2 on u32) length | text of that length | elements
//
// The text is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, padded with blanks. 'descr'
// is a list for records, and '|O' for arrays of objects, whose elements are a pickle. Source: numpy/lib/format.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

struct NpyHeader {
  std::string descr;  // "<f4"; a list of fields as it stands there
  bool fortran_order = false;
  std::vector<int64_t> shape;
  uint64_t data = 0;  // byte at which the elements begin
  bool objects = false;
};

// Of the array that begins at byte `offset` of `source`; `data` counts from there too. kCorrupt, with the byte, when
// the header is none.
Result<NpyHeader> ReadNpyHeader(const ByteSource& source, uint64_t offset);

}  // namespace pthview
