#include "service/survey_metrics.h"

#include <prometheus/text_serializer.h>

#include <catch2/catch.hpp>

namespace praefect::service {
namespace {

using Catch::Matchers::Contains;
using namespace std::chrono_literals;
using datastore::JobKind;
using datastore::JobState;

std::string Rendered(const Survey& survey) {
  nodes::Snapshot snapshot;
  auto& storage = snapshot.virtual_storages.emplace_back();
  storage.name = "default";
  for (const char* name : {"a", "b"}) {
    nodes::Node& node = storage.nodes.emplace_back();
    node.virtual_storage = "default";
    node.storage = name;
  }
  return prometheus::TextSerializer().Serialize(
      SurveyMetrics(survey, snapshot, survey.taken + 12s));
}

std::string Of(const char* storage, const char* state) {
  return std::string("{virtual_storage=\"default\",target_node=\"") + storage + "\",state=\"" +
         state + "\"} ";
}

TEST_CASE("copies and deletes are counted together, with the age of the oldest") {
  Survey survey;
  survey.jobs = {{"default", "b", JobKind::kCopy, JobState::kReady, 3, 70s, ""},
                 {"default", "b", JobKind::kDelete, JobState::kReady, 2, 80s, ""},
                 {"default", "b", JobKind::kCopy, JobState::kParked, 1, 90s, "full"},
                 {"other", "b", JobKind::kCopy, JobState::kReady, 50, 900s, ""}};
  const std::string text = Rendered(survey);
  const std::string depth = "gitaly_praefect_replication_queue_depth";
  const std::string oldest = "gitaly_praefect_replication_queue_oldest_seconds";
  CHECK_THAT(text, Contains(depth + Of("b", "ready") + "5\n"));
  CHECK_THAT(text, Contains(oldest + Of("b", "ready") + "80\n"));
  CHECK_THAT(text, Contains(depth + Of("b", "parked") + "1\n"));
  CHECK_THAT(text, Contains(depth + Of("a", "in_progress") + "0\n"));
}

TEST_CASE("repositories that need somebody are counted, also when there are none") {
  Survey survey;
  const std::string none = Rendered(survey);
  CHECK_THAT(none, Contains("unavailable_repositories{virtual_storage=\"default\"} 0\n"));
  survey.unavailable["default"].count = 4;
  survey.repositories = {{"default", 100, 7}};
  const std::string some = Rendered(survey);
  CHECK_THAT(some, Contains("unavailable_repositories{virtual_storage=\"default\"} 4\n"));
  CHECK_THAT(some, Contains("behind_repositories{virtual_storage=\"default\"} 7\n"));
  CHECK_THAT(some, Contains("gitaly_praefect_survey_age_seconds 12\n"));
}

}  // namespace
}  // namespace praefect::service
