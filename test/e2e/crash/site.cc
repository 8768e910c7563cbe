#include "site.h"

#include <fmt/format.h>
#include <signal.h>
#include <sqlite3.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace praefect::crash {
namespace {

namespace fs = std::filesystem;
using test::Eventually;

constexpr char kNodeToken[] = "hunter2-crash-node";
constexpr int kNodes = 3;
constexpr char kScratch[] = "+gitaly";  // of a node, where copies are made before they appear
// Of everything that is waited for outside of a round's own limits.
constexpr std::chrono::seconds kPatience{60};

// The order of send_window < burial < feed_window < lost_linger is that of the defaults. What a
// node may still apply after `linger` or `lost_linger` would not be found: faults are shorter.
constexpr char kShortTimes[] =
    "linger = '2s'\nlost_linger = '6s'\nbeat_interval = '100ms'\n"
    "send_window = '900ms'\nfeed_window = '4s'\nsettle_timeout = '5s'\ncreate_wait = '5s'\n";

// Everything that is not done; rows as lines.
constexpr char kUnfinished[] =
    "SELECT 'job', j.repository_id, j.storage, j.kind, j.state, j.error FROM replication_jobs j "
    "UNION ALL SELECT 'intent', repository_id, storage, CAST(instance AS text), "
    "CAST(lingering AS text), '' FROM write_intents "
    "UNION ALL SELECT 'repository', repository_id, replica_path, state, relative_path, \"primary\" "
    "FROM repositories WHERE state <> 'live' OR \"primary\" IS NULL "
    "UNION ALL SELECT 'replica', r.repository_id, s.storage, 'behind', r.relative_path, '' "
    "FROM repositories r JOIN storage_repositories s ON s.repository_id = r.repository_id "
    "WHERE s.generation <> r.generation";

// Repositories that one node ({0}) may be the only one to hold, or that something is done for
// there. Where no write is open and a replica is current, nothing is copied onto that one; what is
// copied from the node takes other claims along when its own fall.
constexpr char kNotElsewhere[] =
    "SELECT count(*) FROM repositories r WHERE r.state <> 'removing' AND "
    "(EXISTS (SELECT 1 FROM write_intents i WHERE i.repository_id = r.repository_id) OR "
    "EXISTS (SELECT 1 FROM replication_jobs j WHERE j.repository_id = r.repository_id "
    "AND (j.storage = '{0}' OR j.source = '{0}')) OR "
    "NOT EXISTS (SELECT 1 FROM storage_repositories s WHERE s.repository_id = r.repository_id "
    "AND s.storage <> '{0}' AND s.generation = r.generation AND NOT EXISTS (SELECT 1 FROM "
    "replication_jobs j WHERE j.repository_id = r.repository_id AND j.storage = s.storage)))";

std::string MustGit(const fs::path& repository, const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"--git-dir=" + repository.string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const test::Outcome outcome = test::Git(all);
  if (outcome.exit_status != 0) {
    throw std::runtime_error(repository.string() + ": " + outcome.error);
  }
  return outcome.output;
}

Content ContentOf(const fs::path& repository) {
  Content content;
  content.head = MustGit(repository, {"symbolic-ref", "HEAD"});
  content.head.erase(content.head.find_last_not_of('\n') + 1);
  std::istringstream lines(
      MustGit(repository, {"for-each-ref", "--format=%(refname) %(objectname)"}));
  for (std::string name, id; lines >> name >> id;) content.references[name] = id;
  MustGit(repository,
          {"rev-list", "--objects", "--all", "--quiet"});  // all that these mean is there
  return content;
}

std::string QuerySqlite(const fs::path& file, const std::string& sql) {
  sqlite3* database = nullptr;
  std::string rows;
  const auto row = [](void* into, int count, char** values, char**) {
    for (int i = 0; i < count; ++i) {
      static_cast<std::string*>(into)->append(values[i] != nullptr ? values[i] : "").append("|");
    }
    static_cast<std::string*>(into)->append("\n");
    return 0;
  };
  const int opened = sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
  const bool done = opened == SQLITE_OK && sqlite3_busy_timeout(database, 5'000) == SQLITE_OK &&
                    sqlite3_exec(database, sql.c_str(), row, &rows, nullptr) == SQLITE_OK;
  const std::string error = done ? "" : sqlite3_errmsg(database);
  sqlite3_close(database);
  if (!done) throw std::runtime_error(file.string() + ": " + error);
  return rows;
}

}  // namespace

Site::Site(const fs::path& directory, test::PostgresServer* postgres)
    : directory_(directory), postgres_(postgres) {
  fs::create_directories(directory_ / "tmp");
  for (int i = 0; i < kNodes; ++i) {
    nodes_.push_back(std::make_unique<test::StorageNode>(
        test::NodeSetup{.storage = fmt::format("gitaly-{}", i + 1), .token = kNodeToken},
        directory_));
    nodes_.back()->Start();
  }
  if (postgres_ != nullptr) database_ = postgres_->CreateDatabase();
  for (int i = 0; i < (postgres_ != nullptr ? 2 : 1); ++i) {
    auto& praefect = praefects_.emplace_back(std::make_unique<Praefect>());
    praefect->directory = directory_ / fmt::format("praefect-{}", i + 1);
    if (postgres_ != nullptr) praefect->gate = std::make_unique<DatabaseGate>(postgres_->port());
    praefect->config = Config(*praefect);
  }
  if (postgres_ != nullptr) {
    test::WriteFile(directory_ / "migrate.toml", praefects_.front()->config);
    const test::Outcome migrated =
        test::Run({{PRAEFECT_PROGRAM, "-config", directory_ / "migrate.toml", "sql-migrate"}});
    if (migrated.exit_status != 0) throw std::runtime_error(migrated.error + migrated.output);
  }
  for (size_t i = 0; i < praefects_.size(); ++i) Start(i);
}

std::string Site::Config(const Praefect& praefect) const {
  std::string config = fmt::format(
      "socket_path = '{}'\nprometheus_listen_addr = '127.0.0.1:0'\nworkers = 2\n"
      "keepalive_timeout = '3s'\ngraceful_stop_timeout = '10s'\ngraceful_stop_delay = '0s'\n"
      "[logging]\nformat = 'json'\nlevel = 'info'\n[auth]\ntoken = '{}'\n[replication]\n{}",
      (praefect.directory / "socket").string(), kClientToken, kShortTimes);
  if (praefect.gate != nullptr) {
    config += fmt::format(
        "[database]\nhost = '127.0.0.1'\nport = {}\nuser = 'postgres'\ndbname = '{}'\n"
        "sslmode = 'disable'\n",
        praefect.gate->port(), database_);
  }
  config += fmt::format("[[virtual_storage]]\nname = '{}'\n", kVirtualStorage);
  for (const auto& node : nodes_) {
    config += fmt::format(
        "[[virtual_storage.node]]\nstorage = '{}'\naddress = '{}'\ntoken = '{}'\nprimary = {}\n",
        node->storage(), node->address(), kNodeToken, node == nodes_.front());
  }
  return config;
}

std::string Site::address(size_t praefect) const {
  return "unix:" + (praefects_[praefect]->directory / "socket").string();
}

// The next one begins its output anew.
void Site::KeepOutput(Praefect& praefect) {
  std::error_code error;
  fs::rename(praefect.directory / "output",
             praefect.directory / fmt::format("output.{}", praefect.starts), error);
}

void Site::Start(size_t praefect) {
  Praefect& it = *praefects_.at(praefect);
  KeepOutput(it);
  ++it.starts;
  it.daemon = std::make_unique<test::PraefectDaemon>(it.directory, it.config);
  it.daemon->WaitUntilListening();
}

void Site::Kill(size_t praefect) {
  kill(praefects_.at(praefect)->daemon->pid(), SIGKILL);
  praefects_.at(praefect)->daemon.reset();
}

void Site::Freeze(size_t praefect) { kill(praefects_.at(praefect)->daemon->pid(), SIGSTOP); }
void Site::Thaw(size_t praefect) { kill(praefects_.at(praefect)->daemon->pid(), SIGCONT); }

std::string Site::connection_string() const {
  if (postgres_ == nullptr) return "";
  return fmt::format("host={} port={} user=postgres dbname={}", postgres_->directory().string(),
                     postgres_->port(), database_);
}

std::string Site::embedded_store() const {
  return postgres_ != nullptr ? "" : praefects_.front()->directory / "praefect.db";
}

std::string Site::Query(const std::string& sql) const {
  if (postgres_ != nullptr) return postgres_->Psql(sql, database_);
  return QuerySqlite(embedded_store(), sql);
}

std::string Site::Unfinished() const {
  std::string unfinished = Query(kUnfinished);
  const std::string disks = Query("SELECT filesystem_id FROM storages");
  for (const auto& node : nodes_) {
    const bool known = disks.find(node->filesystem_id()) != std::string::npos;
    if (!known) unfinished += node->storage() + " is on a disk that the books do not know\n";
  }
  return unfinished;
}

bool Site::CanSpareDisk(size_t node) const {
  return std::stoi(Query(fmt::format(kNotElsewhere, nodes_.at(node)->storage()))) == 0;
}

bool Site::DoubtDisk(size_t node) const {
  const std::string id = nodes_.at(node)->filesystem_id();
  return std::all_of(praefects_.begin(), praefects_.end(), [&](const auto& praefect) {
    return praefect->daemon->output().find(id) != std::string::npos;
  });
}

int Site::Instances(const std::string& condition) const {
  return std::stoi(Query("SELECT count(*) FROM instances WHERE " + condition));
}

std::map<std::string, Disk> Site::Disks() const {
  std::map<std::string, Disk> disks;
  for (const auto& node : nodes_) {
    Disk& disk = disks[node->storage()];
    const fs::path root = node->Folder("");
    for (auto entry = fs::recursive_directory_iterator(root); entry != end(entry); ++entry) {
      if (entry->path().filename() == kScratch) entry.disable_recursion_pending();
      const bool is_repository = entry->is_directory() && fs::exists(entry->path() / "HEAD");
      if (!is_repository) continue;
      entry.disable_recursion_pending();
      disk[fs::relative(entry->path(), root)] = ContentOf(entry->path());
    }
  }
  return disks;
}

std::set<std::string> Site::Errors() const {
  std::set<std::string> errors;
  for (const auto& praefect : praefects_) {
    for (const auto& entry : fs::directory_iterator(praefect->directory)) {
      if (!entry.path().filename().string().starts_with("output")) continue;
      std::istringstream lines(test::ReadFile(entry.path()));
      for (std::string line; std::getline(lines, line);) {
        const auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
        if (!parsed.is_object() || parsed.value("level", "") != "error") continue;
        errors.insert(parsed.value("msg", "") + ": " + parsed.value("error", ""));
      }
    }
  }
  return errors;
}

std::string Site::Stop() {
  std::string problems;
  for (const auto& praefect : praefects_) {
    if (!praefect->daemon) continue;
    praefect->daemon->Signal(SIGTERM);
    const auto code = praefect->daemon->WaitExit(kPatience);
    if (code != 0) {
      problems += fmt::format("{} ended with {}; ", praefect->directory.filename().string(),
                              code.value_or(-1));
    }
  }
  for (const auto& node : nodes_) {
    if (node->Stop().value_or(-1) != 0) problems += node->storage() + " did not end well; ";
  }
  return problems;
}

}  // namespace praefect::crash
