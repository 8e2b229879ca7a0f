#include "lib/formats/unrecognized.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/escape.h"

namespace pthview {
namespace {

struct Signature {
  size_t at;
  std::string_view bytes;
  std::string_view what;
  std::string_view hint;
};

constexpr std::string_view kNotACheckpoint = "check the path: this is not a checkpoint";
constexpr std::string_view kNotRead = "pthview reads what PyTorch and its neighbours write";
constexpr std::string_view kUnpack = "unpack it and open what comes out";
constexpr std::string_view kMac = "it goes with another file of nearly that name: open that one";

constexpr std::string_view Bytes(const char* bytes, size_t count) { return {bytes, count}; }

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
    {0, "\x89HDF", "an HDF5 file (Keras)", kNotRead},
    {0, "GGUF", "a GGUF file (llama.cpp)", kNotRead},
    {0, "tjgg", "a GGJT file (llama.cpp before GGUF)", kNotRead},
    {0, "fmgg", "a GGMF file (llama.cpp before GGUF)", kNotRead},
    {0, "lmgg", "a GGML file (whisper.cpp, or llama.cpp before GGUF)", kNotRead},
    {4, "ET1", "an ExecuTorch program (.pte)", "it is PyTorch's, but not read yet: open the .pt2 that it was made of"},
    {4, "FT01", "ExecuTorch's data (.ptd)", "it is PyTorch's, but not read yet: open the .pt2 that it was made of"},
    {4, "TFL3", "a TensorFlow Lite model", "open it in Netron"},
    {0, "ftrt", "a TensorRT engine", "open the model that it was made of"},
    {0, "ptrt", "a TensorRT engine", "open the model that it was made of"},
    {0, "MATLAB ", "a MATLAB file (.mat)", kNotRead},
    {0, Bytes("SQLite format 3\0", 16), "an SQLite database", kNotACheckpoint},
    {0, Bytes("\0\5\x16\7", 4), "an AppleDouble file (._NAME), in which macOS keeps what belongs to another file",
     kMac},
    {0, Bytes("\0\5\x16\0", 4), "an AppleSingle file of macOS", kMac},
    {0, Bytes("\0\0\0\1Bud1", 8), "a .DS_Store of macOS, which says how a folder is shown", kNotACheckpoint},
    {0, Bytes("\4\0\0\0\1\0\0\0\3\0\0\0V 1", 15), "a Torch7 file (Lua)",
     "convert it with a version of torch before 1.0"},
    {0, "4\n1\n3\nV 1\n", "a Torch7 file (Lua), as text", "convert it with a version of torch before 1.0"},
    {0, "\x1F\x8B", "a gzip file", "unpack it with `gunzip -k` and open what comes out"},
    {0,
     "\xFD"
     "7zXZ",
     "an xz file", "unpack it with `unxz -k` and open what comes out"},
    {0, "BZh", "a bzip2 file", "unpack it with `bunzip2 -k` and open what comes out"},
    {0, "\x28\xB5\x2F\xFD", "a zstd file", "unpack it with `unzstd -k` and open what comes out"},
    {0, "\x04\x22\x4D\x18", "an LZ4 file", "unpack it with `unlz4` and open what comes out"},
    {0, "\x02\x21\x4C\x18", "an LZ4 file", "unpack it with `unlz4` and open what comes out"},
    {0, "7z\xBC\xAF", "a 7-Zip archive", kUnpack},
    {0, "Rar!\x1A\x07", "a RAR archive", kUnpack},
    {257, "ustar", "a tar archive", kUnpack},
    // Text that decodes to a file: of a zip archive, a gzip file, a pickle.
    {0, "UEsDB", "a zip archive as base64 text", "decode it with `base64 -d` and open what comes out"},
    {0, "H4sI", "a gzip file as base64 text", "decode it with `base64 -d` and open what comes out"},
    {0, "gAJ", "a pickle as base64 text", "decode it with `base64 -d` and open what comes out"},
    {0, "gASV", "a pickle as base64 text", "decode it with `base64 -d` and open what comes out"},
};

// <08 version of the IR> <12 length, producer's name> or <3a length, graph>, ... Source: onnx.proto (ModelProto).
bool IsOnnx(std::string_view head) {
  if (head.size() < 6 || head[0] != 8 || head[1] < 1 || head[1] > 32) return false;
  if (head[2] == 0x3A || head[2] == 0x42) return true;  // the graph, the operators' versions
  const auto length = static_cast<uint8_t>(head[3]);
  if (head[2] != 0x12 || length > head.size() - 4) return false;
  return std::all_of(head.begin() + 4, head.begin() + 4 + length, [](char c) { return c >= 0x20; });
}

// A Lua table: <i32 3> <i32 index> <i32 count>, with a Torch7 object among its first values.
bool IsTorch7Table(std::string_view head) {
  return head.starts_with(Bytes("\3\0\0\0\1\0\0\0", 8)) &&
         head.substr(0, 512).find(Bytes("\3\0\0\0V 1", 7)) != head.npos;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool StartsLike(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) { return a == Lower(b); });
}

// What a server said in the place of the file; empty for other texts.
std::string_view WebPage(std::string_view text) {
  if (StartsLike(text, "<!doctype html") || StartsLike(text, "<html") || StartsLike(text, "<head") ||
      StartsLike(text, "<body") || StartsLike(text, "<!--")) {
    return "an HTML page";
  }
  return StartsLike(text, "<?xml") || StartsLike(text, "<error") ? "an XML document" : "";
}

std::string_view WithoutBlanks(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == text.npos ? std::string_view() : text.substr(begin);
}

// The first line, cut where it is long.
std::string FirstLine(std::string_view text) {
  constexpr size_t kLongest = 80;
  std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const bool cut = line.size() > kLongest;
  if (cut) line = line.substr(0, kLongest);
  while (cut && !line.empty() && (static_cast<uint8_t>(line.back()) & 0xC0) == 0x80) line.remove_suffix(1);
  return EscapeName(line) + (cut ? "..." : "");
}

bool IsText(std::span<const std::byte> head) {
  return std::all_of(head.begin(), head.end(), [](std::byte b) {
    auto c = static_cast<uint8_t>(b);
    return c >= 0x20 || c == '\n' || c == '\r' || c == '\t' || c == '\f';
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
  if (IsOnnx(head) || IsTorch7Table(head)) {
    error.message =
        fmt::format("not a PyTorch file: it looks like {}", IsOnnx(head) ? "an ONNX model" : "a Torch7 file (Lua)");
    error.hint = IsOnnx(head) ? "open it in Netron" : "convert it with a version of torch before 1.0";
    return error;
  }
  const std::string_view text = WithoutBlanks(head);
  if (std::string_view page = WebPage(text); !page.empty()) {
    error.message = fmt::format("not a PyTorch file: it looks like {}, perhaps of a failed download; it begins `{}`",
                                page, FirstLine(text));
    error.hint = "download the file again";
    return error;
  }
  if (std::all_of(head.begin(), head.end(), [](char c) { return c == 0; })) {
    error.message = "not a PyTorch file: it begins with nothing but zero bytes (a copy that was cut short?)";
  } else if (IsText(context.head)) {
    error.message = text.empty()
                        ? "not a PyTorch file: it holds nothing but blanks"
                        : fmt::format("not a PyTorch file: it looks like text, which begins `{}`", FirstLine(text));
  } else {
    error.message = "not a PyTorch file: no known format matches its bytes";
  }
  error.hint = "`pthview plugins` lists what can be opened";
  return error;
}

}  // namespace pthview
