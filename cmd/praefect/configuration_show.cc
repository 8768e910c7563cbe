#include "configuration_show.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/duration.h"
#include "config/load.h"
#include "config/settings.h"
#include "invocation.h"
#include "load_config.h"
#include "output.h"

namespace praefect::cmd {
namespace {

using config::Origin;
using config::Setting;
using Json = nlohmann::ordered_json;

// Values of a file may hold bytes that are not UTF-8.
std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

struct ToJson {
  Json operator()(std::chrono::milliseconds time) const { return config::FormatDuration(time); }
  Json operator()(config::Secret secret) const { return secret.set ? "<set>" : "<not set>"; }
  template <class T>
  Json operator()(const T& value) const {
    return value;
  }
};

std::string_view NameOf(Origin::Kind kind) {
  switch (kind) {
    case Origin::Kind::kDefault:
      return "default";
    case Origin::Kind::kFile:
      return "file";
    case Origin::Kind::kSecretFile:
      return "secret file";
    case Origin::Kind::kEnvironment:
      return "environment";
    case Origin::Kind::kInherited:
      return "inherited";
  }
  return "";
}

void PrintJson(const std::string& path, const std::vector<Setting>& settings) {
  Json list = Json::array();
  for (const Setting& setting : settings) {
    Json& entry = list.emplace_back(Json::object());
    entry["key"] = setting.key;
    entry["value"] = std::visit(ToJson(), setting.value);
    entry["origin"] = NameOf(setting.origin.kind);
    if (setting.origin.line > 0) entry["line"] = setting.origin.line;
  }
  Print(Dump(Json{{"file", path}, {"settings", std::move(list)}}, 2) + "\n");
}

// Quoted strings of JSON are strings of TOML. A secret has no quotes: what is shown is not to be
// mistaken for it, nor to be loaded.
std::string ValueText(const Setting& setting) {
  const Json value = std::visit(ToJson(), setting.value);
  const bool secret = std::holds_alternative<config::Secret>(setting.value);
  return secret ? value.get<std::string>() : Dump(value, -1);
}

std::string OriginText(const Origin& origin) {
  switch (origin.kind) {
    case Origin::Kind::kFile:
      return fmt::format("line {}", origin.line);
    case Origin::Kind::kSecretFile:
      return fmt::format("secret file of line {}", origin.line);
    case Origin::Kind::kEnvironment:
      return "environment, STATE_DIRECTORY";
    case Origin::Kind::kInherited:
      return fmt::format("from [database], line {}", origin.line);
    case Origin::Kind::kDefault:
      break;
  }
  return "default";
}

// "virtual_storage[0].node[1]" as TOML heads it: "[[virtual_storage.node]]".
std::string Header(std::string_view section) {
  std::string name;
  bool inside = false;
  for (const char c : section) {
    if (c == '[') inside = true;
    if (!inside) name += c;
    if (c == ']') inside = false;
  }
  return section.back() == ']' ? fmt::format("[[{}]]", name) : fmt::format("[{}]", name);
}

void PrintText(const std::string& path, const std::vector<Setting>& settings) {
  Print(fmt::format("# {}: every setting, its value, and where that came from.\n", path));
  std::string last;
  for (const Setting& setting : settings) {
    const auto dot = setting.key.rfind('.');
    const std::string section = dot == std::string::npos ? "" : setting.key.substr(0, dot);
    if (section != last) Print(fmt::format("\n{}\n", Header(section)));
    last = section;
    const auto name = setting.key.substr(dot == std::string::npos ? 0 : dot + 1);
    const std::string line = fmt::format("{} = {}", name, ValueText(setting));
    Print(fmt::format("{:<48}  # {}\n", line, OriginText(setting.origin)));
  }
}

ExitCode Show(const Invocation& invocation) {
  const config::LoadResult loaded = config::Load(invocation.config_path);
  if (!loaded.config) {
    PrintProblems(loaded);
    return kFailed;
  }
  const auto settings = config::Settings(*loaded.config, loaded.sources);
  const auto print = invocation.Text("o") == "json" ? PrintJson : PrintText;
  print(invocation.config_path, settings);
  return kDone;
}

constexpr Flag kFlags[] = {
    {"o", "text|json", "text", "How to print the settings"},
};

}  // namespace

const Command kConfigurationShow = {
    "configuration show",
    "Show every setting, its value and its origin",
    "Reads the configuration as `serve` would, and prints what is in effect: from\n"
    "which line of the file, from a secret file, from the environment, or by default.\n"
    "Of a secret, only whether it is set is shown.\n"
    "\n"
    "Exit status: 0, or 1 when the configuration is broken.",
    "praefect -config /etc/praefect/config.toml configuration show",
    &Show,
    kFlags};

}  // namespace praefect::cmd
