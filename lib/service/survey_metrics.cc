#include "service/survey_metrics.h"

#include <algorithm>
#include <array>
#include <utility>

namespace praefect::service {
namespace {

using datastore::JobState;
using prometheus::MetricFamily;

// Upstream's word where it has the state.
constexpr std::array<std::pair<JobState, const char*>, 4> kStates = {{
    {JobState::kReady, "ready"},
    {JobState::kRunning, "in_progress"},
    {JobState::kLingering, "lingering"},
    {JobState::kParked, "parked"},
}};

MetricFamily Gauges(const char* name, const char* help) {
  return {name, help, prometheus::MetricType::Gauge, {}};
}

void Add(MetricFamily& family, double value,
         std::vector<prometheus::ClientMetric::Label> labels = {}) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.gauge.value = value;
  metric.label = std::move(labels);
}

struct Depth {
  int64_t count = 0;
  std::chrono::seconds oldest{0};
};

// Copies and deletes together, as upstream counts them.
Depth DepthOf(const Survey& survey, const nodes::Node& node, JobState state) {
  Depth depth;
  for (const datastore::JobCounts& jobs : survey.jobs) {
    if (jobs.virtual_storage != node.virtual_storage || jobs.storage != node.storage ||
        jobs.state != state) {
      continue;
    }
    depth.count += jobs.count;
    depth.oldest = std::max(depth.oldest, jobs.oldest);
  }
  return depth;
}

double Seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::vector<MetricFamily> SurveyMetrics(const Survey& survey, const nodes::Snapshot& snapshot,
                                        std::chrono::steady_clock::time_point now) {
  MetricFamily depths = Gauges("gitaly_praefect_replication_queue_depth",
                               "Copies and deletes that are recorded and not done");
  MetricFamily ages = Gauges("gitaly_praefect_replication_queue_oldest_seconds",
                             "How long the oldest of them has been wanted; 0: there is none");
  MetricFamily unavailable =
      Gauges("gitaly_praefect_unavailable_repositories",
             "Repositories of which no healthy node holds all that was acknowledged");
  MetricFamily behind = Gauges("gitaly_praefect_behind_repositories",
                               "Repositories of which a replica does not hold all it should");
  for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
    for (const nodes::Node& node : storage.nodes) {
      for (const auto& [state, name] : kStates) {
        const Depth depth = DepthOf(survey, node, state);
        const std::vector<prometheus::ClientMetric::Label> labels = {
            {"virtual_storage", storage.name}, {"target_node", node.storage}, {"state", name}};
        Add(depths, static_cast<double>(depth.count), labels);
        Add(ages, static_cast<double>(depth.oldest.count()), labels);
      }
    }
    const auto found = survey.unavailable.find(storage.name);
    const int64_t count = found == survey.unavailable.end() ? 0 : found->second.count;
    Add(unavailable, static_cast<double>(count), {{"virtual_storage", storage.name}});
    const auto counts =
        std::find_if(survey.repositories.begin(), survey.repositories.end(),
                     [&](const auto& each) { return each.virtual_storage == storage.name; });
    Add(behind, counts == survey.repositories.end() ? 0 : static_cast<double>(counts->behind),
        {{"virtual_storage", storage.name}});
  }
  MetricFamily age = Gauges("gitaly_praefect_survey_age_seconds",
                            "How old the counts of repositories and of the queue are");
  Add(age, Seconds(now - survey.taken));
  return {depths, ages, unavailable, behind, age};
}

}  // namespace praefect::service
