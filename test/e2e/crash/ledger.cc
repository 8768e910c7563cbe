#include "ledger.h"

#include <fmt/format.h>

#include <charconv>

namespace praefect::crash {
namespace {

constexpr std::string_view kMark = "refs/heads/p";

}  // namespace

std::string Project::prefix() const { return fmt::format("{}{}-", kMark, number); }

int ProjectOf(const std::string& reference) {
  if (!reference.starts_with(kMark)) return -1;
  int number = -1;
  std::from_chars(reference.data() + kMark.size(), reference.data() + reference.size(), number);
  return number;
}

Name& Ledger::NewName() {
  const std::lock_guard lock(mutex_);
  return names_.emplace_back(fmt::format("group/{}.git", names_.size()));
}

Name& Ledger::UsedName(uint32_t chance) {
  std::string path;
  {
    const std::lock_guard lock(mutex_);
    if (!free_names_.empty()) {
      const auto which = free_names_.begin() + chance % free_names_.size();
      path = *which;
      free_names_.erase(which);
    }
  }
  return path.empty() ? NewName() : Named(path);
}

Name& Ledger::Named(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (Name& name : names_) {
    if (name.path == path) return name;
  }
  return names_.emplace_back(path);
}

std::set<std::string> Ledger::AllNames() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> all;
  for (const Name& name : names_) all.insert(name.path);
  return all;
}

int Ledger::Begin(int owner, const std::string& name) {
  const std::lock_guard lock(mutex_);
  Project project;
  project.number = static_cast<int>(projects_.size());
  project.owner = owner;
  project.names = {name};
  projects_.push_back(std::move(project));
  return projects_.back().number;
}

void Ledger::Created(int project) {
  const std::lock_guard lock(mutex_);
  projects_[project].fate = Fate::kThere;
  ++counts_.created;
}

void Ledger::BeginRename(int project, const std::string& to) {
  const std::lock_guard lock(mutex_);
  projects_[project].names.insert(to);
}

void Ledger::Renamed(int project, const std::string& from) {
  const std::lock_guard lock(mutex_);
  projects_[project].names.erase(from);
  free_names_.push_back(from);
  ++counts_.renamed;
}

void Ledger::BeginRemoval(int project) {
  const std::lock_guard lock(mutex_);
  projects_[project].fate = Fate::kInDoubt;
}

void Ledger::Removed(int project) {
  const std::lock_guard lock(mutex_);
  projects_[project].fate = Fate::kGone;
  free_names_.push_back(*projects_[project].names.begin());
  ++counts_.removed;
}

void Ledger::BeginHead(int project, const std::string& head) {
  const std::lock_guard lock(mutex_);
  auto& heads = projects_[project].heads;
  if (heads.empty()) heads.insert("refs/heads/main");  // as it was created
  heads.insert(head);
}

void Ledger::HeadSet(int project, const std::string& head) {
  const std::lock_guard lock(mutex_);
  projects_[project].heads = {head};
}

void Ledger::BeginPush(int project, const std::string& reference, const std::string& value) {
  const std::lock_guard lock(mutex_);
  projects_[project].references[reference].maybe.insert(value);
}

void Ledger::Pushed(int project, const std::string& reference, const std::string& value) {
  const std::lock_guard lock(mutex_);
  Reference& known = projects_[project].references[reference];
  known.kept = value;
  known.maybe.clear();
  ++counts_.acknowledged;
}

void Ledger::PushInDoubt(int project, const std::string& reference) {
  const std::lock_guard lock(mutex_);
  projects_[project].references[reference].in_doubt = true;
  ++counts_.in_doubt;
}

Project Ledger::Get(int project) const {
  const std::lock_guard lock(mutex_);
  return projects_[project];
}

std::vector<int> Ledger::Usable(int owner) const {
  const std::lock_guard lock(mutex_);
  std::vector<int> usable;
  for (const Project& project : projects_) {
    if (project.usable() && (owner < 0 || project.owner == owner)) usable.push_back(project.number);
  }
  return usable;
}

std::vector<Project> Ledger::All() const {
  const std::lock_guard lock(mutex_);
  return projects_;
}

Ledger::Counts Ledger::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Ledger::Fail(const std::string& what) {
  const std::lock_guard lock(mutex_);
  failures_.push_back(what);
}

std::vector<std::string> Ledger::Failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

}  // namespace praefect::crash
