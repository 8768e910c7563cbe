#include "service/surveyor.h"

#include <algorithm>
#include <utility>

#include "observe/thread.h"
#include "service/survey_metrics.h"

namespace praefect::service {

// Shared with the registry, which may be asked when the surveyor has gone.
class Surveyor::Latest {
 public:
  void Put(std::shared_ptr<const Survey> survey) {
    const std::lock_guard lock(mutex_);
    survey_ = std::move(survey);
  }
  std::shared_ptr<const Survey> get() const {
    const std::lock_guard lock(mutex_);
    return survey_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Survey> survey_;
};

Surveyor::Surveyor(Sources sources)
    : sources_(std::move(sources)), latest_(std::make_shared<Latest>()) {
  sources_.registry.AskedFamilies([latest = latest_, snapshot = sources_.snapshot]() {
    const auto survey = latest->get();
    if (survey == nullptr) return std::vector<prometheus::MetricFamily>();
    return SurveyMetrics(*survey, *snapshot(), std::chrono::steady_clock::now());
  });
  thread_ = observe::StartThread("survey", [this] { Run(); });
}

Surveyor::~Surveyor() { Stop(); }

bool Surveyor::Ask(Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      if (waiting_.size() >= kMaxWaiting) return false;
      waiting_.push_back(std::move(done));
      changed_.notify_one();
      return true;
    }
  }
  done(nullptr);
  return true;
}

void Surveyor::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Surveyor::Run() {
  std::vector<Done> waiting;
  while (WaitUntilDue(waiting)) {
    auto survey = std::make_shared<const Survey>(
        TakeSurvey(sources_.database, *sources_.snapshot(), [this] { return stopping(); }));
    // What could not be read leaves the metrics as they were, getting older.
    if (survey->problem.empty()) latest_->Put(survey);
    next_ = std::chrono::steady_clock::now() +
            std::max<std::chrono::milliseconds>(kPeriod, survey->took * kRestPerWork);
    for (const Done& done : std::exchange(waiting, {})) done(survey);
  }
  for (const Done& done : waiting) done(nullptr);
}

bool Surveyor::WaitUntilDue(std::vector<Done>& waiting) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, next_, [this] { return stopping_ || !waiting_.empty(); });
  waiting = std::exchange(waiting_, {});
  return !stopping_;
}

bool Surveyor::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace praefect::service
