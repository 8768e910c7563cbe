#pragma once

// praefect.api.StorageService: what only an operator can decide over a storage.

#include <mutex>
#include <utility>

#include "nodes/manager.h"
#include "observe/log.h"
#include "praefect/storage.grpc.pb.h"
#include "service/books_view.h"

namespace praefect::service {

// Its calls block for as long as the database takes, on threads of the library; one at a time.
class StorageService final : public api::StorageService::Service {
 public:
  // Repositories that one call changes; the client asks again for the rest.
  static constexpr int kMostChanged = 500;

  // What is referred to outlives it.
  StorageService(const nodes::Manager& nodes, BooksSource books, observe::Logger& logger)
      : nodes_(nodes), books_(std::move(books)), logger_(logger) {}

  grpc::Status AcceptDisk(grpc::ServerContext* context, const api::AcceptDiskRequest* request,
                          api::AcceptDiskResponse* response) override;
  grpc::Status GiveUpDeletes(grpc::ServerContext* context, const api::GiveUpDeletesRequest* request,
                             api::GiveUpDeletesResponse* response) override;

 private:
  const nodes::Manager& nodes_;
  const BooksSource books_;
  observe::Logger& logger_;
  std::mutex one_at_a_time_;
};

}  // namespace praefect::service
