#include "gitaly/method_names.h"

namespace praefect::gitaly {

std::string_view TypeName(const Method& method) {
  if (method.client_streaming && method.server_streaming) return "bidi_stream";
  if (method.client_streaming) return "client_stream";
  return method.server_streaming ? "server_stream" : "unary";
}

std::string_view OperationName(const Method& method) {
  switch (method.operation) {
    case Operation::kAccessor:
      return "accessor";
    case Operation::kMutator:
      return "mutator";
    case Operation::kMaintenance:
      return "maintenance";
    default:
      return "unknown";
  }
}

std::string_view ScopeName(const Method& method) {
  switch (method.scope) {
    case Scope::kRepository:
      return "repository";
    case Scope::kStorage:
      return "storage";
    case Scope::kPartition:
      return "partition";
    default:
      return "server";
  }
}

}  // namespace praefect::gitaly
