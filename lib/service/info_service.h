#pragma once

// gitaly.PraefectInfoService: what the books know of one repository, and what its replicas hold.
// The rest of that service is not served yet.

#include <atomic>
#include <memory>

#include "datastore/in_flight.h"
#include "gitaly/praefect.grpc.pb.h"
#include "nodes/manager.h"
#include "observe/log.h"
#include "service/books_view.h"

namespace praefect::service {

class InfoService final : public ::gitaly::PraefectInfoService::CallbackService {
 public:
  // Questions for checksums that are under way; each reads a repository on every node.
  static constexpr int kMaxChecksumCalls = 16;
  static constexpr std::chrono::seconds kBooksPatience{5};

  // Both are borrowed.
  InfoService(const nodes::Manager& nodes, BooksSource books, observe::Logger& logger)
      : nodes_(nodes), books_(std::move(books)), logger_(logger) {}

  // NOT_FOUND "repository not found", as upstream.
  grpc::ServerUnaryReactor* GetRepositoryMetadata(
      grpc::CallbackServerContext* context, const ::gitaly::GetRepositoryMetadataRequest* request,
      ::gitaly::GetRepositoryMetadataResponse* response) override;

  // Upstream fails when one replica does, and so hides the others. Here one whose checksum is not
  // known (its node is away, or it holds nothing yet) has an empty one, and the log says why; the
  // call fails only when none is known.
  grpc::ServerUnaryReactor* RepositoryReplicas(
      grpc::CallbackServerContext* context, const ::gitaly::RepositoryReplicasRequest* request,
      ::gitaly::RepositoryReplicasResponse* response) override;

  // Until no answer of the database is waited for any more that would use what books() returned.
  // Takes kBooksPatience twice at most.
  void Wait() { in_flight_.Wait(); }

 private:
  const nodes::Manager& nodes_;
  const BooksSource books_;
  observe::Logger& logger_;
  datastore::InFlight in_flight_;
  const std::shared_ptr<std::atomic<int>> checksum_calls_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace praefect::service
