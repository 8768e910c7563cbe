#pragma once

// A user's git repository, and stock git in it.

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/process.h"

namespace praefect::test {

class WorkingCopy {
 public:
  WorkingCopy(std::filesystem::path directory, std::map<std::string, std::string> environment)
      : directory_(std::move(directory)), environment_(std::move(environment)) {}

  const std::filesystem::path& directory() const { return directory_; }

  // Whatever becomes of it. Any thread.
  Outcome Try(const std::vector<std::string>& arguments,
              const std::map<std::string, std::string>& environment = {}) const;
  // Must work; its standard output without the last newline.
  std::string Git(const std::vector<std::string>& arguments) const;

  // A file with this content, committed; the commit's id.
  std::string Commit(const std::string& file, const std::string& content) const;
  std::string Id(const std::string& revision) const { return Git({"rev-parse", revision}); }
  void Push(const std::vector<std::string>& arguments) const;

  // Ids of all that references reach.
  std::set<std::string> Objects() const;
  // `git fsck` of all objects finds nothing.
  void CheckIntegrity() const;

 private:
  std::filesystem::path directory_;
  std::map<std::string, std::string> environment_;
};

}  // namespace praefect::test
