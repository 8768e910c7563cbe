#include "db/postgres_connect.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_split.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

namespace praefect::db {
namespace {

constexpr int64_t kDefaultPort = 5432;

bool IsDirectory(const std::string& host) { return host[0] == '/' || host[0] == '@'; }

// The keywords of one attempt. A password never becomes part of a text.
class Keywords {
 public:
  Keywords(const config::DatabaseEndpoint& endpoint, const Place& place) {
    Add("host", place.host);
    Add("hostaddr", place.address);
    Add("port", std::to_string(place.port));
    Add("user", endpoint.user);
    Add("password", endpoint.password);
    Add("dbname", endpoint.dbname);
    Add("sslmode", endpoint.sslmode.empty() ? "require" : endpoint.sslmode);
    Add("sslcert", endpoint.sslcert);
    Add("sslkey", endpoint.sslkey);
    Add("sslrootcert", endpoint.sslrootcert);
    Add("application_name", "praefect");
    Add("client_encoding", "UTF8");
    // One place at a time, and whether it takes writes is asked afterwards.
    Add("target_session_attrs", "any");
    Add("gssencmode", "disable");
    // A peer that died without a word is noticed, also between statements.
    Add("keepalives_idle", "20");
    Add("keepalives_interval", "5");
    Add("keepalives_count", "3");
    Add("tcp_user_timeout", "30000");
    names_.push_back(nullptr);
    for (const std::string& value : texts_) values_.push_back(value.c_str());
    values_.push_back(nullptr);
  }

  PGconn* Start() const { return PQconnectStartParams(names_.data(), values_.data(), 0); }

 private:
  void Add(const char* name, std::string value) {
    names_.push_back(name);
    texts_.push_back(std::move(value));
  }

  std::vector<const char*> names_;
  std::vector<std::string> texts_;
  std::vector<const char*> values_;
};

Stage StageOf(const PGconn* connection, Stage before) {
  switch (PQstatus(connection)) {
    case CONNECTION_BAD:
      return before;
    case CONNECTION_NEEDED:
    case CONNECTION_STARTED:
      return Stage::kConnecting;
    case CONNECTION_MADE:
    case CONNECTION_SSL_STARTUP:
      return Stage::kTls;
    default:
      return Stage::kStartup;
  }
}

ConnectFailure Stopped(const Place& place) {
  ConnectFailure failure;
  failure.place = place;
  failure.layer = Layer::kPool;
  failure.cause = "stopping";
  return failure;
}

// libpq's state machine until it is connected.
std::optional<ConnectFailure> Drive(PGconn* connection, const Place& place, Deadline deadline,
                                    const StopSignal& stop) {
  Stage stage = Stage::kConnecting;
  PostgresPollingStatusType want =
      PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (want != PGRES_POLLING_OK) {
    if (want == PGRES_POLLING_FAILED) return Explain(stage, place, PQerrorMessage(connection));
    const short events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (Poll(PQsocket(connection), events, deadline, stop.fd()) == 0) {
      return stop.stopped() ? Stopped(place) : ExplainTimeout(stage, place);
    }
    want = PQconnectPoll(connection);
    stage = StageOf(connection, stage);
  }
  return std::nullopt;
}

ConnectFailure NotWritable(const Place& place, bool standby) {
  ConnectFailure failure;
  failure.place = place;
  failure.layer = Layer::kReadOnly;
  failure.sqlstate = "25006";
  failure.cause = standby ? "the server is a standby" : "the database takes no writes";
  failure.passing = true;  // it may be promoted
  failure.keys = {"host"};
  failure.advice = standby ? "name the primary, or all servers (host = 'one,other')"
                           : "switch default_transaction_read_only off for this role and database";
  return failure;
}

// A statement of our own: what is connected may be a PgBouncer with nothing behind it.
std::optional<ConnectFailure> Greet(PostgresConnection& connection, const Place& place,
                                    Deadline deadline) {
  const Outcome outcome = connection.RunAlone(
      "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')",
      deadline);
  if (outcome.ok()) {
    const bool standby = outcome.results[0].Boolean(0, 0);
    const bool read_only = outcome.results[0].Text(0, 1) == "on";
    if (!standby && !read_only) return std::nullopt;
    return NotWritable(place, standby);
  }
  const auto& refusal = connection.refusal();
  return Explain(Stage::kStartup, place,
                 refusal.sqlstate.empty() ? refusal.message
                                          : fmt::format("{}:  {}: {}", refusal.severity,
                                                        refusal.sqlstate, refusal.message));
}

std::variant<Connected, ConnectFailure> Open(const config::DatabaseEndpoint& endpoint,
                                             const Place& place, Deadline deadline,
                                             const StopSignal& stop) {
  PGconn* const raw = Keywords(endpoint, place).Start();
  if (raw == nullptr) throw std::bad_alloc();
  // The SQLSTATE of a refusal is in the message only, and only so.
  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);
  if (auto failure = Drive(raw, place, deadline, stop)) {
    PQfinish(raw);
    return *std::move(failure);
  }
  Connected connected;
  connected.connection = std::make_unique<PostgresConnection>(raw);
  connected.place = place;
  connected.version = PQserverVersion(raw);
  const char* text = PQparameterStatus(raw, "server_version");
  connected.version_text = text == nullptr ? "" : text;
  if (PQsslInUse(raw)) connected.tls = PQsslAttribute(raw, "protocol");
  if (auto failure = Greet(*connected.connection, place, deadline)) return *std::move(failure);
  return connected;
}

ConnectFailure Unresolved(const Place& place, const std::string& cause) {
  ConnectFailure failure;
  failure.place = place;
  failure.layer = Layer::kResolve;
  failure.cause = fmt::format("lookup {}: {}", place.host, cause);
  failure.passing = true;
  failure.keys = {"host"};
  failure.advice = "check the name, and the DNS of this host";
  return failure;
}

// Where to try, in order; what cannot be looked up becomes a failure.
std::vector<Place> Places(const config::DatabaseEndpoint& endpoint, const std::string& first_host,
                          Resolver& resolver, Deadline deadline, ConnectFailures& failures) {
  std::vector<std::string> hosts = absl::StrSplit(endpoint.host, ',');
  std::stable_partition(hosts.begin(), hosts.end(),
                        [&](const std::string& host) { return host == first_host; });
  std::vector<Place> places;
  for (size_t i = 0; i < hosts.size(); ++i) {
    std::string& host = hosts[i];
    absl::StripAsciiWhitespace(&host);
    Place place{host, "", endpoint.port == 0 ? kDefaultPort : endpoint.port};
    if (host.empty() || IsDirectory(host)) {
      places.push_back(place);
      continue;
    }
    // Something is left for the names after it, and for connecting.
    const auto now = std::chrono::steady_clock::now();
    const auto share = (deadline - now) / static_cast<int64_t>(hosts.size() - i + 1);
    const Resolved resolved = resolver.Resolve(host, now + share);
    for (const std::string& address : resolved.addresses) {
      place.address = address;
      places.push_back(place);
    }
    if (resolved.addresses.empty()) failures.push_back(Unresolved(place, resolved.error));
  }
  return places;
}

}  // namespace

std::variant<Connected, ConnectFailures> Connect(const config::DatabaseEndpoint& endpoint,
                                                 const std::string& first_host, Resolver& resolver,
                                                 Deadline deadline, const StopSignal& stop) {
  ConnectFailures failures = CheckEndpoint(endpoint);
  if (!failures.empty()) return failures;
  const auto places = Places(endpoint, first_host, resolver, deadline, failures);
  for (size_t i = 0; i < places.size(); ++i) {
    const auto now = std::chrono::steady_clock::now();
    const auto share = (deadline - now) / static_cast<int64_t>(places.size() - i);
    auto result = Open(endpoint, places[i],
                       now + std::min<Deadline::duration>(share, kConnectAttemptTimeout), stop);
    if (auto* connected = std::get_if<Connected>(&result)) return std::move(*connected);
    failures.push_back(std::get<ConnectFailure>(std::move(result)));
  }
  return failures;
}

bool Passing(const ConnectFailures& failures) {
  return std::any_of(failures.begin(), failures.end(),
                     [](const ConnectFailure& failure) { return failure.passing; });
}

}  // namespace praefect::db
