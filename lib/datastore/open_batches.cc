#include "datastore/open_batches.h"

#include <algorithm>
#include <utility>

#include "datastore/names.h"

namespace praefect::datastore {
namespace {

using observe::MutexLock;
using SteadyClock = db::Deadline::clock;

}  // namespace

std::string WhyUnavailable(const db::Error& error) {
  switch (error.layer) {
    case db::Layer::kArgument:
      return "the write could not be recorded: its path cannot be a key of the database";
    case db::Layer::kPool:
    case db::Layer::kTimeout:
      return "the write could not be recorded: the database did not answer in time";
    case db::Layer::kReadOnly:
      return "the write could not be recorded: the database takes no writes";
    case db::Layer::kStatement:
    case db::Layer::kFile:
      return "the write could not be recorded: the database refused it (Praefect's log says why)";
    default:
      return "the write could not be recorded: Praefect's database cannot be reached";
  }
}

OpenBatches::OpenBatches(Store& store, Instance& instance, OpenBatchesOptions options,
                         InFlight& in_flight, BookkeeperMetrics& metrics, observe::Logger& logger)
    : store_(store),
      instance_(instance),
      options_(std::move(options)),
      in_flight_(in_flight),
      metrics_(metrics),
      logger_(logger) {}

Opened OpenBatches::Unavailable(std::string why) { return {.why = std::move(why)}; }

// Empty: it may wait for the next batch.
std::string OpenBatches::Refusal() {
  if (stopped_) return "Praefect is stopping";
  if (waiting_.size() < options_.max_waiting) return "";
  metrics_.too_many_waiting.Increment();
  return "too many writes wait to be recorded";
}

void OpenBatches::Add(OpenRequest request, db::Deadline deadline, Done done) {
  if (!instance_.MayOpen()) {
    metrics_.unavailable.Increment();
    return done(Unavailable(
        instance_.id() == 0
            ? "the write could not be recorded: this Praefect is not registered in its database"
            : "the write could not be recorded: the database does not answer this Praefect"));
  }
  // One text that is none would fail the whole batch.
  if (const absl::Status path = CheckPath(request.name.relative_path); !path.ok()) {
    return done(Unavailable(std::string(path.message())));
  }
  std::string refusal;
  {
    const MutexLock lock(mutex_);
    refusal = Refusal();
    if (refusal.empty()) waiting_.push_back({std::move(request), deadline, std::move(done)});
  }
  if (!refusal.empty()) return done(Unavailable(std::move(refusal)));
  SendNext();
}

// What could no longer be sent when it is answered is not worth waiting for.
std::shared_ptr<OpenBatches::Batch> OpenBatches::TakeBatch() {
  const MutexLock lock(mutex_);
  if (sent_ != nullptr || waiting_.empty()) return nullptr;
  const auto batch = std::make_shared<Batch>();
  batch->instance = instance_.id();
  batch->begun = options_.clock();
  while (!waiting_.empty() && batch->items.size() < options_.max_batch) {
    Item& item = batch->items.emplace_back(std::move(waiting_.front()));
    waiting_.pop_front();
    item.request.intent = instance_.NextId(batch->instance);
    batch->deadline = std::max(batch->deadline, item.deadline);
  }
  batch->deadline = std::min(batch->deadline, db::After(options_.send_window));
  sent_ = batch;
  return batch;
}

void OpenBatches::SendNext() {
  const std::shared_ptr<Batch> batch = TakeBatch();
  if (batch == nullptr) return;
  std::vector<OpenRequest> requests;
  for (const Item& item : batch->items) requests.push_back(item.request);
  store_.Open(batch->instance, std::move(requests), batch->deadline,
              [this, batch, token = in_flight_.Begin()](Result<std::vector<bool>> result) {
                Answer(batch, std::move(result));
                SendNext();
              });
}

void OpenBatches::Answer(const std::shared_ptr<Batch>& batch, Result<std::vector<bool>> result) {
  {
    const MutexLock lock(mutex_);
    sent_ = nullptr;
  }
  LogFailing(result.error);
  if (!result.ok()) return Refuse(*batch, *result.error);
  // One that was buried while it waited could not send it any more.
  const bool ours = batch->instance == instance_.id();
  std::vector<Write> recorded;
  std::vector<int64_t> unwanted, refused;
  Answers answers;
  for (size_t i = 0; i < batch->items.size(); ++i) {
    Item& item = batch->items[i];
    const OpenRequest& request = item.request;
    const bool wanted = item.done != nullptr && ours;
    if (result.value[i] && !wanted) unwanted.push_back(request.intent);
    if (item.done == nullptr) continue;
    if (!result.value[i] || !wanted) {
      metrics_.routed_anew.Increment();
      refused.push_back(request.repository_id);
      if (request.additional_repository_id) refused.push_back(*request.additional_repository_id);
      answers.emplace_back(std::move(item.done), Opened{.result = Opened::kRouteAnew});
      continue;
    }
    const Write& write = recorded.emplace_back(Write{.intent = request.intent,
                                                     .instance = batch->instance,
                                                     .begun = batch->begun,
                                                     .repository_id = request.repository_id,
                                                     .name = request.name,
                                                     .storage = request.storage,
                                                     .term = request.term});
    answers.emplace_back(std::move(item.done), Opened{.result = Opened::kRecorded, .write = write});
  }
  metrics_.opened.Increment(static_cast<double>(recorded.size()));
  options_.recorded(recorded);
  if (!refused.empty()) options_.refused(refused);
  if (!unwanted.empty()) options_.drop(std::move(unwanted));
  for (auto& [done, opened] : answers) done(std::move(opened));
}

void OpenBatches::Refuse(const Batch& batch, const db::Error& error) {
  std::vector<int64_t> intents;
  Answers answers;
  for (const Item& item : batch.items) {
    intents.push_back(item.request.intent);
    if (item.done != nullptr) answers.emplace_back(item.done, Unavailable(WhyUnavailable(error)));
  }
  metrics_.unavailable.Increment(static_cast<double>(answers.size()));
  if (error.may_be_applied) options_.drop_after(std::move(intents), batch.deadline);
  for (auto& [done, opened] : answers) done(std::move(opened));
}

void OpenBatches::LogFailing(const std::optional<db::Error>& error) {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(failing_, error.has_value()) == error.has_value()) return;
  }
  if (error) {
    logger_.Warn("writes cannot be recorded and are refused", {{"error", error->message}});
  } else {
    logger_.Info("writes can be recorded again");
  }
}

void OpenBatches::Tick() {
  const auto now = SteadyClock::now();
  std::vector<Done> late;
  {
    const MutexLock lock(mutex_);
    const auto is_late = [&](const Item& item) { return item.deadline <= now; };
    if (sent_ != nullptr) {
      for (Item& item : sent_->items) {
        if (is_late(item) && item.done) late.push_back(std::exchange(item.done, nullptr));
      }
    }
    for (Item& item : waiting_) {
      if (is_late(item)) late.push_back(std::move(item.done));
    }
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), is_late), waiting_.end());
  }
  metrics_.unavailable.Increment(static_cast<double>(late.size()));
  for (const Done& done : late) {
    done(Unavailable("the write could not be recorded: the database did not answer in time"));
  }
}

void OpenBatches::Stop() {
  std::deque<Item> waiting;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    waiting.swap(waiting_);
  }
  for (const Item& item : waiting) item.done(Unavailable("Praefect is stopping"));
}

}  // namespace praefect::datastore
