#include "service/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace praefect::service {
namespace {

using api::Finding;

// Those of one kind that are told each; more are counted.
constexpr int kMostTold = 5;

std::string Plural(int64_t count, std::string_view one, std::string_view more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

std::string Repositories(int64_t count) { return Plural(count, "repository", "repositories"); }

// nullptr: it is not configured.
const api::Node* Find(const api::VirtualStorage& storage, std::string_view name) {
  for (const api::Node& node : storage.nodes()) {
    if (node.storage() == name) return &node;
  }
  return nullptr;
}

class Findings {
 public:
  void Judge(const api::StatusResponse& status) {
    JudgeBooks(status.books());
    const auto& storages = status.virtual_storages();
    for (const api::VirtualStorage& storage : storages) JudgeUnavailable(storage);
    for (const api::VirtualStorage& storage : storages) {
      for (const api::Node& node : storage.nodes()) JudgeNode(storage, node, status.books());
    }
    for (const api::VirtualStorage& storage : storages) JudgeUnknown(storage);
    JudgeMoreUnknown(status);
    for (const api::VirtualStorage& storage : storages) JudgeJobs(storage);
    for (const api::Departed& departed : status.departed()) JudgeDeparted(departed);
  }

  std::vector<Finding> Sorted() {
    std::stable_sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return a.severity() > b.severity();
    });
    return std::move(findings_);
  }

 private:
  void Add(Finding::Severity severity, std::string what, std::string reason, std::string next,
           std::string command = {}) {
    Finding& finding = findings_.emplace_back();
    finding.set_severity(severity);
    finding.set_what(std::move(what));
    finding.set_reason(std::move(reason));
    finding.set_next(std::move(next));
    finding.set_command(std::move(command));
  }

  void JudgeBooks(const api::Books& books) {
    const bool postgres = books.engine() == "PostgreSQL";
    if (!books.problem().empty()) {
      Add(Finding::ERROR,
          "the books cannot be read: writes are refused, reads go on where they went last",
          books.problem(),
          postgres ? "see which layer is broken, and the setting to look at"
                   : "look for \"database\" in Praefect's log, and at the disk that the embedded "
                     "store is on",
          postgres ? "praefect sql-ping" : "");
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
        down.empty() ? "bring back what holds them: a storage that left the configuration, or the "
                       "disk of before; see who held how much"
                     : fmt::format("bring back what holds them: {}", down),
        storage.unavailable().empty() ? ""
                                      : fmt::format("praefect metadata -repository-id {}",
                                                    storage.unavailable(0).repository_id()));
  }

  void JudgeNode(const api::VirtualStorage& storage, const api::Node& node,
                 const api::Books& books) {
    const std::string name = fmt::format("node \"{}\" of \"{}\"", node.storage(), storage.name());
    const bool writes_stop = books.problem().empty() ? node.primary_of() > 0 : node.primary();
    if (node.health() == "down") {
      std::string what = fmt::format("{} is {}", name, node.health());
      if (writes_stop) {
        what += books.problem().empty()
                    ? fmt::format("; it is the primary of {}: writes there are refused",
                                  Repositories(node.primary_of()))
                    : "; it is the primary, writes are refused";
      }
      std::string next = "see which layer is broken";
      if (!node.key_to_check().empty()) next += fmt::format("; look at {}", node.key_to_check());
      if (writes_stop) {
        next +=
            "; or let another node take over: primary = true there, in the files of all "
            "Praefects, and HUP";
      }
      Add(writes_stop ? Finding::ERROR : Finding::WARNING, std::move(what), node.reason(),
          std::move(next), "praefect dial-nodes -virtual-storage " + storage.name());
    } else if (node.disk_exchanged()) {
      Add(writes_stop ? Finding::ERROR : Finding::WARNING,
          fmt::format(
              "{} came back with another disk: {} are not used, and nothing is written there", name,
              Plural(node.suspect(), "replica", "replicas")),
          node.disk_problem(),
          "mount the old disk again; when it is gone for good, see what giving it up means",
          AcceptDisk(storage, node));
    } else if (!node.disk_problem().empty()) {
      Add(writes_stop ? Finding::ERROR : Finding::WARNING,
          fmt::format("nothing is written to {}: its disk is in doubt", name), node.disk_problem(),
          "look whether the right disk is mounted there");
    } else if (!node.degraded().empty()) {
      Add(Finding::WARNING, fmt::format("{} fails calls", name), node.degraded(),
          "look at that Gitaly's log");
    }
    if (node.suspect() > 0 && !node.disk_exchanged()) {
      Add(Finding::WARNING,
          fmt::format("{} of {} are not used: they were lost, or are on another disk",
                      Plural(node.suspect(), "replica", "replicas"), name),
          "", "mount the right disk; when there is none any more, see what giving it up means",
          AcceptDisk(storage, node));
    }
  }

  static std::string AcceptDisk(const api::VirtualStorage& storage, const api::Node& node) {
    return fmt::format("praefect accept-disk -virtual-storage {} -storage {}", storage.name(),
                       node.storage());
  }

  void JudgeUnknown(const api::VirtualStorage& storage) {
    const auto& contents = storage.unknown();
    for (auto each = contents.begin(); each != contents.end();) {
      if (unknown_told_ == kMostTold) return;
      ++unknown_told_;
      // What differs has one for each storage, one after the other.
      const auto end = std::find_if(each + 1, contents.end(), [&](const auto& other) {
        return other.relative_path() != each->relative_path() || other.kind() != each->kind() ||
               other.kind() == "shadowed";
      });
      unknown_rows_ += end - each;
      if (each->kind() == "shadowed") JudgeShadowed(storage, *each);
      if (each->kind() == "differs") JudgeDiffering(storage, {each, end});
      each = end;
    }
  }

  void JudgeDiffering(const api::VirtualStorage& storage,
                      const std::vector<api::UnknownContent>& contents) {
    std::string holders;
    for (const api::UnknownContent& each : contents) {
      holders += fmt::format("{}{:.12} on \"{}\"", holders.empty() ? "" : ", ", each.checksum(),
                             each.storage());
    }
    Add(Finding::ERROR,
        fmt::format(
            "\"{}\" of \"{}\" takes no writes: it was there before Praefect, and is not the "
            "same everywhere",
            contents.front().relative_path(), storage.name()),
        "the checksums are " + holders,
        "find out which one is right, and move the others away on their nodes' disks; the next "
        "write goes on with what is left");
  }

  void JudgeShadowed(const api::VirtualStorage& storage, const api::UnknownContent& content) {
    Add(Finding::WARNING,
        fmt::format("something unknown has the name \"{}\" on node \"{}\"", content.relative_path(),
                    content.storage()),
        "it was not seen when the repository of that name was created, which therefore lies "
        "elsewhere; nobody reads it, and it is left alone",
        "look what it is, and move it away on that node; see where the repository lies",
        fmt::format("praefect metadata -virtual-storage {} -relative-path {}", storage.name(),
                    content.relative_path()));
  }

  void JudgeMoreUnknown(const api::StatusResponse& status) {
    const int64_t more = status.unknown_contents() - unknown_rows_;
    if (more <= 0) return;
    Add(Finding::WARNING,
        fmt::format("{} on nodes at names of repositories as well",
                    Plural(more, "unknown content is", "unknown contents are")),
        "", "put those right that are told, then look again");
  }

  // What somebody has to decide over comes first.
  void JudgeJobs(const api::VirtualStorage& storage) {
    std::vector<const api::ParkedJob*> parked_jobs;
    for (const api::ParkedJob& job : storage.parked()) {
      if (Find(storage, job.storage()) != nullptr) parked_jobs.push_back(&job);
    }
    std::stable_partition(parked_jobs.begin(), parked_jobs.end(),
                          [](const api::ParkedJob* job) { return job->in_the_way(); });
    const auto told = std::min<size_t>(kMostTold, parked_jobs.size());
    for (size_t i = 0; i < told; ++i) JudgeParked(*parked_jobs[i]);
    int64_t parked = 0;
    for (const api::Jobs& jobs : storage.jobs()) {
      const api::Node* node = Find(storage, jobs.storage());
      if (node == nullptr) continue;  // it left: see JudgeDeparted
      if (jobs.state() == "parked") parked += jobs.count();
      if (jobs.state() == "ready") JudgeAge(storage, *node, jobs);
    }
    const int64_t more = parked - static_cast<int64_t>(told);
    if (more <= 0) return;
    Add(Finding::WARNING,
        fmt::format("{} of \"{}\" given up for now as well", Plural(more, "job", "jobs"),
                    storage.name()),
        "", "those that are told were given up last: put these right first");
  }

  void JudgeParked(const api::ParkedJob& job) {
    if (job.in_the_way()) {
      return Add(Finding::WARNING,
                 fmt::format("\"{}\" is not copied to node \"{}\": something unknown is in the way",
                             job.path(), job.storage()),
                 job.error(),
                 "look what it is, and move it away on that node; then tell Praefect to try again "
                 "(HUP)");
    }
    Add(Finding::WARNING,
        fmt::format("the {} of \"{}\" on node \"{}\" is given up for now", job.kind(), job.path(),
                    job.storage()),
        job.error(),
        "put that right, then tell Praefect to try again (HUP); it does at the next write, when "
        "the "
        "node comes back, and once a day, too");
  }

  void JudgeDeparted(const api::Departed& departed) {
    Add(Finding::WARNING,
        fmt::format("{} for storage \"{}\" of \"{}\", which left the configuration",
                    Plural(departed.deletes(), "delete waits", "deletes wait"), departed.storage(),
                    departed.virtual_storage()),
        "what clients removed may still lie there",
        "configure it again; when it will not come back, see what giving them up means",
        fmt::format("praefect give-up-deletes -virtual-storage {} -storage {}",
                    departed.virtual_storage(), departed.storage()));
  }

  // While the node is down, that is what is wrong.
  void JudgeAge(const api::VirtualStorage& storage, const api::Node& node, const api::Jobs& jobs) {
    if (node.health() != "up") return;
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
  int unknown_told_ = 0;      // findings,
  int64_t unknown_rows_ = 0;  // and what they are about
};

}  // namespace

std::vector<Finding> FindingsOf(const api::StatusResponse& status) {
  Findings findings;
  findings.Judge(status);
  return findings.Sorted();
}

}  // namespace praefect::service
