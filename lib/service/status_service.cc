#include "service/status_service.h"

#include <fmt/format.h>

#include <utility>

#include "service/late_answer.h"
#include "service/status_answer.h"

namespace praefect::service {
namespace {

// In words of its own: those of the database may name its user and host.
std::string RecordingProblem(const datastore::Bookkeeper& keeper) {
  if (keeper.problem().empty()) return "";
  return keeper.instance() == 0 ? "this Praefect is not registered in the database"
                                : "the database does not confirm that this Praefect is alive";
}

BooksFacts FactsOf(const BooksView& books) {
  const db::Counters& counters = books.database.counters();
  return {.engine = books.database.engine(),
          .instance = books.keeper.instance(),
          .recording_problem = RecordingProblem(books.keeper),
          .connections = counters.connections,
          .busy = counters.busy,
          .waiting = counters.waiting};
}

grpc::Status NoSuchVirtualStorage(const std::string& name, const nodes::Snapshot& snapshot) {
  std::string known;
  for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", storage.name);
  }
  return {grpc::StatusCode::INVALID_ARGUMENT,
          fmt::format("no virtual storage is named \"{}\"; there are: {}", name, known)};
}

}  // namespace

grpc::ServerUnaryReactor* StatusService::Status(grpc::CallbackServerContext*,
                                                const api::StatusRequest* request,
                                                api::StatusResponse* response) {
  const LateAnswer<api::StatusResponse> answer(response);
  grpc::ServerUnaryReactor* reactor = answer.reactor();
  const std::string virtual_storage = request->virtual_storage();
  const auto snapshot = nodes_.snapshot();
  const BooksView books = books_();
  if (!virtual_storage.empty() && snapshot->Find(virtual_storage) == nullptr) {
    answer.Refuse(NoSuchVirtualStorage(virtual_storage, *snapshot));
  } else {
    const auto conclude = [=, this](std::shared_ptr<const Survey> survey) {
      if (survey == nullptr) {
        return answer.Refuse({grpc::StatusCode::UNAVAILABLE, "Praefect is shutting down"});
      }
      // The nodes as they are now: the survey may have taken its time.
      answer.Give(StatusOf({.version = version_,
                            .nodes = *nodes_.snapshot(),
                            .books = FactsOf(books),
                            .survey = *survey},
                           virtual_storage));
    };
    if (!books.surveyor.Ask(conclude)) {
      answer.Refuse({grpc::StatusCode::RESOURCE_EXHAUSTED,
                     "too many ask for the status at a time, try again"});
    }
  }
  return reactor;
}

}  // namespace praefect::service
