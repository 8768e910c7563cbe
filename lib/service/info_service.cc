#include "service/info_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "service/late_answer.h"
#include "service/repository_metadata.h"

namespace praefect::service {
namespace {

using datastore::Repository;
using ::gitaly::GetRepositoryMetadataRequest;
using ::gitaly::GetRepositoryMetadataResponse;
using ::gitaly::RepositoryReplicasRequest;
using ::gitaly::RepositoryReplicasResponse;
using FoundRepository = datastore::Result<std::optional<Repository>>;
using grpc::StatusCode;

grpc::Status NotFound() { return {StatusCode::NOT_FOUND, "repository not found"}; }

// Nothing of the database's own words reaches clients.
grpc::Status DatabaseAway(const db::Error& error) {
  if (error.layer == db::Layer::kArgument) return {StatusCode::INVALID_ARGUMENT, error.message};
  return {StatusCode::UNAVAILABLE, "Praefect's database did not answer in time, try again"};
}

std::string_view MissingIn(const ::gitaly::Repository& repository) {
  if (repository.storage_name().empty()) return "storage name not set";
  if (repository.relative_path().empty()) return "repository path not set";
  return "";
}

// One call's checksums, as they come from the nodes.
class Checksums {
 public:
  Checksums(LateAnswer<RepositoryReplicasResponse> answer, Repository repository,
            observe::Logger& logger, std::shared_ptr<std::atomic<int>> calls)
      : answer_(std::move(answer)),
        repository_(std::move(repository)),
        logger_(logger),
        calls_(std::move(calls)) {}
  ~Checksums() { --*calls_; }
  Checksums(const Checksums&) = delete;
  Checksums& operator=(const Checksums&) = delete;

  // `self` is shared by all that is under way.
  static void Ask(const std::shared_ptr<Checksums>& self, const proxy::NodeClient& nodes,
                  const std::shared_ptr<const nodes::Snapshot>& snapshot,
                  std::chrono::milliseconds timeout) {
    const Repository& repository = self->repository_;
    const std::string primary = repository.Name(repository.books.primary);
    for (const std::string& storage : AssignedStorages(repository, *snapshot)) {
      auto& details =
          storage == primary ? *self->response_.mutable_primary() : *self->response_.add_replicas();
      details.mutable_repository()->set_storage_name(storage);
      details.mutable_repository()->set_relative_path(repository.name.relative_path);
      // What lies where no row is, is not this repository.
      const int position = repository.Position(storage);
      const bool ours = position != datastore::kNoStorage &&
                        repository.books.replicas[static_cast<size_t>(position)].row;
      if (ours) self->asked_.push_back({storage, &details});
    }
    self->open_ = self->asked_.size() + 1;  // one share is ours, until all were asked
    for (const auto& [storage, details] : self->asked_) {
      const auto node = proxy::FindNode(snapshot, repository.name.virtual_storage, storage);
      nodes.StartChecksum(node, repository.replica_path, timeout,
                          [self, details = details, storage = storage](const auto& asked) {
                            self->Take(storage, *details, asked);
                          });
    }
    self->EndShare();
  }

 private:
  using Details = RepositoryReplicasResponse::RepositoryDetails;

  void Take(const std::string& storage, Details& details, const proxy::Asked<std::string>& asked) {
    if (asked.value) {
      const std::lock_guard lock(mutex_);
      details.set_checksum(*asked.value);
      known_ = true;
    } else {
      logger_.Warn("a replica's checksum is not known",
                   {{"virtual_storage", repository_.name.virtual_storage},
                    {"relative_path", repository_.name.relative_path},
                    {"storage", storage},
                    {"error", asked.answer.message}});
      const std::lock_guard lock(mutex_);
      if (first_error_.empty()) first_error_ = asked.answer.message;
    }
    EndShare();
  }

  void EndShare() {
    {
      const std::lock_guard lock(mutex_);
      if (--open_ > 0) return;
    }
    if (known_) return answer_.Give(std::move(response_));
    answer_.Refuse({StatusCode::UNAVAILABLE,
                    first_error_.empty() ? "no node holds the repository yet" : first_error_});
  }

  const LateAnswer<RepositoryReplicasResponse> answer_;
  const Repository repository_;
  observe::Logger& logger_;
  const std::shared_ptr<std::atomic<int>> calls_;
  RepositoryReplicasResponse response_;  // its details stay where they are
  std::vector<std::pair<std::string, Details*>> asked_;

  std::mutex mutex_;
  size_t open_ = 0;
  bool known_ = false;
  std::string first_error_;
};

// What is left of the client's time, at most `longest`.
std::chrono::milliseconds TimeLeft(std::chrono::system_clock::time_point deadline,
                                   std::chrono::milliseconds longest) {
  const auto now = std::chrono::system_clock::now();
  if (deadline >= now + longest) return longest;
  return std::max(std::chrono::milliseconds(1),
                  std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now));
}

}  // namespace

grpc::ServerUnaryReactor* InfoService::GetRepositoryMetadata(
    grpc::CallbackServerContext*, const GetRepositoryMetadataRequest* request,
    GetRepositoryMetadataResponse* response) {
  const LateAnswer<GetRepositoryMetadataResponse> answer(response);
  grpc::ServerUnaryReactor* reactor = answer.reactor();
  const BooksView books = books_();
  const auto token = in_flight_.Begin();
  const auto found = [=, this](FoundRepository result) {
    if (!result.ok()) return answer.Refuse(DatabaseAway(*result.error));
    if (!result.value) return answer.Refuse(NotFound());
    auto repository = std::make_shared<const Repository>(*std::move(result.value));
    datastore::Overview(books.database)
        .VerifiedAt(repository->id, db::After(kBooksPatience),
                    [=, this, token = token](datastore::Result<datastore::Overview::Times> times) {
                      if (!times.ok()) return answer.Refuse(DatabaseAway(*times.error));
                      answer.Give(MetadataOf(*repository, times.value, *nodes_.snapshot()));
                    });
  };
  datastore::Store& store = books.keeper.store();
  switch (request->query_case()) {
    case GetRepositoryMetadataRequest::kRepositoryId:
      store.Find(request->repository_id(), db::After(kBooksPatience), found);
      break;
    case GetRepositoryMetadataRequest::kPath:
      store.Find({request->path().virtual_storage(), request->path().relative_path()},
                 db::After(kBooksPatience), found);
      break;
    case GetRepositoryMetadataRequest::QUERY_NOT_SET:
      answer.Refuse({StatusCode::INVALID_ARGUMENT,
                     "repository ID or virtual storage and relative path required"});
      break;
  }
  return reactor;
}

grpc::ServerUnaryReactor* InfoService::RepositoryReplicas(grpc::CallbackServerContext* context,
                                                          const RepositoryReplicasRequest* request,
                                                          RepositoryReplicasResponse* response) {
  const LateAnswer<RepositoryReplicasResponse> answer(response);
  grpc::ServerUnaryReactor* reactor = answer.reactor();
  const BooksView books = books_();
  const std::string_view missing =
      request->has_repository() ? MissingIn(request->repository()) : "repository not set";
  if (!missing.empty()) {
    answer.Refuse({StatusCode::INVALID_ARGUMENT, std::string(missing)});
    return reactor;
  }
  if (++*checksum_calls_ > kMaxChecksumCalls) {
    --*checksum_calls_;
    answer.Refuse({StatusCode::RESOURCE_EXHAUSTED,
                   "too many ask for checksums of replicas at a time, try again"});
    return reactor;
  }
  const auto timeout = TimeLeft(context->deadline(), proxy::NodeClient::kChecksumTimeout);
  const auto token = in_flight_.Begin();
  // Ends its share of checksum_calls_ when the last answer has come.
  const auto begin = [=, this](Repository repository) {
    const auto checksums =
        std::make_shared<Checksums>(answer, std::move(repository), logger_, checksum_calls_);
    Checksums::Ask(checksums, books.nodes, nodes_.snapshot(), timeout);
  };
  books.keeper.store().Find(
      {request->repository().storage_name(), request->repository().relative_path()},
      db::After(kBooksPatience), [=, this, token = token](FoundRepository result) {
        if (result.ok() && result.value) return begin(*std::move(result.value));
        --*checksum_calls_;
        answer.Refuse(result.ok() ? NotFound() : DatabaseAway(*result.error));
      });
  return reactor;
}

}  // namespace praefect::service
