#include "invocation.h"

#include <cstdlib>
#include <utility>

#include "config/duration.h"

namespace praefect::cmd {

Invocation::Invocation(const Command& command) {
  for (const Flag& flag : command.flags) {
    values_[std::string(flag.name)].text = std::string(flag.fallback);
  }
}

void Invocation::Set(std::string_view name, std::string text) {
  values_[std::string(name)] = {std::move(text), true};
}

const Invocation::Value& Invocation::Find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) std::abort();
  return found->second;
}

bool Invocation::Has(std::string_view name) const { return Find(name).given; }

const std::string& Invocation::Text(std::string_view name) const { return Find(name).text; }

bool Invocation::Switch(std::string_view name) const { return Text(name) == "true"; }

std::chrono::nanoseconds Invocation::Duration(std::string_view name) const {
  return config::ParseDuration(Text(name)).value();
}

}  // namespace praefect::cmd
