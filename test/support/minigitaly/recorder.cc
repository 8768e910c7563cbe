#include "recorder.h"

#include <nlohmann/json.hpp>

#include <set>

namespace praefect::minigitaly {
namespace {

using nlohmann::json;

int64_t NowMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool IsSecret(const std::string& key) {
  static const std::set<std::string> kSecrets = {"authorization", "gitaly-servers",
                                                 "praefect-server", "gitaly-praefect-server"};
  return kSecrets.count(key) > 0;
}

json Metadata(const std::map<std::string, std::string>& metadata) {
  json object = json::object();
  for (const auto& [key, value] : metadata) object[key] = IsSecret(key) ? "(present)" : value;
  return object;
}

// Paths and metadata may hold any bytes; what is no UTF-8 is replaced.
std::string Line(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Recorder>> Recorder::Open(const std::string& path) {
  auto recorder = std::unique_ptr<Recorder>(new Recorder());
  if (path.empty()) return recorder;
  recorder->file_.open(path, std::ios::app);
  if (!recorder->file_) return absl::UnavailableError("cannot write the record " + path);
  return recorder;
}

uint64_t Recorder::Start(const CallStart& start) {
  std::lock_guard lock(mutex_);
  const uint64_t id = ++last_id_;
  if (!file_.is_open()) return id;
  json object = {{"event", "start"},
                 {"id", id},
                 {"time_ms", NowMilliseconds()},
                 {"method", start.method},
                 {"storage", start.target.storage},
                 {"path", start.target.path},
                 {"metadata", Metadata(start.metadata)}};
  if (start.deadline) object["deadline_ms"] = start.deadline->count();
  file_ << Line(object) << std::flush;
  return id;
}

void Recorder::End(uint64_t id, const CallEnd& end) {
  std::lock_guard lock(mutex_);
  if (!file_.is_open()) return;
  file_ << Line({{"event", "end"},
                 {"id", id},
                 {"time_ms", NowMilliseconds()},
                 {"status", absl::StatusCodeToString(end.status.code())},
                 {"message", std::string(end.status.message())},
                 {"cancelled", end.cancelled},
                 {"duration_ms", end.duration.count()}})
        << std::flush;
}

}  // namespace praefect::minigitaly
