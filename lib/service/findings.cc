#include "service/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace praefect::service {
namespace {

using api::Finding;

// Those of one kind that are told each; more are counted.
constexpr int kMostTold = 5;

std::string Plural(int64_t count, std::string_view one, std::string_view more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

std::string Repositories(int64_t count) { return Plural(count, "repository", "repositories"); }

class Findings {
 public:
  void Judge(const api::StatusResponse& status) {
    JudgeBooks(status.books());
    for (const api::VirtualStorage& storage : status.virtual_storages()) {
      JudgeUnavailable(storage);
      for (const api::Node& node : storage.nodes()) JudgeNode(storage, node, status.books());
      JudgeJobs(storage);
    }
  }

  std::vector<Finding> Sorted() {
    std::stable_sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return a.severity() > b.severity();
    });
    return std::move(findings_);
  }

 private:
  void Add(Finding::Severity severity, std::string what, std::string reason, std::string next) {
    Finding& finding = findings_.emplace_back();
    finding.set_severity(severity);
    finding.set_what(std::move(what));
    finding.set_reason(std::move(reason));
    finding.set_next(std::move(next));
  }

  void JudgeBooks(const api::Books& books) {
    if (!books.kept()) return;
    const bool postgres = books.engine() == "PostgreSQL";
    if (!books.problem().empty()) {
      Add(Finding::ERROR,
          "the books cannot be read: writes are refused, reads go on where they went last",
          books.problem(),
          postgres ? "`praefect sql-ping` tells the layer that is broken and the setting to look at"
                   : "look for \"database\" in Praefect's log, and at the disk that the embedded "
                     "store is on");
    } else if (!books.recording_problem().empty()) {
      Add(Finding::ERROR, "writes are refused: they cannot be recorded", books.recording_problem(),
          "nothing, when Praefect or its database has just come back: it goes on within seconds; "
          "else look for \"instance\" in Praefect's log");
    }
  }

  void JudgeUnavailable(const api::VirtualStorage& storage) {
    if (storage.repositories_unavailable() == 0) return;
    std::string down;
    for (const api::Node& node : storage.nodes()) {
      if (node.health() != "down") continue;
      down += fmt::format("{}\"{}\"", down.empty() ? "" : ", ", node.storage());
    }
    Add(Finding::ERROR,
        fmt::format("{} of \"{}\" can be neither read nor written",
                    Repositories(storage.repositories_unavailable()), storage.name()),
        "no healthy node holds all that was acknowledged",
        down.empty() ? "bring back the nodes that left the configuration or lost their disks"
                     : fmt::format("bring back what holds them: {}", down));
  }

  void JudgeNode(const api::VirtualStorage& storage, const api::Node& node,
                 const api::Books& books) {
    const std::string name = fmt::format("node \"{}\" of \"{}\"", node.storage(), storage.name());
    const bool writes_stop =
        books.kept() && books.problem().empty() ? node.primary_of() > 0 : node.primary();
    if (node.health() == "down") {
      std::string what = fmt::format("{} is {}", name, node.health());
      if (writes_stop) {
        what += books.kept() && books.problem().empty()
                    ? fmt::format("; it is the primary of {}: writes there are refused",
                                  Repositories(node.primary_of()))
                    : "; it is the primary, writes are refused";
      }
      std::string next = fmt::format(
          "`praefect dial-nodes -virtual-storage {}` tells the layer "
          "that is broken",
          storage.name());
      if (!node.key_to_check().empty()) next += fmt::format("; look at {}", node.key_to_check());
      Add(writes_stop ? Finding::ERROR : Finding::WARNING, std::move(what), node.reason(),
          std::move(next));
    } else if (!node.disk_problem().empty()) {
      Add(writes_stop ? Finding::ERROR : Finding::WARNING,
          fmt::format("nothing is written to {}: its disk is in doubt", name), node.disk_problem(),
          "look whether the right disk is mounted there");
    } else if (!node.degraded().empty()) {
      Add(Finding::WARNING, fmt::format("{} fails calls", name), node.degraded(),
          "look at that Gitaly's log");
    }
    if (node.suspect() > 0) {
      Add(Finding::WARNING,
          fmt::format("{} of {} are not used: the disk was exchanged",
                      Plural(node.suspect(), "replica", "replicas"), name),
          "", "mount the old disk again, or let the node fill up from the others");
    }
  }

  void JudgeJobs(const api::VirtualStorage& storage) {
    const int told = std::min(kMostTold, storage.parked_size());
    for (int i = 0; i < told; ++i) {
      const api::ParkedJob& job = storage.parked(i);
      Add(Finding::WARNING,
          fmt::format("the {} of \"{}\" on node \"{}\" is given up for now", job.kind(), job.path(),
                      job.storage()),
          job.error().empty() ? "the storage left the configuration" : job.error(),
          "put that right; it is tried again at the next write, when the node comes back, and once "
          "a day");
    }
    int64_t parked = 0;
    for (const api::Jobs& jobs : storage.jobs()) {
      if (jobs.state() == "parked") parked += jobs.count();
      if (jobs.state() == "ready") JudgeAge(storage, jobs);
    }
    if (parked <= told) return;
    Add(Finding::WARNING,
        fmt::format("{} of \"{}\" given up for now as well", Plural(parked - told, "job", "jobs"),
                    storage.name()),
        "", "those that are told were given up last: put these right first");
  }

  // While the node is down, that is what is wrong.
  void JudgeAge(const api::VirtualStorage& storage, const api::Jobs& jobs) {
    const auto node =
        std::find_if(storage.nodes().begin(), storage.nodes().end(),
                     [&](const auto& each) { return each.storage() == jobs.storage(); });
    if (node == storage.nodes().end() || node->health() != "up") return;
    if (jobs.oldest_seconds() < kLongDueSeconds) return;
    Add(Finding::WARNING,
        fmt::format("{} to node \"{}\" of \"{}\" due, the oldest for {} min",
                    jobs.kind() == "copy" ? Plural(jobs.count(), "copy is", "copies are")
                                          : Plural(jobs.count(), "delete is", "deletes are"),
                    jobs.storage(), storage.name(), jobs.oldest_seconds() / 60),
        jobs.last_error(),
        "when the number does not fall: raise replication.parallel_storage_processing_workers, or "
        "look at the node's load");
  }

  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> FindingsOf(const api::StatusResponse& status) {
  Findings findings;
  findings.Judge(status);
  return findings.Sorted();
}

}  // namespace praefect::service
