#include "service/survey.h"

#include <fmt/format.h>

#include <future>
#include <memory>
#include <utility>

namespace praefect::service {
namespace {

using datastore::Callback;
using datastore::Result;

// Between two looks whether to go on waiting for the database.
constexpr std::chrono::milliseconds kGlance{50};

constexpr db::Sql kGreeting("SELECT 1");

class Surveying {
 public:
  Surveying(db::Database& database, const std::function<bool()>& stopping, Survey& survey)
      : database_(database), overview_(database), stopping_(stopping), survey_(survey) {}

  void Run(const nodes::Snapshot& snapshot) {
    const bool read =
        Greet() &&
        Get(&survey_.repositories,
            [&](auto by, auto done) { overview_.Repositories(by, std::move(done)); }) &&
        Get(&survey_.replicas,
            [&](auto by, auto done) { overview_.Replicas(by, std::move(done)); }) &&
        Get(&survey_.jobs, [&](auto by, auto done) { overview_.Jobs(by, std::move(done)); }) &&
        Get(&survey_.parked,
            [&](auto by, auto done) { overview_.Parked(kMostListed, by, std::move(done)); }) &&
        Get(&survey_.unknown,
            [&](auto by, auto done) {
              datastore::ListUnknownContents(database_, kMostUnknown, by, std::move(done));
            }) &&
        Get(&survey_.intents, [&](auto by, auto done) { overview_.Intents(by, std::move(done)); });
    if (!read) return;
    for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
      if (!LookForUnavailable(storage)) return;
    }
  }

 private:
  bool Greet() {
    const auto begin = std::chrono::steady_clock::now();
    bool answered = false;
    const bool good = Wait<bool>(&answered, kSurveyGreeting, [&](auto by, auto done) {
      database_.Run({{{kGreeting, {}}}, by, true}, [done = std::move(done)](db::Outcome outcome) {
        done({std::move(outcome.error), true});
      });
    });
    survey_.latency = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begin);
    return good;
  }

  bool LookForUnavailable(const nodes::VirtualStorage& storage) {
    std::vector<std::string> healthy;
    for (const nodes::Node& node : storage.nodes) {
      if (node.routable()) healthy.push_back(node.storage);
    }
    auto& found = survey_.unavailable[storage.name];
    const bool counted = Get(&found.count, [&](auto by, auto done) {
      overview_.CountUnavailableOn(storage.name, healthy, by, std::move(done));
    });
    if (!counted || found.count == 0) return counted;
    return Get(&found.first, [&](auto by, auto done) {
      overview_.UnavailableOn(storage.name, healthy, 0, kMostListed, by, std::move(done));
    });
  }

  template <class T, class Begin>
  bool Get(T* into, Begin begin) {
    return Wait<T>(into, kSurveyStatement, std::move(begin));
  }

  // The answer may come when nobody waits for it any more.
  template <class T, class Begin>
  bool Wait(T* into, std::chrono::milliseconds longest, Begin begin) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto answer = promise->get_future();
    begin(db::After(longest),
          Callback<T>([promise](Result<T> result) { promise->set_value(std::move(result)); }));
    while (answer.wait_for(kGlance) != std::future_status::ready) {
      if (!stopping_()) continue;
      survey_.problem = "Praefect is stopping";
      return false;
    }
    Result<T> result = answer.get();
    if (!result.ok()) {
      survey_.problem =
          fmt::format("the database cannot be read ({}{}{})", db::LayerName(result.error->layer),
                      result.error->sqlstate.empty() ? "" : ", SQLSTATE ", result.error->sqlstate);
      return false;
    }
    *into = std::move(result.value);
    return true;
  }

  db::Database& database_;
  datastore::Overview overview_;
  const std::function<bool()>& stopping_;
  Survey& survey_;
};

}  // namespace

Survey TakeSurvey(db::Database& database, const nodes::Snapshot& snapshot,
                  const std::function<bool()>& stopping) {
  Survey survey;
  survey.taken = std::chrono::steady_clock::now();
  Surveying(database, stopping, survey).Run(snapshot);
  survey.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - survey.taken);
  return survey;
}

}  // namespace praefect::service
