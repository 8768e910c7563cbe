#pragma once

// Which handler serves which method, and the step from typed handlers to serialized messages.

#include <absl/status/status.h>
#include <google/protobuf/message.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "call.h"

namespace praefect::minigitaly {

// What a request is about, for the record.
struct RequestTarget {
  std::string storage;
  std::string path;
};

struct MethodEntry {
  std::function<absl::Status(Call&)> handler;
  // From the first message of the call.
  std::function<RequestTarget(std::string_view first_message)> target;
};

class MethodTable {
 public:
  // `method` is "/gitaly.RefService/RefExists".
  const MethodEntry* Find(std::string_view method) const;
  const std::map<std::string, MethodEntry, std::less<>>& all() const { return methods_; }
  void Remove(const std::string& method) { methods_.erase(method); }

  // function(Call&, const Request&, Response*) -> absl::Status
  template <typename Request, typename Response, typename Function>
  void AddUnary(const std::string& method, Function function);

  // function(Call&, const Request&) -> absl::Status. For every other kind of method: the first
  // message is given, the handler reads and writes the rest. Calls BeforeChange itself if it has
  // to.
  template <typename Request, typename Function>
  void AddStream(const std::string& method, Function function);

 private:
  std::map<std::string, MethodEntry, std::less<>> methods_;
};

// Finds storage and path by the names that Gitaly's API uses throughout.
RequestTarget TargetOf(const google::protobuf::Message& request);

// Reads a message of a client stream. NotFound at the end of the stream.
template <typename Message>
absl::Status ReadMessage(Call& call, Message* message) {
  std::string bytes;
  if (!call.Read(&bytes)) return absl::NotFoundError("end of the stream");
  if (message->ParseFromString(bytes)) return absl::OkStatus();
  return absl::InternalError("grpc: error unmarshalling request");
}

template <typename Request, typename Function>
void MethodTable::AddStream(const std::string& method, Function function) {
  MethodEntry& entry = methods_[method];
  entry.target = [](std::string_view first_message) {
    Request request;
    request.ParseFromArray(first_message.data(), static_cast<int>(first_message.size()));
    return TargetOf(request);
  };
  entry.handler = [function](Call& call) {
    Request request;
    const absl::Status read = ReadMessage(call, &request);
    if (absl::IsNotFound(read)) return absl::InternalError("EOF");
    return read.ok() ? function(call, request) : read;
  };
}

template <typename Request, typename Response, typename Function>
void MethodTable::AddUnary(const std::string& method, Function function) {
  AddStream<Request>(method, [function](Call& call, const Request& request) {
    call.BeforeChange();
    Response response;
    absl::Status status = function(call, request, &response);
    if (status.ok()) call.WriteAnswer(response.SerializeAsString());
    return status;
  });
}

}  // namespace praefect::minigitaly
