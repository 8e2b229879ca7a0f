// Which torch can have written an archive of torch.save: by the records that it always writes, and by what older
// versions do not have.
#pragma once

#include <string>

#include "lib/container/zip.h"
#include "lib/model/model.h"

namespace pthview {

class Producer {
 public:
  explicit Producer(const ZipArchive& zip);

  // "torch 2.1 to 2.6", "torch 2.8 or later". Empty when what is in the file contradicts its records, as where another
  // program has written it.
  std::string Text(const Model& model) const;

 private:
  int oldest_;  // 206 for 2.6
  int newest_;  // 0: any later one
};

}  // namespace pthview
