#include "tools/server/reply.h"

#include "lib/base/json.h"

namespace pthview::server {
namespace {

int StatusFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kUsage: return 400;
    case ErrorCode::kChanged:
    case ErrorCode::kTruncated: return 409;
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnrecognized:
    case ErrorCode::kUnsupported:
    case ErrorCode::kLimit: return 422;
    default: return 500;
  }
}

Reply Make(int status, std::string_view code, std::string_view message, std::string_view hint) {
  Reply reply{.status = status};
  JsonWriter json(&reply.body);
  json.BeginObject().Key("error").BeginObject();
  json.Key("code").String(code).Key("message").String(message);
  json.Key("hint");
  hint.empty() ? json.Null() : json.String(hint);
  json.EndObject().EndObject();
  return reply;
}

}  // namespace

std::string PageText(Error error) {
  error.file = error.file.substr(error.file.rfind('/') + 1);
  return ToString(error);
}

Reply ErrorReply(const Error& error) {
  return Make(StatusFor(error.code), ErrorCodeName(error.code), PageText(error), error.hint);
}

Reply ErrorReply(int status, std::string_view code, std::string_view message) {
  return Make(status, code, message, {});
}

Reply TextReply(int status, std::string text) {
  return {.status = status, .type = "text/plain; charset=utf-8", .body = std::move(text)};
}

}  // namespace pthview::server
