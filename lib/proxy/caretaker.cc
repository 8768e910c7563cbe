#include "proxy/caretaker.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "datastore/rules.h"
#include "gitaly/target.h"

namespace praefect::proxy {

using datastore::Repository;

namespace {

// A running copy must not find its source or target changing under it.
bool IsCopied(const datastore::Books& books, int position) {
  if (datastore::IsBusy(books.replicas[static_cast<size_t>(position)])) return true;
  return std::any_of(books.replicas.begin(), books.replicas.end(), [&](const auto& replica) {
    return datastore::IsBusy(replica) && replica.job.source == position;
  });
}

}  // namespace

// One repository, from replica to replica. The books are asked anew for each.
class Caretaker::Round : public std::enable_shared_from_this<Caretaker::Round> {
 public:
  Round(Caretaker& caretaker, Maintenance maintenance)
      : caretaker_(caretaker),
        token_(caretaker.in_flight_.Begin()),
        maintenance_(std::move(maintenance)) {
    visited_.insert(maintenance_.storage);
  }
  ~Round() { caretaker_.under_way_.Decrement(); }

  void Next() {
    caretaker_.context_.store.Find(
        maintenance_.repository_id, db::After(kBooksPatience),
        [self = shared_from_this()](datastore::Result<std::optional<Repository>> found) {
          if (found.error) return self->Log("the books", found.error->message);
          if (found.value) self->Visit(*found.value);
        });
  }

 private:
  void Visit(const Repository& repository) {
    const NodePtr node = Choose(repository);
    if (node == nullptr) return;
    visited_.insert(node->storage);
    auto message = gitaly::RewriteTarget(
        *maintenance_.method, maintenance_.message,
        {.storage_name = node->storage, .target_relative_path = repository.replica_path});
    if (!message.ok()) return;  // the client is told
    NodeRequest request;
    request.path = maintenance_.method->path;
    request.message = *std::move(message);
    request.correlation_id = maintenance_.correlation_id;
    auto mark = caretaker_.context_.marks.Begin(maintenance_.repository_id, node->storage);
    caretaker_.context_.calls.Start(
        node, std::move(request),
        [self = shared_from_this(), node,
         mark = std::move(mark)](const NodeAnswer& answer) mutable {
          mark.reset();
          self->caretaker_.calls_.Add({{"result", answer.ok() ? "ok" : "failed"}}).Increment();
          if (!answer.ok()) self->Log(node->storage, answer.message);
          self->Next();
        });
  }

  // Null: nobody is left.
  NodePtr Choose(const Repository& repository) const {
    const auto snapshot = caretaker_.context_.snapshot();
    for (size_t i = 0; i < repository.storages.size(); ++i) {
      const std::string& storage = repository.storages[i];
      const datastore::Replica& replica = repository.books.replicas[i];
      if (!replica.row || replica.suspect || visited_.count(storage) != 0) continue;
      if (IsCopied(repository.books, static_cast<int>(i))) continue;
      NodePtr node = FindNode(snapshot, repository.name.virtual_storage, storage);
      if (node != nullptr && node->health == nodes::Health::kUp && node->writable()) return node;
    }
    return nullptr;
  }

  void Log(std::string_view storage, std::string_view error) const {
    caretaker_.context_.logger.Warn("maintenance of a replica failed",
                                    {{"storage", storage},
                                     {"method", maintenance_.method->path},
                                     {"repository_id", maintenance_.repository_id},
                                     {"correlation_id", maintenance_.correlation_id},
                                     {"error", error}});
  }

  Caretaker& caretaker_;
  const datastore::InFlight::Token token_;  // the caretaker is there until the round has ended
  const Maintenance maintenance_;
  std::set<std::string> visited_;
};

Caretaker::Caretaker(Context context)
    : context_(std::move(context)),
      under_way_(
          context_.registry.Gauge("gitaly_praefect_maintenance_under_way",
                                  "Repositories whose replicas are tidied after their primaries.")),
      calls_(context_.registry.Counters("gitaly_praefect_maintenance_calls_total",
                                        "Maintenance of replicas other than the primary.")) {}

void Caretaker::TidyOthers(Maintenance maintenance) {
  if (under_way_.Value() >= static_cast<double>(context_.most_under_way)) {
    calls_.Add({{"result", "too_many"}}).Increment();
    return;
  }
  under_way_.Increment();
  std::make_shared<Round>(*this, std::move(maintenance))->Next();
}

}  // namespace praefect::proxy
