#include "service/status_answer.h"

#include <algorithm>
#include <utility>

#include "datastore/changes.h"
#include "service/findings.h"

namespace praefect::service {
namespace {

using datastore::JobKind;
using datastore::JobState;

const char* NameOf(nodes::Health health) {
  switch (health) {
    case nodes::Health::kUp:
      return "up";
    case nodes::Health::kDown:
      return "down";
    case nodes::Health::kUnknown:
      break;
  }
  return "unknown";
}

const char* NameOf(JobKind kind) { return kind == JobKind::kCopy ? "copy" : "delete"; }

const char* NameOf(JobState state) {
  switch (state) {
    case JobState::kReady:
      return "ready";
    case JobState::kRunning:
      return "running";
    case JobState::kLingering:
      return "lingering";
    case JobState::kParked:
    case JobState::kNone:
      break;
  }
  return "parked";
}

api::Books BooksOf(const BooksFacts& facts, const Survey& survey) {
  api::Books books;
  books.set_engine(facts.engine == db::Engine::kPostgres ? "PostgreSQL" : "embedded store");
  books.set_instance(facts.instance);
  books.set_recording_problem(facts.recording_problem);
  books.set_connections(facts.connections);
  books.set_busy_connections(facts.busy);
  books.set_waiting_transactions(facts.waiting);
  books.set_problem(survey.problem);
  books.set_latency_microseconds(survey.latency.count());
  books.set_open_writes(survey.intents.open);
  books.set_lingering_writes(survey.intents.lingering);
  books.set_oldest_write_seconds(survey.intents.oldest.count());
  return books;
}

void Add(api::VirtualStorage& storage, const nodes::Node& node) {
  api::Node& told = *storage.add_nodes();
  told.set_storage(node.storage);
  told.set_address(node.address_text);
  told.set_health(NameOf(node.health));
  told.set_reason(node.reason);
  told.set_key_to_check(node.key_to_check.data(), node.key_to_check.size());
  told.set_degraded(node.degraded);
  told.set_disk_problem(node.disk.doubt == nodes::DiskDoubt::kNone ? "" : node.disk.text);
  told.set_disk_exchanged(node.disk.doubt == nodes::DiskDoubt::kFilesystemChanged &&
                          node.disk.suspect);
  told.set_version(node.server_version);
}

// What the survey found of this virtual storage.
void Count(api::VirtualStorage& storage, const Survey& survey) {
  for (const datastore::RepositoryCounts& counts : survey.repositories) {
    if (counts.virtual_storage != storage.name()) continue;
    storage.set_repositories(counts.live);
    storage.set_repositories_behind(counts.behind);
  }
  for (const datastore::ReplicaCounts& counts : survey.replicas) {
    if (counts.virtual_storage != storage.name()) continue;
    for (api::Node& node : *storage.mutable_nodes()) {
      if (node.storage() != counts.storage) continue;
      node.set_current(counts.current);
      node.set_behind(counts.behind);
      node.set_none(counts.none);
      node.set_suspect(counts.suspect);
      node.set_primary_of(counts.primary);
    }
  }
}

void List(api::VirtualStorage& storage, const Survey& survey) {
  for (const datastore::JobCounts& counts : survey.jobs) {
    if (counts.virtual_storage != storage.name()) continue;
    api::Jobs& jobs = *storage.add_jobs();
    jobs.set_storage(counts.storage);
    jobs.set_kind(NameOf(counts.kind));
    jobs.set_state(NameOf(counts.state));
    jobs.set_count(counts.count);
    jobs.set_oldest_seconds(counts.oldest.count());
    jobs.set_last_error(counts.last_error);
  }
  for (const datastore::ParkedJob& parked : survey.parked) {
    if (parked.virtual_storage != storage.name()) continue;
    api::ParkedJob& job = *storage.add_parked();
    job.set_repository_id(parked.repository_id);
    job.set_path(parked.path);
    job.set_storage(parked.storage);
    job.set_kind(NameOf(parked.kind));
    job.set_error(parked.error);
    job.set_parked_seconds(parked.since.count());
    job.set_in_the_way(parked.error.starts_with(datastore::kUnknownContent));
  }
  for (const datastore::UnknownContent& each : survey.unknown.first) {
    if (each.virtual_storage != storage.name()) continue;
    api::UnknownContent& content = *storage.add_unknown();
    content.set_relative_path(each.relative_path);
    content.set_storage(each.storage);
    content.set_kind(each.checksum.empty() ? "shadowed" : "differs");
    content.set_checksum(each.checksum);
    content.set_noticed_seconds(each.since.count());
  }
  const auto unavailable = survey.unavailable.find(storage.name());
  if (unavailable == survey.unavailable.end()) return;
  storage.set_repositories_unavailable(unavailable->second.count);
  for (const datastore::Unavailable& each : unavailable->second.first) {
    api::Unavailable& repository = *storage.add_unavailable();
    repository.set_repository_id(each.repository_id);
    repository.set_relative_path(each.relative_path);
    repository.set_primary(each.primary);
  }
}

// Deletes wait for it to come back, for ever if it does not.
void ListDeparted(api::StatusResponse& response, const StatusFacts& facts,
                  const std::string& virtual_storage) {
  for (const datastore::JobCounts& counts : facts.survey.jobs) {
    const bool waits = counts.kind == JobKind::kDelete &&
                       (counts.state == JobState::kReady || counts.state == JobState::kParked);
    const nodes::VirtualStorage* configured = facts.nodes.Find(counts.virtual_storage);
    const bool there = configured != nullptr && configured->Find(counts.storage) != nullptr;
    if (!waits || there) continue;
    if (!virtual_storage.empty() && counts.virtual_storage != virtual_storage) continue;
    auto& all = *response.mutable_departed();
    auto departed = std::find_if(all.begin(), all.end(), [&](const api::Departed& each) {
      return each.virtual_storage() == counts.virtual_storage && each.storage() == counts.storage;
    });
    if (departed == all.end()) {
      all.Add();
      departed = std::prev(all.end());
      departed->set_virtual_storage(counts.virtual_storage);
      departed->set_storage(counts.storage);
    }
    departed->set_deletes(departed->deletes() + counts.count);
    departed->set_oldest_seconds(std::max(departed->oldest_seconds(), counts.oldest.count()));
  }
}

}  // namespace

api::StatusResponse StatusOf(const StatusFacts& facts, const std::string& virtual_storage) {
  api::StatusResponse response;
  response.set_version(facts.version);
  *response.mutable_books() = BooksOf(facts.books, facts.survey);
  for (const nodes::VirtualStorage& configured : facts.nodes.virtual_storages) {
    if (!virtual_storage.empty() && configured.name != virtual_storage) continue;
    api::VirtualStorage& storage = *response.add_virtual_storages();
    storage.set_name(configured.name);
    const nodes::Node* primary = &configured.primary();
    for (const nodes::Node& node : configured.nodes) {
      Add(storage, node);
      storage.mutable_nodes()->rbegin()->set_primary(&node == primary);
    }
    Count(storage, facts.survey);
    List(storage, facts.survey);
  }
  ListDeparted(response, facts, virtual_storage);
  const bool all = virtual_storage.empty();
  response.set_unknown_contents(all ? facts.survey.unknown.count
                                    : response.virtual_storages(0).unknown_size());
  for (api::Finding& finding : FindingsOf(response)) {
    *response.add_findings() = std::move(finding);
  }
  return response;
}

}  // namespace praefect::service
