// Plain rows for what an archive holds beside its model: extra files, operators, compiled code.
#pragma once

#include <cstddef>
#include <string_view>

#include "lib/container/zip.h"
#include "lib/model/builder.h"

namespace pthview {

// A row for each record below `folder` ("extra/"): the text of a small text, else the size. The path is the folder's
// name and the rest as a key: extra.note, extra["note.txt"].
void AddTextRows(ModelBuilder& builder, const ZipArchive& zip, std::string_view folder, Index part);

// The same, and never the text.
void AddSizeRows(ModelBuilder& builder, const ZipArchive& zip, std::string_view folder, Index part);

// operators[index]: "aten::conv2d".
void AddOperatorRow(ModelBuilder& builder, size_t index, std::string_view name, Index part);

// One row; `path` is in escaped form, `text` raw.
void AddPlainText(ModelBuilder& builder, std::string_view path, std::string_view text, PlainKind kind, Index part);

}  // namespace pthview
