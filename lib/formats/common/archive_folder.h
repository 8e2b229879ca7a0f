// Where in a zip archive the records of a checkpoint stand.
#pragma once

#include <string>
#include <vector>

#include "lib/base/finding.h"
#include "lib/container/zip.h"

namespace pthview {

// torch writes all records below one folder and looks for them in the folder of the first one. Who unpacks an archive
// and packs it again adds folders around it, or files in front: then the folder that holds data.pkl (or what else tells
// a format) is found by its records, and becomes the archive's prefix with a finding ("zip-layout"). Where several
// folders hold one, the prefix stays.
void ChooseFolder(ZipArchive& zip, Findings* findings);

// The folders that hold a data.pkl of their own, in the order of their records: an archive of several unpacked ones.
std::vector<std::string> FoldersOfPickles(const ZipArchive& zip);

}  // namespace pthview
