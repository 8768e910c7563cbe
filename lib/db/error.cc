#include "db/error.h"

namespace praefect::db {
namespace {

absl::StatusCode CodeOf(const Error& error) {
  switch (error.layer) {
    case Layer::kArgument:
      return absl::StatusCode::kInvalidArgument;
    case Layer::kTimeout:
      return absl::StatusCode::kDeadlineExceeded;
    case Layer::kStatement:
      return error.sqlstate.compare(0, 2, "40") == 0 ? absl::StatusCode::kAborted
                                                     : absl::StatusCode::kInternal;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

std::string_view LayerName(Layer layer) {
  switch (layer) {
    case Layer::kArgument:
      return "argument";
    case Layer::kPool:
      return "pool";
    case Layer::kResolve:
      return "resolve";
    case Layer::kConnect:
      return "connect";
    case Layer::kTls:
      return "tls";
    case Layer::kAuthenticate:
      return "authenticate";
    case Layer::kDatabase:
      return "database";
    case Layer::kReadOnly:
      return "read-only";
    case Layer::kStatement:
      return "statement";
    case Layer::kTimeout:
      return "timeout";
    case Layer::kLost:
      return "lost";
    case Layer::kFile:
      return "file";
    case Layer::kVersion:
      return "version";
    case Layer::kListen:
      return "listen";
  }
  return "unknown";
}

absl::Status Error::ToStatus() const { return {CodeOf(*this), message}; }

}  // namespace praefect::db
