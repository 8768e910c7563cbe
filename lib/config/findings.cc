#include "config/findings.h"

#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include <algorithm>

namespace praefect::config {

std::string Problem::ToString() const {
  std::string text = file;
  if (line > 0) text += fmt::format(":{}", line);
  if (!key.empty()) text += fmt::format(": {}", key);
  text += fmt::format(": {}", message);
  if (!suggestion.empty()) text += fmt::format(" ({})", suggestion);
  return text;
}

void Findings::Error(std::string_view key, std::string message, std::string suggestion,
                     std::string finding) {
  if (HasError(key)) return;
  errors_.push_back(Make(key, std::move(message), std::move(suggestion)));
  errors_.back().finding = std::move(finding);
}

bool Findings::HasError(std::string_view key) const {
  return std::any_of(errors_.begin(), errors_.end(),
                     [&](const Problem& error) { return error.key == key; });
}

void Findings::Warn(std::string_view key, std::string message, std::string suggestion) {
  warnings_.push_back(Make(key, std::move(message), std::move(suggestion)));
}

void Findings::WarnOfInvalid(std::string_view key, std::string message, std::string suggestion) {
  Warn(key, std::move(message), std::move(suggestion));
  warnings_.back().fails_validation = true;
}

void Findings::NotActedOn(std::string_view key) { not_acted_on_.emplace_back(key); }

void Findings::Finish() {
  if (not_acted_on_.empty()) return;
  std::sort(not_acted_on_.begin(), not_acted_on_.end());
  warnings_.push_back(Make("",
                           fmt::format("these keys are known and have no effect yet: {}",
                                       absl::StrJoin(not_acted_on_, ", ")),
                           ""));
  not_acted_on_.clear();
}

Problem Findings::Make(std::string_view key, std::string message, std::string suggestion) const {
  return Problem{file_, LineOf(key), std::string(key), std::move(message), std::move(suggestion),
                 "",    false};
}

int Findings::LineOf(std::string_view key) const {
  while (!key.empty()) {
    const auto found = lines_.find(key);
    if (found != lines_.end()) return found->second;
    const auto end = key.find_last_of(".[");
    key = key.substr(0, end == key.npos ? 0 : end);
  }
  return 0;
}

}  // namespace praefect::config
