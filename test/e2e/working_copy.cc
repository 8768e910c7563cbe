#include "e2e/working_copy.h"

#include <catch2/catch.hpp>
#include <sstream>

namespace praefect::test {

Outcome WorkingCopy::Try(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment) const {
  std::map<std::string, std::string> all = environment;
  all.insert(environment_.begin(), environment_.end());
  return test::Git(arguments, all, directory_);
}

std::string WorkingCopy::Git(const std::vector<std::string>& arguments) const {
  Outcome outcome = Try(arguments);
  INFO("git " << arguments.front() << ": " << outcome.error);
  REQUIRE(outcome.exit_status == 0);
  if (outcome.output.ends_with('\n')) outcome.output.pop_back();
  return outcome.output;
}

std::string WorkingCopy::Commit(const std::string& file, const std::string& content) const {
  WriteFile(directory_ / file, content);
  Git({"add", file});
  Git({"commit", "--quiet", "--message", "Change " + file});
  return Id("HEAD");
}

void WorkingCopy::Push(const std::vector<std::string>& arguments) const {
  std::vector<std::string> all = {"push", "--quiet", "origin"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Git(all);
}

std::set<std::string> WorkingCopy::Objects() const {
  std::istringstream lines(Git({"rev-list", "--objects", "--no-object-names", "--all"}));
  std::set<std::string> ids;
  for (std::string id; std::getline(lines, id);) ids.insert(id);
  return ids;
}

void WorkingCopy::CheckIntegrity() const { Git({"fsck", "--full", "--strict", "--no-progress"}); }

}  // namespace praefect::test
