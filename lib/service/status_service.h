#pragma once

// praefect.api.StatusService: how this Praefect and its cluster are.

#include <string>

#include "nodes/manager.h"
#include "praefect/status.grpc.pb.h"
#include "service/books_view.h"

namespace praefect::service {

class StatusService final : public api::StatusService::CallbackService {
 public:
  // `nodes` is borrowed.
  StatusService(const nodes::Manager& nodes, BooksSource books, std::string version)
      : nodes_(nodes), books_(std::move(books)), version_(std::move(version)) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const api::StatusRequest* request,
                                   api::StatusResponse* response) override;

 private:
  const nodes::Manager& nodes_;
  const BooksSource books_;
  const std::string version_;
};

}  // namespace praefect::service
