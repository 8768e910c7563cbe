#include "nodes/storage_judgement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/suggest.h"

namespace praefect::nodes {
namespace {

using Outcome = Step::Outcome;
using Info = ::gitaly::ServerInfoResponse;
using Names = std::vector<std::string>;

std::string Quoted(const Names& names) {
  return names.empty() ? "nothing" : fmt::format("\"{}\"", fmt::join(names, "\", \""));
}

std::string SettingOf(const GitalyServer::Node& node, std::string_view key) {
  return fmt::format("virtual_storage \"{}\" node \"{}\": {}", node.virtual_storage, node.storage,
                     key);
}

class Judge {
 public:
  Judge(const GitalyServer& server, const Info& info) : server_(server), info_(info) {
    for (const GitalyServer::Node& node : server.nodes) {
      expected_[node.storage].push_back(node.virtual_storage);
    }
    for (const Info::StorageStatus& status : info.storage_statuses()) {
      if (!served_.insert(status.storage_name()).second)
        duplicated_.push_back(status.storage_name());
    }
  }

  StorageJudgement Run() {
    WriteLines();
    JudgeServed();
    if (Broken()) return std::move(judgement_);
    Add(Layer::kStorages, Outcome::kGood, "serves " + Quoted(Keys(expected_)));
    NoteExtra();
    JudgeAccess(Layer::kReadable, &Info::StorageStatus::readable, "cannot read");
    if (!Broken())
      JudgeAccess(Layer::kWritable, &Info::StorageStatus::writeable, "cannot write to");
    return std::move(judgement_);
  }

 private:
  using VirtualStoragesByStorage = std::map<std::string, Names>;

  static Names Keys(const VirtualStoragesByStorage& map) {
    Names keys;
    for (const auto& [key, value] : map) keys.push_back(key);
    return keys;
  }

  void Add(Layer layer, Outcome outcome, std::string message, Names settings = {},
           std::string hint = "") {
    judgement_.steps.push_back(
        {layer, outcome, std::move(message), std::move(settings), std::move(hint)});
  }

  bool Broken() const {
    return !judgement_.steps.empty() && judgement_.steps.back().outcome == Outcome::kBroken;
  }

  // In upstream's words and order.
  void WriteLines() {
    bool good = info_.storage_statuses_size() > 0 && duplicated_.empty();
    Names& lines = judgement_.lines;
    if (info_.storage_statuses_size() == 0) {
      lines.emplace_back("ERROR: remote has no configured storages");
    }
    std::set<std::string> seen;
    for (const Info::StorageStatus& status : info_.storage_statuses()) {
      const std::string& name = status.storage_name();
      const auto expected = expected_.find(name);
      if (!seen.insert(name).second) {
        lines.push_back(fmt::format("ERROR: remote has duplicated storage: \"{}\"", name));
      } else if (expected == expected_.end()) {
        continue;
      } else if (!status.readable() || !status.writeable()) {
        lines.push_back(fmt::format("ERROR: storage \"{}\" is not readable or writable", name));
        good = false;
      } else {
        lines.push_back(fmt::format(
            "SUCCESS: confirmed Gitaly storage \"{}\" in virtual storages [{}] is served", name,
            fmt::join(expected->second, " ")));
      }
    }
    for (const auto& [name, virtual_storages] : expected_) {
      if (served_.count(name) != 0) continue;
      lines.push_back(
          fmt::format("ERROR: configured storage was not reported by remote: \"{}\"", name));
      good = false;
    }
    lines.emplace_back(good ? "SUCCESS: node configuration is consistent!"
                            : "ERROR: consistency check failed");
  }

  void JudgeServed() {
    const Names served(served_.begin(), served_.end());
    if (!duplicated_.empty()) {
      Add(Layer::kStorages, Outcome::kBroken,
          "the node names storages twice: " + Quoted(duplicated_), {},
          "correct [[storage]] in that Gitaly's config.toml");
    }
    for (const GitalyServer::Node& node : server_.nodes) {
      if (served_.count(node.storage) != 0) continue;
      Add(Layer::kStorages, Outcome::kBroken,
          fmt::format("the node does not serve storage \"{}\"; it serves {}", node.storage,
                      Quoted(served)),
          {SettingOf(node, "storage")}, HintForMissing(node, served));
    }
  }

  static std::string HintForMissing(const GitalyServer::Node& node, const Names& served) {
    if (std::find(served.begin(), served.end(), node.virtual_storage) != served.end()) {
      return fmt::format(
          "a storage of the virtual storage's name looks like a Praefect there: the "
          "address of a node is that of a Gitaly");
    }
    const std::string closest = config::ClosestName(node.storage, served);
    if (!closest.empty()) return fmt::format("write \"{}\", if that is the one", closest);
    return "write the name that Gitaly gives the storage, or the address of the Gitaly that has "
           "it; "
           "names are in [[storage]] of Gitaly's config.toml";
  }

  void NoteExtra() {
    Names extra;
    for (const std::string& name : served_) {
      if (expected_.count(name) == 0) extra.push_back(name);
    }
    if (extra.empty()) return;
    Add(Layer::kStorages, Outcome::kNote,
        fmt::format("also serves {}, which no virtual storage uses", Quoted(extra)));
  }

  void JudgeAccess(Layer layer, bool (Info::StorageStatus::*may)() const, std::string_view cannot) {
    for (const Info::StorageStatus& status : info_.storage_statuses()) {
      if (expected_.count(status.storage_name()) == 0 || (status.*may)()) continue;
      Add(layer, Outcome::kBroken,
          fmt::format("the node {} storage \"{}\"", cannot, status.storage_name()), {},
          "on that host, see who owns the storage's folder (the user that Gitaly runs as must), "
          "whether its disk is mounted, and whether it is full or read-only");
    }
    if (!Broken()) Add(layer, Outcome::kGood, fmt::format("each is {}", NameOf(layer)));
  }

  const GitalyServer& server_;
  const Info& info_;
  VirtualStoragesByStorage expected_;
  std::set<std::string> served_;
  Names duplicated_;
  StorageJudgement judgement_;
};

// A node and where it keeps its repositories.
struct Placed {
  GitalyServer::Node node;
  Inspection* inspection;
};

void AddShared(const Placed& one, const Placed& other, const std::string& filesystem_id) {
  if (!one.inspection->good()) return;
  one.inspection->steps.push_back(
      {Layer::kSeparate,
       Outcome::kBroken,
       fmt::format("storage \"{}\" lies where storage \"{}\" of {} lies (filesystem id {}): the "
                   "same repositories, not a replica",
                   one.node.storage, other.node.storage,
                   other.inspection->server.address.ToString(), filesystem_id),
       {SettingOf(one.node, "address"), SettingOf(other.node, "address")},
       "give each node a Gitaly with a disk of its own; if they have, the file .gitaly-metadata of "
       "one storage was copied to the other: stop the newer Gitaly, remove it there, start"});
}

}  // namespace

StorageJudgement JudgeStorages(const GitalyServer& server, const Info& info) {
  return Judge(server, info).Run();
}

void JudgeSharedPlaces(std::vector<Inspection>& inspections) {
  std::map<std::pair<std::string, std::string>, Placed> places;  // virtual storage, filesystem id
  for (Inspection& inspection : inspections) {
    for (const GitalyServer::Node& node : inspection.server.nodes) {
      const auto served =
          std::find_if(inspection.served.begin(), inspection.served.end(),
                       [&](const ServedStorage& storage) { return storage.name == node.storage; });
      if (served == inspection.served.end() || served->filesystem_id.empty()) continue;
      const Placed placed{node, &inspection};
      const auto [first, fresh] =
          places.insert({{node.virtual_storage, served->filesystem_id}, placed});
      if (fresh) continue;
      AddShared(first->second, placed, served->filesystem_id);
      AddShared(placed, first->second, served->filesystem_id);
    }
  }
}

}  // namespace praefect::nodes
