#include "proxy/access_log.h"

#include <algorithm>
#include <array>

#include "gitaly/method_names.h"
#include "observe/date_text.h"

namespace praefect::proxy {
namespace {

using http2::StatusCode;
using observe::Field;
using observe::Level;

// As upstream's logger ranks them.
Level LevelFor(StatusCode code) {
  switch (code) {
    case StatusCode::kUnknown:
    case StatusCode::kUnimplemented:
    case StatusCode::kInternal:
    case StatusCode::kDataLoss:
      return Level::kError;
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kPermissionDenied:
    case StatusCode::kResourceExhausted:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kAborted:
    case StatusCode::kOutOfRange:
    case StatusCode::kUnavailable:
      return Level::kWarn;
    default:
      return Level::kInfo;
  }
}

double Milliseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count() / 1'000) / 1'000.0;
}

// RFC 3339 without a zone, UTC, as upstream writes start and deadline.
std::string_view Timestamp(std::chrono::system_clock::time_point time, std::array<char, 32>& into) {
  const auto millis =
      std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::string_view date = observe::DateAndSeconds(millis / 1'000);
  char* end = std::copy(date.begin(), date.end(), into.data());
  *end++ = '.';
  for (int64_t place = 100; place > 0; place /= 10) {
    *end++ = static_cast<char>('0' + millis / place % 10);
  }
  return {into.data(), static_cast<size_t>(end - into.data())};
}

// What clients say of themselves, and the name of the field it goes to.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kClientFields = {{
    {"client_name", "grpc.meta.client_name"},
    {"call_site", "grpc.meta.call_site"},
    {"deadline_type", "grpc.meta.deadline_type"},
    {"remote_ip", "remote_ip"},
    {"user_id", "user_id"},
    {"username", "username"},
}};

// A fixed array: a line costs no allocation here.
class Fields {
 public:
  void Add(std::string_view key, decltype(Field::value) value) {
    if (count_ < fields_.size()) fields_[count_++] = {key, value};
  }
  void AddIf(std::string_view key, std::string_view value) {
    if (!value.empty()) Add(key, value);
  }
  std::span<const Field> all() const { return {fields_.data(), count_}; }

 private:
  std::array<Field, 40> fields_;
  size_t count_ = 0;
};

void AddClientFields(Fields& fields, const http2::HeaderList& request) {
  for (const auto& header : request.fields()) {
    for (const auto& [name, key] : kClientFields) {
      if (header.name == name) fields.AddIf(key, header.value);
    }
  }
}

std::pair<std::string_view, std::string_view> Split(std::string_view path) {
  size_t slash = path.rfind('/');
  if (path.empty() || slash == std::string_view::npos || slash == 0) return {"", path};
  return {path.substr(1, slash - 1), path.substr(slash + 1)};
}

}  // namespace

void WriteAccessLine(observe::Logger& logger, const AccessRecord& record) {
  Level level = LevelFor(record.code);
  bool health = record.path.substr(0, 16) == "/grpc.health.v1.";
  if (health && level == Level::kInfo) level = Level::kDebug;  // load balancers ask all the time
  if (!logger.Enabled(level)) return;

  std::array<char, 32> start, deadline;
  Fields fields;
  auto [service, method] = Split(record.path);
  fields.Add("component", "praefect.StreamServerInterceptor");
  fields.Add("correlation_id", record.correlation_id);
  fields.AddIf("error", record.error);
  fields.Add("grpc.code", http2::StatusName(record.code));
  if (record.authenticated) fields.Add("grpc.meta.auth_version", "v2");
  AddClientFields(fields, *record.request);
  if (record.method != nullptr) {
    fields.Add("grpc.meta.method_operation", gitaly::OperationName(*record.method));
    fields.Add("grpc.meta.method_scope", gitaly::ScopeName(*record.method));
    fields.Add("grpc.meta.method_type", gitaly::TypeName(*record.method));
  }
  fields.Add("grpc.method", method);
  if (record.deadline.count() >= 0) {
    fields.Add("grpc.request.deadline", Timestamp(record.start + record.deadline, deadline));
  }
  fields.Add("grpc.request.fullMethod", record.path);
  fields.Add("grpc.request.payload_bytes", record.request_bytes);
  fields.AddIf("grpc.request.repoPath", record.relative_path);
  fields.AddIf("grpc.request.repoStorage", record.virtual_storage);
  fields.Add("grpc.response.payload_bytes", record.response_bytes);
  fields.Add("grpc.service", service);
  fields.Add("grpc.start_time", Timestamp(record.start, start));
  fields.Add("grpc.time_ms", Milliseconds(record.total));
  fields.AddIf("peer.address", record.peer);
  fields.AddIf("praefect.hint", record.hint);
  if (record.intent != 0) fields.Add("praefect.intent", record.intent);
  fields.AddIf("praefect.refusal", record.refusal);
  if (record.repository_id != 0) fields.Add("praefect.repository_id", record.repository_id);
  if (record.stale_route) fields.Add("praefect.route", "stale");
  if (record.settling.count() >= 0) {
    fields.Add("praefect.settle_ms", Milliseconds(record.settling));
  }
  if (!record.storage.empty()) {
    fields.Add("gitaly.storage", record.storage);
    fields.Add("gitaly.time_ms", Milliseconds(record.in_gitaly));
    fields.Add("praefect.time_ms", Milliseconds(record.total - record.in_gitaly));
  }
  if (record.attempts > 1) fields.Add("praefect.attempts", int64_t{record.attempts});
  fields.AddIf("relative_path", record.relative_path);
  fields.Add("span.kind", "server");
  fields.Add("system", "grpc");
  fields.AddIf("virtual_storage", record.virtual_storage);

  std::array<char, 64> text;
  char* end = text.data();
  for (std::string_view part :
       {std::string_view("finished "), std::string_view(record.unary ? "unary" : "streaming"),
        std::string_view(" call with code "), http2::StatusName(record.code)}) {
    end = std::copy(part.begin(), part.end(), end);
  }
  logger.WriteWithOthers(level, {text.data(), static_cast<size_t>(end - text.data())},
                         fields.all());
}

}  // namespace praefect::proxy
