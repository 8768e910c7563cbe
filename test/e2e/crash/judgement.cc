#include "judgement.h"

#include <fmt/format.h>

#include <algorithm>

namespace praefect::crash {
namespace {

class Judging {
 public:
  Judging(const std::vector<Project>& projects, const std::map<std::string, Disk>& disks,
          const Shown& shown)
      : projects_(projects), disks_(disks), shown_(shown) {}

  Verdict Judge() {
    CompareDisks();
    for (const auto& [storage, disk] : disks_) LookForStrays(storage, disk);
    for (const Project& project : projects_) JudgeProject(project);
    CompareNames();
    return std::move(verdict_);
  }

 private:
  template <class... Arguments>
  void Problem(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    verdict_.problems.push_back(fmt::format(text, std::forward<Arguments>(arguments)...));
  }

  void CompareDisks() {
    std::set<std::string> places;
    for (const auto& [storage, disk] : disks_) {
      for (const auto& [place, content] : disk) places.insert(place);
    }
    for (const std::string& place : places) {
      const Disk& first = disks_.begin()->second;
      const auto model = first.find(place);
      for (const auto& [storage, disk] : disks_) {
        const auto found = disk.find(place);
        const bool here = found != disk.end(), there = model != first.end();
        if (here == there && (!here || found->second == model->second)) continue;
        ++verdict_.divergent;
        Problem("divergent: {} on {} ({}) and on {} ({})", place, disks_.begin()->first,
                there ? Text(model->second) : "missing", storage,
                here ? Text(found->second) : "missing");
      }
    }
  }

  static std::string Text(const Content& content) {
    std::string text = content.head;
    for (const auto& [name, value] : content.references) {
      text += fmt::format(" {}={}", name, value.substr(0, 8));
    }
    return text;
  }

  // Whose repository lies at a place: told by its references; -1: of none.
  void LookForStrays(const std::string& storage, const Disk& disk) {
    for (const auto& [place, content] : disk) {
      std::set<int> owners;
      for (const auto& [reference, value] : content.references) {
        owners.insert(ProjectOf(reference));
      }
      if (owners.size() > 1) {
        Problem("strayed: references of {} projects are in {} of {}: {}", owners.size(), place,
                storage, Text(content));
      }
      for (const int owner : owners) places_[owner][storage].insert(place);
    }
  }

  void JudgeProject(const Project& project) {
    const auto found = places_.find(project.number);
    if (found == places_.end()) {
      if (project.fate == Fate::kThere) CountLost(project, "everywhere");
      return;
    }
    if (project.fate == Fate::kGone) {
      Problem("resurrected: project {} was removed and is in {}", project.number,
              *found->second.begin()->second.begin());
      return;
    }
    for (const auto& [storage, disk] : disks_) {
      const auto places = found->second.find(storage);
      if (places == found->second.end()) {
        CountLost(project, storage);
        continue;
      }
      if (places->second.size() > 1) Problem("project {} is twice on {}", project.number, storage);
      JudgeReferences(project, storage, disk.at(*places->second.begin()));
    }
  }

  void CountLost(const Project& project, const std::string& where) {
    int lost = 0;
    for (const auto& [name, reference] : project.references) {
      const bool kept = !reference.kept.empty() && !reference.maybe.contains("");
      lost += kept ? 1 : 0;
    }
    if (lost == 0) return;
    verdict_.lost += lost;
    Problem("lost: project {} ({}) with {} acknowledged references: {}", project.number,
            *project.names.begin(), lost, where);
  }

  void JudgeReferences(const Project& project, const std::string& storage, const Content& content) {
    for (const auto& [name, reference] : project.references) {
      const auto found = content.references.find(name);
      const std::string value = found == content.references.end() ? "" : found->second;
      if (value == reference.kept || reference.maybe.contains(value)) continue;
      ++verdict_.lost;
      Problem("lost: {} of {} ({}) is \"{}\" instead of \"{}\" on {}", name, project.number,
              *project.names.begin(), value, reference.kept, storage);
    }
    for (const auto& [name, value] : content.references) {
      if (ProjectOf(name) == project.number && !project.references.contains(name)) {
        Problem("{} of {} on {} was never pushed", name, project.number, storage);
      }
    }
    if (!project.heads.empty() && !project.heads.contains(content.head)) {
      ++verdict_.lost;
      Problem("lost: HEAD of {} is {} on {}", project.number, content.head, storage);
    }
  }

  // What Praefect shows under a name is the repository that has it, and nothing else lies around.
  void CompareNames() {
    std::map<int, std::set<std::string>> names_of;
    size_t there = 0;
    for (const auto& [name, references] : shown_) {
      if (!references) continue;
      ++there;
      const auto& first = disks_.begin()->second;
      const bool lies = std::any_of(first.begin(), first.end(), [&](const auto& each) {
        return each.second.references == *references;
      });
      if (!lies) Problem("what Praefect shows of {} lies nowhere", name);
      if (!references->empty()) names_of[ProjectOf(references->begin()->first)].insert(name);
    }
    for (const auto& [storage, disk] : disks_) {
      if (disk.size() == there) continue;
      Problem("{} repositories lie on {}, and {} have a name", disk.size(), storage, there);
    }
    for (const Project& project : projects_) JudgeName(project, names_of[project.number]);
    LookForRevenants();
  }

  // Also those without references, which do not tell whose they were.
  void LookForRevenants() {
    for (const auto& [name, references] : shown_) {
      const bool has_owner =
          !references || std::any_of(projects_.begin(), projects_.end(), [&](const Project& each) {
            return each.fate != Fate::kGone && each.names.contains(name);
          });
      if (!has_owner) Problem("resurrected: {} is there, and nobody has it", name);
    }
  }

  void JudgeName(const Project& project, const std::set<std::string>& shown) {
    for (const std::string& name : shown) {
      if (project.fate != Fate::kGone && project.names.contains(name)) continue;
      Problem("project {} has the name {}, which is not its own", project.number, name);
    }
    if (shown.size() > 1) Problem("project {} has two names", project.number);
    if (project.fate != Fate::kThere) return;
    const bool has_one =
        std::any_of(project.names.begin(), project.names.end(), [&](const std::string& name) {
          const auto found = shown_.find(name);
          return found != shown_.end() && found->second.has_value();
        });
    if (!has_one) Problem("lost: project {} has no name any more", project.number);
  }

  const std::vector<Project>& projects_;
  const std::map<std::string, Disk>& disks_;
  const Shown& shown_;
  std::map<int, std::map<std::string, std::set<std::string>>> places_;  // project, storage
  Verdict verdict_;
};

}  // namespace

Verdict Judge(const std::vector<Project>& projects, const std::map<std::string, Disk>& disks,
              const Shown& shown) {
  return Judging(projects, disks, shown).Judge();
}

}  // namespace praefect::crash
