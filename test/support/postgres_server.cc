#include "support/postgres_server.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "support/free_port.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrograms = "/usr/lib/postgresql/15/bin/";
constexpr int kStartAttempts = 5;  // a free port may be taken before the server has it

std::string Program(std::string_view name) { return fmt::format("{}{}", kPrograms, name); }

std::string MustRun(std::vector<std::string> argv) {
  Command command{AsPostgres(std::move(argv))};
  command.directory = "/";
  const Outcome outcome = Run(std::move(command));
  if (outcome.exit_status != 0) {
    throw std::runtime_error(fmt::format("exit {}: {}", outcome.exit_status, outcome.error));
  }
  return outcome.output;
}

// To user postgres when we are root.
void GiveAway(const fs::path& path) {
  if (geteuid() != 0) return;
  const Outcome outcome = Run({{"chown", "-R", "postgres:postgres", path.string()}});
  if (outcome.exit_status != 0) throw std::runtime_error(outcome.error);
}

// A server that takes connections, or nothing when its port is taken.
std::unique_ptr<Process> StartServer(std::vector<std::string> argv, const fs::path& log,
                                     std::string_view ready, std::string_view taken) {
  fs::remove(log);
  Command command{AsPostgres(std::move(argv))};
  command.directory = "/";
  command.error_file = log;
  auto process = std::make_unique<Process>(command);
  const auto logged = [&](std::string_view text) {
    return ReadFile(log).find(text) != std::string::npos;
  };
  const bool up =
      Eventually([&] { return logged(ready) || process->WaitFor(std::chrono::milliseconds(0)); });
  if (up && logged(ready)) return process;
  if (logged(taken)) return nullptr;
  throw std::runtime_error("a server does not start: " + ReadFile(log));
}

void EndServer(std::unique_ptr<Process>& process, int signal) {
  if (!process) return;
  process->Kill(signal);
  process->WaitFor(std::chrono::seconds(20));
  process.reset();
}

}  // namespace

std::vector<std::string> AsPostgres(std::vector<std::string> argv) {
  if (geteuid() != 0) return argv;
  std::vector<std::string> all = {"setpriv",       "--reuid=postgres", "--regid=postgres",
                                  "--init-groups", "--pdeathsig",      "QUIT"};
  all.insert(all.end(), argv.begin(), argv.end());
  return all;
}

PostgresServer::PostgresServer(PostgresServerOptions options)
    : PostgresServer(std::move(options), 0,
                     {Program("initdb"), "-E", "UTF8", "--locale=C.UTF-8", "-U", "postgres",
                      "--auth=trust", "--no-sync", "-D"}) {}

PostgresServer::PostgresServer(PostgresServerOptions options, int port,
                               std::vector<std::string> initialise)
    : options_(std::move(options)), port_(port) {
  GiveAway(directory_.path());
  initialise.push_back((directory_ / "data").string());
  MustRun(std::move(initialise));
  Configure();
  Start();
}

std::unique_ptr<PostgresServer> PostgresServer::StandbyOf(const PostgresServer& primary) {
  PostgresServerOptions options = primary.options_;
  options.address = "127.0.0.2";
  return std::unique_ptr<PostgresServer>(new PostgresServer(
      std::move(options), primary.port(),
      {Program("pg_basebackup"), "-R", "-h", primary.directory().string(), "-p",
       std::to_string(primary.port()), "-U", "postgres", "--no-sync", "-c", "fast", "-D"}));
}

PostgresServer::~PostgresServer() { Stop(); }

void PostgresServer::Configure() const {
  std::string settings =
      "fsync = off\nfull_page_writes = off\nshared_buffers = 16MB\n"
      "max_connections = 200\nmax_wal_senders = 4\nautovacuum_naptime = 5s\n";
  settings += fmt::format("listen_addresses = '{}'\nunix_socket_directories = '{}'\n",
                          options_.address, directory().string());
  for (const auto& [name, value] : options_.settings) {
    settings += fmt::format("{} = '{}'\n", name, value);
  }
  WriteFile(directory_ / "data/postgresql.conf", settings);
  WriteFile(directory_ / "data/pg_hba.conf", options_.hba);
  for (const auto& [name, content] : options_.files) {
    WriteFile(directory_ / ("data/" + name), content);
    fs::permissions(directory_ / ("data/" + name), fs::perms::owner_read | fs::perms::owner_write);
  }
  GiveAway(directory_.path());
}

void PostgresServer::Start() {
  const auto start = [&](int port) {
    port_ = port;
    process_ = StartServer(
        {Program("postgres"), "-D", (directory_ / "data").string(), "-p", std::to_string(port)},
        directory_ / "log", "ready to accept", "could not bind");
    return process_ != nullptr;
  };
  if (port_ != 0 && start(port_)) return;
  for (int attempt = 0; attempt < kStartAttempts; ++attempt) {
    if (start(FreePort())) return;
  }
  throw std::runtime_error("no port for PostgreSQL");
}

void PostgresServer::Stop() { EndServer(process_, SIGQUIT); }

void PostgresServer::Promote() { Psql("SELECT pg_promote()"); }

std::string PostgresServer::Log() const { return ReadFile(directory_ / "log"); }

config::DatabaseEndpoint PostgresServer::Endpoint(const std::string& dbname, bool tcp) const {
  config::DatabaseEndpoint endpoint;
  endpoint.host = tcp ? options_.address : directory().string();
  endpoint.port = port_;
  endpoint.user = "postgres";
  endpoint.dbname = dbname;
  if (tcp) endpoint.sslmode = "disable";
  return endpoint;
}

std::string PostgresServer::CreateDatabase() {
  const std::string name = fmt::format("test_{}", ++databases_);
  Psql(fmt::format("CREATE DATABASE {}", name));
  return name;
}

std::string PostgresServer::Psql(const std::string& sql, const std::string& dbname) const {
  return MustRun({"psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h",
                  directory().string(), "-p", std::to_string(port_), "-U", "postgres", "-d", dbname,
                  "-c", sql});
}

PgBouncer::PgBouncer(const PostgresServer& server, const std::string& pool_mode,
                     const std::string& settings)
    : port_(FreePort()) {
  WriteFile(directory_ / "users", "\"postgres\" \"\"\n\"praefect\" \"\"\n");
  WriteFile(
      directory_ / "pgbouncer.ini",
      fmt::format("[databases]\n* = host={} port={}\n"
                  "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n"
                  "unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {}\n{}\n",
                  server.directory().string(), server.port(), port_,
                  (directory_ / "users").string(), pool_mode, settings));
  GiveAway(directory_.path());
  Start();
}

PgBouncer::~PgBouncer() { Stop(); }

void PgBouncer::Start() {
  process_ = StartServer({"/usr/sbin/pgbouncer", (directory_ / "pgbouncer.ini").string()},
                         directory_ / "log", "process up", "cannot listen");
  if (!process_) throw std::runtime_error("PgBouncer's port is taken");
}

void PgBouncer::Stop() { EndServer(process_, SIGTERM); }

config::DatabaseEndpoint PgBouncer::Endpoint(const std::string& dbname) const {
  config::DatabaseEndpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port_;
  endpoint.user = "postgres";
  endpoint.dbname = dbname;
  endpoint.sslmode = "disable";
  return endpoint;
}

}  // namespace praefect::test
