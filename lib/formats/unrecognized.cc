#include "lib/formats/unrecognized.h"

#include <algorithm>
#include <string_view>

namespace pthview {
namespace {

struct Signature {
  size_t at;
  std::string_view bytes;
  std::string_view what;
  std::string_view hint;
};

constexpr std::string_view kNotACheckpoint = "check the path: this is not a checkpoint";

constexpr Signature kSignatures[] = {
    {0, "\x89PNG", "a PNG picture", kNotACheckpoint},
    {0, "\xFF\xD8\xFF", "a JPEG picture", kNotACheckpoint},
    {0, "GIF8", "a GIF picture", kNotACheckpoint},
    {0, "%PDF", "a PDF document", kNotACheckpoint},
    {0,
     "\x7F"
     "ELF",
     "a Linux program or library", kNotACheckpoint},
    {0, "version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch the file with `git lfs pull`"},
    {0, "<!DOCTYPE", "an HTML page, perhaps of a failed download", "download the file again"},
    {0, "<!doctype", "an HTML page, perhaps of a failed download", "download the file again"},
    {0, "<html", "an HTML page, perhaps of a failed download", "download the file again"},
    {0, "\x89HDF", "an HDF5 file (Keras)", "pthview reads what PyTorch and its neighbours write"},
    {0, "GGUF", "a GGUF file (llama.cpp)", "pthview reads what PyTorch and its neighbours write"},
    {0, "\x1F\x8B", "a gzip file", "unpack it with `gunzip -k` and open what comes out"},
    {0,
     "\xFD"
     "7zXZ",
     "an xz file", "unpack it with `unxz -k` and open what comes out"},
    {0, "BZh", "a bzip2 file", "unpack it with `bunzip2 -k` and open what comes out"},
    {0, "\x28\xB5\x2F\xFD", "a zstd file", "unpack it with `unzstd -k` and open what comes out"},
    {0, "7z\xBC\xAF", "a 7-Zip archive", "unpack it and open what comes out"},
    {0, "\x93NUMPY", "a NumPy array (.npy)", "pthview reads what PyTorch and its neighbours write"},
    {4, "TFL3", "a TensorFlow Lite model", "pthview reads what PyTorch and its neighbours write"},
    {257, "ustar", "a tar archive", "unpack it and open what is inside"},
};

bool IsText(std::span<const std::byte> head) {
  return std::all_of(head.begin(), head.end(), [](std::byte b) {
    auto c = static_cast<uint8_t>(b);
    return c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
}

}  // namespace

Error Unrecognized(const OpenContext& context) {
  Error error{.code = ErrorCode::kUnrecognized, .file = context.path};
  std::string_view head(reinterpret_cast<const char*>(context.head.data()), context.head.size());
  if (context.directory) {
    error.message = "is a directory without a checkpoint that is spread over several files";
    error.hint = "name a file inside it";
    return error;
  }
  if (head.empty()) {
    error.code = ErrorCode::kTruncated;
    error.message = "the file is empty";
    error.hint = "copy or download it again";
    return error;
  }
  if (context.zip != nullptr) {
    error.message = "a zip archive without a checkpoint in it (no data.pkl)";
    error.hint = "see what it holds with `unzip -l`";
    return error;
  }
  for (const Signature& signature : kSignatures) {
    if (head.size() >= signature.at && head.substr(signature.at).starts_with(signature.bytes)) {
      error.message = "not a PyTorch file: it looks like " + std::string(signature.what);
      error.hint = signature.hint;
      return error;
    }
  }
  if (std::all_of(head.begin(), head.end(), [](char c) { return c == 0; })) {
    error.message = "not a PyTorch file: it begins with nothing but zero bytes (a copy that was cut short?)";
  } else if (IsText(context.head)) {
    error.message = "not a PyTorch file: it looks like text";
  } else {
    error.message = "not a PyTorch file: no known format matches its bytes";
  }
  error.hint = "`pthview plugins` lists what can be opened";
  return error;
}

}  // namespace pthview
