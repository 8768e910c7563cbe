#pragma once

// Collects everything there is to say about one file, and knows on which line each key stands.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"

namespace praefect::config {

class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}

  void Locate(std::string key, int line) { lines_.emplace(std::move(key), line); }
  bool Present(std::string_view key) const { return lines_.find(key) != lines_.end(); }
  bool HasError(std::string_view key) const;
  const std::map<std::string, int, std::less<>>& lines() const { return lines_; }

  // `key` is a key path; its line is that of the nearest key above it that stands in the file. A
  // second error for the same key is a consequence of the first and is dropped.
  // `finding` as in Problem.
  void Error(std::string_view key, std::string message, std::string suggestion = "",
             std::string finding = "");
  void Warn(std::string_view key, std::string message, std::string suggestion = "");
  // A rule that upstream checks in `configuration validate` only.
  void WarnOfInvalid(std::string_view key, std::string message, std::string suggestion = "");
  // Remembers a key that is known and has no effect; Finish makes one warning of them all.
  void NotActedOn(std::string_view key);
  void Finish();

  const std::vector<Problem>& errors() const { return errors_; }
  const std::vector<Problem>& warnings() const { return warnings_; }

 private:
  Problem Make(std::string_view key, std::string message, std::string suggestion) const;
  int LineOf(std::string_view key) const;

  const std::string file_;
  std::map<std::string, int, std::less<>> lines_;
  std::vector<std::string> not_acted_on_;
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

}  // namespace praefect::config
