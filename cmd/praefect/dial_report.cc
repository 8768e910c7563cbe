#include "dial_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "output.h"

namespace praefect::cmd {
namespace {

using nodes::GitalyServer;
using nodes::Inspection;
using nodes::Step;
using Json = nlohmann::ordered_json;
using Outcome = Step::Outcome;

constexpr size_t kIndent = 6;

std::string Line(std::string_view label, const std::string& text) {
  const std::string start = fmt::format("{:{}}{}", "", kIndent, label);
  return start + Wrapped(Printable(text), start.size()) + "\n";
}

std::string NodesOf(const GitalyServer& server) {
  std::string text;
  for (const GitalyServer::Node& node : server.nodes) {
    text += fmt::format("{}{}/{}", text.empty() ? "" : ", ", node.virtual_storage, node.storage);
  }
  return text;
}

double Milliseconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

// "Gitaly 16.11.2, git 2.43.0, round trip 0.4 ms"; empty when the node did not tell.
std::string Facts(const Inspection& inspection) {
  if (inspection.gitaly_version.empty()) return "";
  std::string text =
      fmt::format("Gitaly {}, git {}", inspection.gitaly_version, inspection.git_version);
  if (inspection.round_trip) {
    text += fmt::format(", round trip {:.1f} ms", Milliseconds(*inspection.round_trip));
  }
  return text;
}

// "connection ok, HTTP/2 ok, health ok, token BROKEN".
std::string Layers(const Inspection& inspection) {
  std::string text;
  const Step* last = nullptr;
  for (const Step& step : inspection.steps) {
    if (step.outcome == Outcome::kNote) continue;
    const bool repeated = last != nullptr && last->layer == step.layer;
    last = &step;
    if (repeated) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", NameOf(step.layer),
                        step.outcome == Outcome::kBroken ? "BROKEN" : "ok");
  }
  return text;
}

std::string Explain(const Step& step) {
  if (step.outcome == Outcome::kNote) {
    return Line("note:    ", step.message + (step.hint.empty() ? "" : ": " + step.hint));
  }
  if (step.outcome == Outcome::kGood) return "";
  std::string text = Line("problem: ", step.message);
  for (const std::string& setting : step.settings) text += Line("change:  ", setting);
  if (!step.hint.empty()) text += Line("how:     ", step.hint);
  return text;
}

Json ToJson(const Step& step) {
  constexpr const char* kOutcomes[] = {"good", "note", "broken"};
  Json json{{"layer", NameOf(step.layer)},
            {"outcome", kOutcomes[static_cast<size_t>(step.outcome)]},
            {"message", step.message}};
  if (!step.settings.empty()) json["settings"] = step.settings;
  if (!step.hint.empty()) json["hint"] = step.hint;
  return json;
}

template <typename Value, typename Convert>
Json OrNull(const Value& value, Convert convert) {
  return value ? Json(convert(*value)) : Json(nullptr);
}

Json ToJson(const Inspection& inspection) {
  Json configured = Json::array();
  for (const GitalyServer::Node& node : inspection.server.nodes) {
    configured.push_back({{"virtual_storage", node.virtual_storage}, {"storage", node.storage}});
  }
  Json served = Json::array();
  for (const nodes::ServedStorage& storage : inspection.served) {
    served.push_back({{"name", storage.name},
                      {"readable", storage.readable},
                      {"writable", storage.writable},
                      {"filesystem_id", storage.filesystem_id}});
  }
  Json steps = Json::array();
  for (const Step& step : inspection.steps) steps.push_back(ToJson(step));
  const auto seconds = [](std::chrono::seconds lead) { return lead.count(); };
  const Step* broken = inspection.broken();
  return {{"address", inspection.server.address.ToString()},
          {"healthy", inspection.good()},
          {"configured", configured},
          {"gitaly_version", inspection.gitaly_version},
          {"git_version", inspection.git_version},
          {"rtt_ms", OrNull(inspection.round_trip, Milliseconds)},
          {"clock_lead_s", OrNull(inspection.clock_lead, seconds)},
          {"served", served},
          {"steps", steps},
          {"diagnosis", broken == nullptr ? Json(nullptr) : ToJson(*broken)}};
}

}  // namespace

std::string DialReportText(const std::vector<Inspection>& inspections) {
  std::string text;
  for (const Inspection& inspection : inspections) {
    const std::string heading =
        fmt::format("{} ({})", inspection.server.address.ToString(), NodesOf(inspection.server));
    text +=
        fmt::format("\n{:<{}}{}\n", inspection.good() ? "OK" : "FAIL", kIndent, Printable(heading));
    const std::string facts = Facts(inspection);
    if (!facts.empty()) text += Line("", facts);
    if (!inspection.good()) text += Line("", Layers(inspection));
    for (const Step& step : inspection.steps) text += Explain(step);
  }
  return text;
}

std::string DialReportJson(const std::vector<Inspection>& inspections) {
  Json all = Json::array();
  bool healthy = true;
  for (const Inspection& inspection : inspections) {
    all.push_back(ToJson(inspection));
    healthy = healthy && inspection.good();
  }
  const Json document{{"schema_version", 1}, {"healthy", healthy}, {"nodes", all}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace praefect::cmd
